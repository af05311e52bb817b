/* execwait: creates a process that becomes `true`, and waits for it, N (50) times. */
#include "guests/kernel/user/lib.h"

int main(int argc, char **argv) {
  const uint32_t n = number_or(argc > 1 ? argv[1] : NULL, 50);
  char *arguments[] = {(char *)"true", NULL};
  for (uint32_t i = 0; i < n; i++) {
    const int child = fork();
    if (child < 0) fail("execwait: cannot fork: error %d\n", -child);
    if (child == 0) exit(exec("true", arguments) < 0);
    if (status_of_child() != 0) fail("execwait: the child failed\n");
  }
  print("%u children, each another program\n", n);
  return 0;
}
