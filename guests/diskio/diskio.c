/* diskio: moves `count=N` blocks of `bs=B` bytes between memory and disk, up to `depth=D` of them at once,
 * spread over the disk, and says what it saw. No file system, no cache: what a block costs is what the way to
 * the disk costs, `io=pio|mmio|ring|poll`. `write=1` writes, and reads back what it wrote. */
#include "guests/diskio/diskio.h"

#include "guests/common/interrupts.h"
#include "guests/common/pc.h"

enum { BUFFERS = 8 << 20, BUFFER_BYTES = 16 << 20, MOST_BYTES = 1 << 20 };

static const struct driver *driver;
static uint32_t block_bytes, count, depth, blocks_on_disk;

/* Where block n of the run lies: neighbours are far apart. */
static uint32_t place(uint32_t n) { return n * 2654435761u % blocks_on_disk; }
/* As many buffers as transfers at a time: who comes later finds its memory touched before. */
static uint32_t *buffer(uint32_t n) { return (uint32_t *)(BUFFERS + n % depth * block_bytes); }

/* One word of every sector stands for it. */
static void fill(uint32_t n) {
  for (uint32_t i = 0; i < block_bytes; i += SECTOR) buffer(n)[i / 4] = (place(n) * block_bytes + i) ^ 0x5A5A;
}
static uint32_t look(uint32_t n) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < block_bytes; i += SECTOR) sum = sum * 31 + buffer(n)[i / 4];
  return sum;
}

static bool pass(bool write, uint32_t *sum) {
  const uint32_t before = driver->completed();
  for (uint32_t started = 0, seen = 0; seen < count;) {
    const uint32_t first = started;
    for (; started < count && started - seen < depth; started++) {
      if (write) fill(started);
      if (!driver->submit(write, place(started) * (block_bytes / SECTOR), buffer(started), block_bytes))
        break;
    }
    if (started != first) driver->announce();
    if (!driver->complete()) return false;
    for (; seen < driver->completed() - before; seen++)
      if (!write) *sum = *sum * 31 + look(seen);
  }
  return true;
}

int main(const struct multiboot_info *info) {
  static const char *const ways[IO_WAYS] = {"io=pio", "io=mmio", "io=ring", "io=poll"};
  const enum io io = (enum io)choice(info, ways, IO_WAYS);
  block_bytes = option(info, "bs", 4096);
  count = option(info, "count", 64);
  depth = option(info, "depth", 1);
  if (block_bytes == 0 || block_bytes % SECTOR || block_bytes > MOST_BYTES || depth == 0 ||
      (uint64_t)depth * block_bytes > BUFFER_BYTES) {
    print("diskio: bs=B is a multiple of %u up to %u, and bs times depth=D at most %u\n", SECTOR, MOST_BYTES,
          BUFFER_BYTES);
    return 1;
  }
  interrupts_start();
  driver = io < IO_RING ? &ide_driver : &ring_driver;
  blocks_on_disk = driver->start(io) / (block_bytes / SECTOR);
  if (blocks_on_disk == 0) {
    print("diskio: there is no disk with room for one block\n");
    return 1;
  }
  uint32_t sum = 0;
  const bool write = option(info, "write", 0);
  if ((write && !pass(true, &sum)) || !pass(false, &sum)) {
    print("diskio: the disk reports an error\n");
    return 1;
  }
  print("%u blocks of %u bytes %s: %08x\n", count, block_bytes, write ? "written and read" : "read", sum);
  return 0;
}
