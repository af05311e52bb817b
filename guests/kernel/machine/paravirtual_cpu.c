/* The processor and its events, paravirtually: trap table, upcalls, the virtual interrupt flag, timer, power.
 */
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"
#include "guests/kernel/machine/paravirtual.h"

extern const uint32_t paravirtual_stubs[PARAVIRTUAL_GATES];
extern char paravirtual_syscall_stub[], paravirtual_upcall[];

const struct rs_start_info *start_info;
volatile struct rs_shared_info *shared_info;

void paravirtual_main(const struct rs_start_info *start) __attribute__((noreturn));
void paravirtual_main(const struct rs_start_info *start) {
  start_info = start;
  shared_info = (struct rs_shared_info *)start->shared_info;
  paravirtual_mmu_start();
  kernel_main(&(struct boot_info){
      .frames = start->ram_pages < MAX_FRAMES ? start->ram_pages : MAX_FRAMES,
      .first_free_frame = start->first_free_page,
      .command_line = start->command_line,
  });
}

/* ---- traps
 * ------------------------------------------------------------------------------------------------------- */

void machine_start(void) {
  static struct rs_trap traps[PARAVIRTUAL_GATES + 2]; /* exceptions, the system call, the end */
  for (int i = 0; i < PARAVIRTUAL_GATES; i++)
    traps[i] = (struct rs_trap){i, RS_TRAP_MASK_EVENTS, RS_KERNEL_CS, paravirtual_stubs[i]};
  /* Open to ring 3 and not masking events: the monitor makes it a gate of the processor, and stays out of it.
   */
  traps[PARAVIRTUAL_GATES] =
      (struct rs_trap){SYSCALL_VECTOR, 3, RS_KERNEL_CS, (uint32_t)paravirtual_syscall_stub};
  if (hypercall(RS_HC_SET_TRAP_TABLE, traps, 0, 0) < 0) panic("the monitor refuses the trap table");
  hypercall(RS_HC_SET_CALLBACK, paravirtual_upcall, 0, 0);
  hypercall(RS_HC_SET_TIMER, 1000000 / TICKS_PER_SECOND, 0, 0);
}

void machine_user_frame(struct trap_frame *frame, uint32_t eip, uint32_t esp) {
  enum { EFLAGS_IF = 0x200, EFLAGS_RESERVED = 2 };
  *frame = (struct trap_frame){
      .eip = eip, .cs = RS_USER_CS, .eflags = EFLAGS_IF | EFLAGS_RESERVED, .esp = esp, .ss = RS_USER_DS};
}

void machine_switch_to(uint32_t directory_frame, void *kernel_stack_end) {
  struct rs_mmuext_op new_base = {RS_MMUEXT_NEW_BASEPTR, mmu_entry(directory_frame, 0) / PAGE_BYTES};
  struct rs_multicall calls[] = {
      {RS_HC_STACK_SWITCH, {RS_KERNEL_DS, (uint32_t)kernel_stack_end}, 0},
      {RS_HC_MMUEXT_OP, {(uint32_t)&new_base, 1}, 0},
  };
  hypercall(RS_HC_MULTICALL, calls, 2, 0);
  if (calls[0].result < 0 || calls[1].result < 0) panic("the monitor refuses to switch");
}

uint32_t machine_fault_address(void) { return shared_info->cr2; }

/* ---- events
 * ------------------------------------------------------------------------------------------------------ */

static uint32_t take_events(void) {
  uint32_t events = 0; /* XCHG: an event that comes meanwhile is either taken or left, never lost */
  asm volatile("xchg %0, %1" : "+r"(events), "+m"(shared_info->event_pending) : : "memory");
  return events;
}

void machine_interrupt(uint32_t vector) {
  static uint32_t ticks_seen;
  (void)vector; /* there is only the upcall */
  shared_info->upcall_pending = 0;
  uint32_t events = take_events();
  if (events & 1 << RS_EVENT_TIMER) {
    uint32_t ticks = shared_info->ticks; /* several may have gone by while we were held off */
    for (; ticks_seen != ticks; ticks_seen++) timer_tick();
  }
  if (events & 1 << RS_EVENT_CONSOLE) paravirtual_console_event();
  if (events & 1 << RS_EVENT_DISK) paravirtual_disk_event();
}

/* ---- the interrupt flag: a byte in memory. Nothing here traps, and nothing is silently ignored.
 * -------------------- */

const char machine_irq_restore_means[] = "a store to upcall_mask";

enum { ENABLED = 0x200 };

irq_state irq_save(void) {
  irq_state state = shared_info->upcall_mask ? 0 : ENABLED;
  shared_info->upcall_mask = 1;
  asm volatile("" : : : "memory");
  return state;
}

void irq_restore(irq_state state) {
  if (state & ENABLED) irq_enable();
}

void irq_enable(void) {
  asm volatile("" : : : "memory");
  shared_info->upcall_mask = 0;
  if (shared_info->upcall_pending)
    hypercall(RS_HC_VERSION, 0, 0, 0); /* the upcall comes on the way back from it */
}

void machine_wait_for_interrupt(void) {
  hypercall(RS_HC_SCHED_OP, RS_SCHED_BLOCK, 0, 0);
  shared_info->upcall_mask = 1;
}

void machine_power_off(int status) {
  for (;;) hypercall(RS_HC_SCHED_OP, RS_SCHED_SHUTDOWN, status != 0, 0);
}
