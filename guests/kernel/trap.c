/* Everything that interrupts the normal flow ends up here. */
#include "guests/kernel/kernel.h"

static const char *exception_name(uint32_t vector) {
  switch (vector) {
    case TRAP_DIVIDE_ERROR: return "divide error";
    case TRAP_INVALID_OPCODE: return "invalid opcode";
    case TRAP_GENERAL_PROTECTION: return "general protection fault";
    case TRAP_PAGE_FAULT: return "page fault";
    default: return "exception";
  }
}

static void exception(const struct trap_frame *frame) {
  if (frame->vector == TRAP_PAGE_FAULT) {
    uint32_t address = machine_fault_address();
    if (space_fault(&current->space, address, frame->error_code & FAULT_WRITE)) return;
    if (!trap_from_user(frame)) panic("page fault in the kernel at %x, address %x", frame->eip, address);
  }
  if (!trap_from_user(frame))
    panic("%s (%u) in the kernel at %x", exception_name(frame->vector), frame->vector, frame->eip);
  irq_enable(); /* ending may take a while */
  process_exit(KILLED_BY + frame->vector);
}

void trap(struct trap_frame *frame) {
  if (frame->vector == TRAP_SYSCALL)
    frame->eax = system_call(frame->eax, frame->ebx, frame->ecx, frame->edx, frame);
  else if (frame->vector >= TRAP_FIRST_INTERRUPT)
    machine_interrupt(frame->vector);
  else
    exception(frame);

  if (!trap_from_user(frame)) return; /* the kernel is not preempted */
  preempt();
  if (current->killed) {
    irq_enable();
    process_exit(KILLED_BY_REQUEST);
  }
}
