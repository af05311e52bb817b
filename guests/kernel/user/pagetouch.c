/* pagetouch: touches N (256) new pages, then lets a child write to all of them: demand-zero, then
 * copy-on-write. */
#include "guests/kernel/user/lib.h"

enum { PAGE = 4096 };

/* How many pages begin with `value` + their number. */
static uint32_t matching(const char *memory, uint32_t pages, uint32_t value, uint32_t step) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < pages; i++)
    if (*(const uint32_t *)(memory + i * PAGE) == value + i * step) count++;
  return count;
}

static void fill(char *memory, uint32_t pages, uint32_t value) {
  for (uint32_t i = 0; i < pages; i++) *(uint32_t *)(memory + i * PAGE) = value + i;
}

int main(int argc, char **argv) {
  uint32_t pages = number_or(argc > 1 ? argv[1] : NULL, 256);
  char *memory = more_heap(pages * PAGE);
  if ((uint32_t)memory > -4096u) fail("pagetouch: no memory\n");
  if (matching(memory, pages, 0, 0) != pages) fail("pagetouch: a new page is not zero\n");
  fill(memory, pages, 1000);
  int child = fork();
  if (child < 0) fail("pagetouch: cannot fork: error %d\n", -child);
  if (child == 0) {
    if (matching(memory, pages, 1000, 1) != pages) exit(1);
    fill(memory, pages, 5000);
    exit(matching(memory, pages, 5000, 1) != pages);
  }
  if (status_of_child() != 0) fail("pagetouch: the child saw wrong values\n");
  if (matching(memory, pages, 1000, 1) != pages) fail("pagetouch: the child's writes reached the parent\n");
  print("%u pages zero at first, and private after a fork\n", pages);
  return 0;
}
