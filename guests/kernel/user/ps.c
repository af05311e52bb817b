/* ps: the processes. */
#include "guests/kernel/user/lib.h"

int main(void) {
  static struct process_info list[32];
  int n = processes(list, 32);
  print("  PID PARENT S PAGES NAME\n");
  for (int i = 0; i < n; i++)
    print("%5u %6u %c %5u %s\n", list[i].pid, list[i].parent, list[i].state, list[i].pages, list[i].name);
  return 0;
}
