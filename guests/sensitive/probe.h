/* Shared by the files of `sensitive`: selectors and vectors. */
#ifndef GUESTS_SENSITIVE_PROBE_H
#define GUESTS_SENSITIVE_PROBE_H

#define SELECTOR_CODE0 0x08
#define SELECTOR_DATA0 0x10
#define SELECTOR_CODE1 0x19 /* RPL 1 */
#define SELECTOR_DATA1 0x21
#define SELECTOR_CODE3 0x2B /* RPL 3 */
#define SELECTOR_DATA3 0x33
#define SELECTOR_TSS 0x38
#define SELECTOR_CALL_GATE 0x43 /* to call_gate_target in ring 0, open to ring 3 */

#define VECTOR_DONE 0x30  /* a probe has come to its end */
#define VECTOR_TIMER 0x20 /* interrupt line 0 */

#ifndef __ASSEMBLER__
#include <stdint.h>

/* How to print what an instruction gave. */
enum shown {
  SHOW_NOTHING,      /* it executed, that is all */
  SHOW_SELECTOR,     /* AX */
  SHOW_CODE_SEGMENT, /* CS after it */
  SHOW_FLAG,         /* the interrupt flag in EAX */
  SHOW_NEW_FLAG,     /* the interrupt flag after it */
  SHOW_RIGHTS,       /* ZF; access rights in EAX */
  SHOW_LIMIT,        /* ZF; limit in EAX */
  SHOW_ZERO_FLAG,    /* ZF: allowed or not */
  SHOW_GDT,          /* is the table register in probe_memory that of our GDT? */
  SHOW_IDT,
  SHOW_MACHINE_STATUS, /* CR0's task-switched flag in EAX */
  SHOW_TASK_SWITCHED,  /* CR0's task-switched flag after it */
};

struct probe {
  const char *name;
  void (*code)(void); /* runs in the ring in question; ends with INT VECTOR_DONE, unless it faults */
  enum shown shown;
};

extern uint8_t probe_memory[16]; /* for instructions that need an operand in memory */
extern struct table_register probe_gdtr, probe_idtr;

/* What came back: how a probe ended. */
struct outcome {
  uint32_t edi, esi, ebp, ignored_esp, ebx, edx, ecx, eax;
  uint32_t vector, error_code;
  uint32_t eip, cs, eflags;
};
/* trap.S: enters `code` with these selectors, flags, and (in an outer ring) stack; returns when it has ended.
 */
const struct outcome *probe_run(void (*code)(void), uint32_t code_selector, uint32_t data_selector,
                                uint32_t stack, uint32_t eflags);
extern const uint32_t trap_stubs[VECTOR_DONE + 1];
#endif
#endif
