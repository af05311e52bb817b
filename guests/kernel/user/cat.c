/* cat: copies files, or its input, to its output. */
#include "guests/kernel/user/lib.h"

static void copy(int from) {
  static char buffer[4096];
  int n;
  while ((n = read(from, buffer, sizeof buffer)) > 0)
    if (write(1, buffer, n) != n) fail("cat: cannot write\n");
  if (n < 0) fail("cat: cannot read: error %d\n", -n);
}

int main(int argc, char **argv) {
  if (argc == 1) copy(0);
  for (int i = 1; i < argc; i++) {
    int fd = open(argv[i], OPEN_READ);
    if (fd < 0) fail("cat: cannot open %s\n", argv[i]);
    copy(fd);
    close(fd);
  }
  return 0;
}
