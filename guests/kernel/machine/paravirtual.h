/* Shared by the paravirtual machine's files: hypercalls and the shared pages. */
#ifndef KERNEL_MACHINE_PARAVIRTUAL_H
#define KERNEL_MACHINE_PARAVIRTUAL_H

#include "guests/kernel/abi.h"
#include "guests/kernel/machine/machine.h"
#include "hypervisor/abi/paravirtual.h"

#define PARAVIRTUAL_GATES 32 /* exceptions; events come by the upcall */
#define UPCALL_VECTOR TRAP_FIRST_INTERRUPT

#ifndef __ASSEMBLER__
/* `number` must be a constant: the call goes to its place in the hypercall page. */
#define hypercall(number, a, b, c)                                        \
  ({                                                                      \
    int result;                                                           \
    asm volatile("call hypercall_page + %c1"                              \
                 : "=a"(result)                                           \
                 : "i"((number)*RS_HC_STUB_BYTES), "b"(a), "c"(b), "d"(c) \
                 : "memory", "cc");                                       \
    result;                                                               \
  })

extern const struct rs_start_info *start_info;
extern volatile struct rs_shared_info *shared_info;

void paravirtual_mmu_start(void);
void paravirtual_console_event(void);
void paravirtual_disk_event(void);

/* The machine address of something in the kernel half. */
uint32_t machine_address(const void *memory);
#endif
#endif
