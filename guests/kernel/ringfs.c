/* The file system. All nodes and the bitmap are kept in memory and written back when a file is let go; the
 * contents of files are not cached, so that what a program reads and writes is what the disk sees. */
#include "guests/kernel/ringfs_format.h"

#include "guests/common/text.h"
#include "guests/kernel/kernel.h"

enum {
  NODES_PER_SECTOR = SECTOR_BYTES / sizeof(struct ringfs_node),
  NODE_SECTORS = RINGFS_NODES / NODES_PER_SECTOR
};

#define ON_PAGE __attribute__((aligned(PAGE_BYTES)))
static struct ringfs_node nodes[RINGFS_NODES] ON_PAGE;
static uint8_t bitmap[SECTOR_BYTES] ON_PAGE;
static uint8_t buffer[TRANSFER_SECTORS * SECTOR_BYTES] ON_PAGE; /* between disk and program */
static struct ringfs_super super;
static uint32_t holders[RINGFS_NODES];
static bool changed[RINGFS_NODES], bitmap_changed;

/* One transfer at a time: the buffer is shared, and the disk does one thing at a time anyway. */
static bool busy;
static void lock(void) {
  while (busy) sleep_on(&busy);
  busy = true;
}
static void unlock(void) {
  busy = false;
  wake(&busy);
}

int fs_start(void) {
  if (disk_transfer(false, 0, buffer, 1) < 0) return -EIO;
  memcpy(&super, buffer, sizeof super);
  if (memcmp(super.magic, RINGFS_MAGIC, sizeof super.magic) != 0 || super.sectors > disk_sectors() ||
      super.sectors > RINGFS_MAX_SECTORS || super.node_sector + NODE_SECTORS > super.sectors ||
      super.bitmap_sector >= super.sectors || super.data_sector > super.sectors)
    return -EINVAL;
  if (disk_transfer(false, super.node_sector, nodes, NODE_SECTORS) < 0) return -EIO;
  if (disk_transfer(false, super.bitmap_sector, bitmap, 1) < 0) return -EIO;
  for (struct ringfs_node *node = nodes; node < nodes + RINGFS_NODES; node++) { /* trust no disk */
    node->name[RINGFS_NAME_BYTES - 1] = 0;
    uint32_t room = 0;
    for (int i = 0; i < RINGFS_EXTENTS; i++) {
      struct ringfs_extent *extent = &node->extents[i];
      if (extent->count > super.sectors || extent->sector > super.sectors - extent->count) return -EINVAL;
      room += extent->count;
    }
    if (node->bytes > room * SECTOR_BYTES) return -EINVAL;
  }
  return 0;
}

/* ---- names
 * ------------------------------------------------------------------------------------------------------- */

int fs_nodes(void) { return RINGFS_NODES; }

const char *fs_name(int node) {
  return node >= 0 && node < RINGFS_NODES && nodes[node].name[0] ? nodes[node].name : NULL;
}

uint32_t fs_bytes(int node) { return nodes[node].bytes; }

int fs_find(const char *name) {
  if (*name == '/') name++;
  for (int node = 0; node < RINGFS_NODES; node++)
    if (*name && strcmp(nodes[node].name, name) == 0) return node;
  return -ENOENT;
}

int fs_create(const char *name) {
  if (*name == '/') name++;
  if (!*name) return -EINVAL;
  for (int node = 0; node < RINGFS_NODES; node++) {
    if (nodes[node].name[0]) continue;
    nodes[node] = (struct ringfs_node){.bytes = 0};
    text_copy(nodes[node].name, name, RINGFS_NAME_BYTES);
    changed[node] = true;
    return node;
  }
  return -ENOSPC;
}

void fs_hold(int node) { holders[node]++; }

/* Writes back the node's sector and the bitmap if they changed. */
static int write_back(int node) {
  int first = node / NODES_PER_SECTOR * NODES_PER_SECTOR, result = 0;
  lock();
  if (changed[node]) {
    memcpy(buffer, &nodes[first], SECTOR_BYTES);
    result = disk_transfer(true, super.node_sector + node / NODES_PER_SECTOR, buffer, 1);
    changed[node] = false;
  }
  if (bitmap_changed && result == 0) {
    bitmap_changed = false;
    result = disk_transfer(true, super.bitmap_sector, bitmap, 1);
  }
  unlock();
  return result;
}

void fs_let_go(int node) {
  if (--holders[node] == 0) write_back(node);
}

/* ---- room on the disk
 * ---------------------------------------------------------------------------------------------- */

static bool is_used(uint32_t sector) { return bitmap[sector / 8] & 1 << sector % 8; }

static void set_used(uint32_t sector, bool used) {
  if (used)
    bitmap[sector / 8] |= 1 << sector % 8;
  else
    bitmap[sector / 8] &= ~(1 << sector % 8);
  bitmap_changed = true;
}

