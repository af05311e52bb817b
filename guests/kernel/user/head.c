/* head: the first lines of its input; `head N`, 10 by default. */
#include "guests/kernel/user/lib.h"

int main(int argc, char **argv) {
  static char buffer[512];
  uint32_t lines = number_or(argc > 1 ? argv[1] : NULL, 10);
  int n;
  while (lines > 0 && (n = read(0, buffer, sizeof buffer)) > 0) {
    int used = 0;
    while (used < n && lines > 0)
      if (buffer[used++] == '\n') lines--;
    write(1, buffer, used);
  }
  return 0;
}
