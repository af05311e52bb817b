/* kill: ends the process PID. */
#include "guests/kernel/user/lib.h"

int main(int argc, char **argv) {
  if (argc != 2) fail("usage: kill PID\n");
  if (kill(number_or(argv[1], 0)) < 0) fail("kill: there is no process %s\n", argv[1]);
  return 0;
}
