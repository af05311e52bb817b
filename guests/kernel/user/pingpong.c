/* pingpong: two processes pass a number to and fro through two pipes, N (500) times. Every pass is a process
 * switch. */
#include "guests/kernel/user/lib.h"

static void pass_on(int from, int to) {
  uint32_t number;
  while (read(from, &number, sizeof number) == sizeof number) {
    number++;
    if (write(to, &number, sizeof number) != sizeof number) exit(1);
  }
  exit(0);
}

int main(int argc, char **argv) {
  uint32_t n = number_or(argc > 1 ? argv[1] : NULL, 500), number = 0;
  int there[2], back[2];
  if (pipe(there) < 0 || pipe(back) < 0) fail("pingpong: no pipe left\n");
  int child = fork();
  if (child < 0) fail("pingpong: cannot fork: error %d\n", -child);
  if (child == 0) {
    close(there[1]), close(back[0]);
    pass_on(there[0], back[1]);
  }
  close(there[0]), close(back[1]);
  for (uint32_t i = 0; i < n; i++) {
    write(there[1], &number, sizeof number);
    if (read(back[0], &number, sizeof number) != sizeof number) fail("pingpong: the other side is gone\n");
  }
  close(there[1]);
  if (status_of_child() != 0 || number != n) fail("pingpong: counted to %u, not to %u\n", number, n);
  print("%u round trips through two pipes\n", n);
  return 0;
}
