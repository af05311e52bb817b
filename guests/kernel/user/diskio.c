/* diskio: writes a file in blocks of B (4096) bytes, K (256) KiB in all, and reads it back: `diskio B K`. The
 * same bytes in smaller blocks mean more requests, and under a monitor more exits. */
#include "guests/kernel/user/lib.h"

enum { MAX_BLOCK = 128 * 1024 };

static uint32_t pattern(uint32_t position) { return position * 2654435761u; }

static void pass(bool writing, uint32_t *block, uint32_t block_bytes, uint32_t total) {
  int file = open("scratch", writing ? OPEN_WRITE | OPEN_CREATE | OPEN_TRUNCATE : OPEN_READ);
  if (file < 0) fail("diskio: cannot open its file: error %d\n", -file);
  for (uint32_t at = 0; at < total; at += block_bytes) {
    uint32_t bytes = total - at < block_bytes ? total - at : block_bytes;
    if (writing)
      for (uint32_t i = 0; i < bytes / 4; i++) block[i] = pattern(at / 4 + i);
    int done = writing ? write(file, block, bytes) : read(file, block, bytes);
    if (done != (int)bytes) fail("diskio: %s at %u: %d\n", writing ? "write" : "read", at, done);
    if (!writing)
      for (uint32_t i = 0; i < bytes / 4; i++)
        if (block[i] != pattern(at / 4 + i)) fail("diskio: wrong data at %u\n", at + i * 4);
  }
  close(file);
}

int main(int argc, char **argv) {
  uint32_t block_bytes = number_or(argc > 1 ? argv[1] : NULL, 4096);
  uint32_t total = number_or(argc > 2 ? argv[2] : NULL, 256) * 1024;
  if (block_bytes == 0 || block_bytes % 4 || block_bytes > MAX_BLOCK)
    fail("diskio: blocks of 4 to %d bytes\n", MAX_BLOCK);
  uint32_t *block = (uint32_t *)more_heap(block_bytes);
  if ((uint32_t)block > -4096u) fail("diskio: no memory\n");
  pass(true, block, block_bytes, total);
  pass(false, block, block_bytes, total);
  remove("scratch");
  print("%u bytes written and read in blocks of %u\n", total, block_bytes);
  return 0;
}
