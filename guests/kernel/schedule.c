/* The scheduler: round robin over the process table; when nobody can run, the processor halts.
 *
 * There is no scheduler process: schedule() switches straight from one process to the next, and if there is
 * none it waits on the stack of whoever came last. */
#include "guests/kernel/kernel.h"

static volatile uint32_t ticks;
static volatile bool slice_over;

static struct process *next_ready(void) {
  struct process *process = current;
  for (int i = 0; i < MAX_PROCESSES; i++) {
    if (++process == processes + MAX_PROCESSES) process = processes;
    if (process->state == READY) return process;
  }
  return NULL;
}

void schedule(void) {
  irq_state state = irq_save();
  struct process *next, *previous = current;
  while (!(next = next_ready())) machine_wait_for_interrupt();
  slice_over = false;
  if (next != previous) {
    current = next;
    machine_switch_to(next->space.directory, next->stack + PAGE_BYTES);
    context_switch(&previous->context, next->context);
  }
  irq_restore(state);
}

void sleep_on(const volatile void *what) {
  current->waits_for = what;
  current->state = SLEEPING;
  schedule();
}

void wake(const volatile void *what) {
  for (struct process *process = processes; process < processes + MAX_PROCESSES; process++)
    if (process->state == SLEEPING && process->waits_for == what) process->state = READY;
}

void timer_tick(void) {
  ticks++;
  slice_over = true;
  wake(&ticks);
}

uint32_t ticks_now(void) { return ticks; }

void preempt(void) {
  if (!slice_over) return;
  if (next_ready() != current) current->preemptions++;
  schedule();
}

int sleep_ticks(uint32_t count) {
  irq_state state = irq_save();
  uint32_t start = ticks;
  while (ticks - start < count && !current->killed) sleep_on(&ticks);
  irq_restore(state);
  return current->killed ? -EINTR : 0;
}
