/* syscalls: asks for its process number N (20000) times. The cheapest way into the kernel and out again. */
#include "guests/kernel/user/lib.h"

int main(int argc, char **argv) {
  uint32_t n = number_or(argc > 1 ? argv[1] : NULL, 20000);
  int first = pid();
  for (uint32_t i = 0; i < n; i++)
    if (pid() != first) fail("syscalls: my process number has changed\n");
  print("%u system calls\n", n);
  return 0;
}
