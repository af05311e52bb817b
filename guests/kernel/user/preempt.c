/* preempt: two children compute and never give up the processor by themselves. Without a timer that takes it
 * away, the first would keep the second from running until its patience ends. */
#include "guests/kernel/user/lib.h"

enum { CHILDREN = 2, WANTED = 3 };

static uint32_t my_preemptions(void) {
  static struct process_info list[32];
  int n = processes(list, 32), me = pid();
  for (int i = 0; i < n; i++)
    if ((int)list[i].pid == me) return list[i].preemptions;
  return 0;
}

/* Computes until it has been preempted often enough. */
static void compute(void) {
  for (uint32_t patience = 0; patience < 20000; patience++) {
    for (volatile uint32_t i = 0; i < 20000; i++) continue;
    if (my_preemptions() >= WANTED) exit(0);
  }
  exit(1);
}

int main(void) {
  int failures = 0;
  for (int i = 0; i < CHILDREN; i++) {
    int child = fork();
    if (child < 0) fail("preempt: cannot fork: error %d\n", -child);
    if (child == 0) compute();
  }
  for (int i = 0; i < CHILDREN; i++) failures += status_of_child() != 0;
  if (failures) fail("preempt: nobody took the processor away from %d of %d children\n", failures, CHILDREN);
  print("%d children shared the processor; the timer took it away from each at least %d times\n", CHILDREN,
        WANTED);
  return 0;
}