int fs_truncate(int node) {
  for (int i = 0; i < RINGFS_EXTENTS; i++) {
    struct ringfs_extent *extent = &nodes[node].extents[i];
    for (uint32_t n = 0; n < extent->count; n++) set_used(extent->sector + n, false);
    *extent = (struct ringfs_extent){0, 0};
  }
  nodes[node].bytes = 0;
  changed[node] = true;
  return 0;
}

int fs_remove(const char *name) {
  int node = fs_find(name);
  if (node < 0) return node;
  if (holders[node]) return -EBUSY;
  fs_truncate(node);
  nodes[node].name[0] = 0;
  return write_back(node);
}

/* Adds one sector at the end of a file: after its last one if that is free, otherwise in a new run, which
 * begins where most free sectors follow each other. */
static int grow(struct ringfs_node *node) {
  int last = -1;
  while (last + 1 < RINGFS_EXTENTS && node->extents[last + 1].count) last++;
  if (last >= 0) {
    struct ringfs_extent *extent = &node->extents[last];
    uint32_t next = extent->sector + extent->count;
    if (next < super.sectors && !is_used(next)) {
      set_used(next, true);
      extent->count++;
      return 0;
    }
  }
  if (last + 1 == RINGFS_EXTENTS) return -EFBIG;
  uint32_t best = 0, best_length = 0;
  for (uint32_t sector = super.data_sector, length = 0; sector < super.sectors; sector++) {
    length = is_used(sector) ? 0 : length + 1;
    if (length > best_length) best = sector - (length - 1), best_length = length;
  }
  if (best_length == 0) return -ENOSPC;
  set_used(best, true);
  node->extents[last + 1] = (struct ringfs_extent){best, 1};
  return 0;
}

/* ---- contents
 * ------------------------------------------------------------------------------------------------------ */

/* Where sector `index` of the file is, and how many follow it in one run; 0 if it has none. */
static uint32_t locate(const struct ringfs_node *node, uint32_t index, uint32_t *run) {
  for (int i = 0; i < RINGFS_EXTENTS; i++) {
    const struct ringfs_extent *extent = &node->extents[i];
    if (index < extent->count) {
      *run = extent->count - index;
      return extent->sector + index;
    }
    index -= extent->count;
  }
  return 0;
}

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* Moves what one transfer can move; `bytes` lie within the file's sectors. How much it was, or -EIO. */
static int transfer(int node, bool write, uint32_t offset, uint8_t *memory, uint32_t bytes) {
  uint32_t skip = offset % SECTOR_BYTES, run = 0;
  uint32_t sector = locate(&nodes[node], offset / SECTOR_BYTES, &run);
  uint32_t count = smaller(smaller(run, TRANSFER_SECTORS), (skip + bytes + SECTOR_BYTES - 1) / SECTOR_BYTES);
  bytes = smaller(bytes, count * SECTOR_BYTES - skip);
  bool whole = skip == 0 && bytes == count * SECTOR_BYTES;
  if (!write || !whole) { /* writing part of a sector keeps the rest of it */
    if (disk_transfer(false, sector, buffer, count) < 0) return -EIO;
  }
  if (write) {
    memcpy(buffer + skip, memory, bytes);
    if (disk_transfer(true, sector, buffer, count) < 0) return -EIO;
  } else {
    memcpy(memory, buffer + skip, bytes);
  }
  return bytes;
}

static int transfer_all(int node, bool write, uint32_t offset, uint8_t *memory, uint32_t bytes) {
  uint32_t done = 0;
  while (done < bytes) {
    int n = transfer(node, write, offset + done, memory + done, bytes - done);
    if (n < 0) return n;
    done += n;
  }
  return done;
}

int fs_read(int node, uint32_t offset, void *to, uint32_t bytes) {
  uint32_t end = nodes[node].bytes;
  if (offset >= end) return 0;
  lock();
  int done = transfer_all(node, false, offset, to, smaller(bytes, end - offset));
  unlock();
  return done;
}

int fs_write(int node, uint32_t offset, const void *from, uint32_t bytes) {
  struct ringfs_node *file = &nodes[node];
  if (offset > file->bytes) return -EINVAL; /* no holes */
  if (bytes > RINGFS_MAX_SECTORS * SECTOR_BYTES || offset + bytes > RINGFS_MAX_SECTORS * SECTOR_BYTES)
    return -EFBIG;
  lock();
  uint32_t sectors = 0, run = 0;
  while (locate(file, sectors, &run)) sectors += run;
  int result = 0;
  for (; result == 0 && sectors * SECTOR_BYTES < offset + bytes; sectors++) result = grow(file);
  if (result == 0) result = transfer_all(node, true, offset, (uint8_t *)from, bytes);
  if (result > 0 && offset + result > file->bytes) {
    file->bytes = offset + result;
    changed[node] = true;
  }
  unlock();
  return result;
}
