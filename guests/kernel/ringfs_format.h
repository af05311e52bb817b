/* The file system on disk, shared with the host's mkfs.
 *
 *   sector 0        struct ringfs_super
 *   1 ...           nodes: one struct ringfs_node per file, 8 to a sector; there is one directory, and this
 * is it bitmap_sector   one bit per sector of the disk, 1 = used; one sector, hence at most 4096 sectors (2
 * MiB) data_sector ... the files, each in at most RINGFS_EXTENTS runs of sectors
 */
#ifndef KERNEL_RINGFS_FORMAT_H
#define KERNEL_RINGFS_FORMAT_H
#include <stdint.h>

#define RINGFS_MAGIC "ringfs1"
#define RINGFS_NAME_BYTES 24
#define RINGFS_EXTENTS 4
#define RINGFS_NODES 64
#define RINGFS_SECTOR_BYTES 512
#define RINGFS_MAX_SECTORS (RINGFS_SECTOR_BYTES * 8)

struct ringfs_super {
  char magic[8];
  uint32_t sectors;
  uint32_t node_sector;
  uint32_t bitmap_sector;
  uint32_t data_sector;
};

struct ringfs_extent {
  uint32_t sector, count;
};

struct ringfs_node {
  char name[RINGFS_NAME_BYTES]; /* empty = unused */
  uint32_t bytes;
  uint32_t reserved;
  struct ringfs_extent extents[RINGFS_EXTENTS]; /* in the file's order; count 0 = unused */
};
#endif
