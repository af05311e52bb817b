/* forkwait: creates a process that ends at once, and waits for it, N (200) times: the benchmark of Adams &
 * Agesen that shows what page-table work costs. */
#include "guests/kernel/user/lib.h"

int main(int argc, char **argv) {
  uint32_t n = number_or(argc > 1 ? argv[1] : NULL, 200), sum = 0, expected = 0;
  for (uint32_t i = 0; i < n; i++) {
    int child = fork();
    if (child < 0) fail("forkwait: cannot fork: error %d\n", -child);
    if (child == 0) exit(i % 100);
    sum += status_of_child();
    expected += i % 100;
  }
  if (sum != expected) fail("forkwait: the children's statuses add up to %u, not to %u\n", sum, expected);
  print("%u children, each waited for\n", n);
  return 0;
}
