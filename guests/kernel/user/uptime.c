/* uptime: timer ticks since the start. Not for output that should be the same everywhere. */
#include "guests/kernel/user/lib.h"

int main(void) {
  uint32_t now = ticks();
  print("up %u.%03u s\n", now / 1000, now % 1000);
  return 0;
}
