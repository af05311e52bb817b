/* The disk under the file system: the machine's, or a copy of the built-in image in memory if there is none.
 */
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"

extern uint8_t ram_disk_begin[], ram_disk_end[]; /* ram_disk.S */

static uint32_t sectors;
static bool in_ram;

void disk_start(void) {
  sectors = machine_disk_sectors();
  if (sectors == 0) disk_use_ram();
}

void disk_use_ram(void) {
  in_ram = true;
  sectors = (ram_disk_end - ram_disk_begin) / SECTOR_BYTES;
}

const char *disk_name(void) { return in_ram ? "the built-in RAM disk" : "the disk"; }
uint32_t disk_sectors(void) { return sectors; }

int disk_transfer(bool write, uint32_t sector, void *buffer, uint32_t count) {
  if (count == 0 || count > TRANSFER_SECTORS || sector >= sectors || count > sectors - sector) return -EIO;
  if (!in_ram) return machine_disk_transfer(write, sector, buffer, count);
  uint8_t *there = ram_disk_begin + sector * SECTOR_BYTES;
  if (write)
    memcpy(there, buffer, count * SECTOR_BYTES);
  else
    memcpy(buffer, there, count * SECTOR_BYTES);
  return 0;
}
