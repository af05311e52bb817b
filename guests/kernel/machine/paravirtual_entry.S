/* Where traps come in and go out, paravirtually. Compare native_entry.S: the frames are the same, and so is the way in.
 *
 * The way out differs. In ring 1 IRET cannot turn interrupts on, so our interrupt flag (upcall_mask) is cleared by hand
 * before it. If an event waits by then, or if the kernel itself was interrupted, the monitor returns for us: it can
 * change the flag and jump in one go. */
#include "guests/kernel/machine/paravirtual.h"

#define FRAME_EIP 40            /* offsets in struct trap_frame */
#define FRAME_CS 44
#define UPCALL_PENDING 0        /* offsets in struct rs_shared_info */
#define UPCALL_MASK 1

  .text
trap_common:
  pushal
  mov $RS_KERNEL_DS, %eax
  mov %eax, %ds
  mov %eax, %es
  cld
  push %esp                     /* struct trap_frame * */
  call trap
  add $4, %esp

  .global trap_return
trap_return:
  testb $3, FRAME_CS(%esp)
  jnz leaving
  mov FRAME_EIP(%esp), %eax     /* the kernel was interrupted: on its own way out? */
  sub $leaving, %eax
  cmp $(left - leaving), %eax
  jae by_monitor
  mov $RS_USER_DS, %eax
  mov %eax, %ds
  mov %eax, %es
by_monitor:
  popal
  add $8, %esp
  jmp hypercall_page + RS_HC_IRET * RS_HC_STUB_BYTES

leaving:
  mov shared_info, %eax
  movb $0, UPCALL_MASK(%eax)    /* programs always run with interrupts on */
  testb $1, UPCALL_PENDING(%eax)
  mov $RS_USER_DS, %eax         /* moves leave the flags alone */
  mov %eax, %ds
  mov %eax, %es
  jnz by_monitor
  popal
  add $8, %esp
  iret
left:

/* An error code comes with vectors 8, 10 to 14 and 17; the others get a zero. */
.altmacro
.macro stub vector
stub_\vector:
  .if \vector <> 8 && (\vector < 10 || \vector > 14) && \vector <> 17
  push $0
  .endif
  push $\vector
  jmp trap_common
.endm
.macro address vector
  .long stub_\vector
.endm

.set i, 0
.rept PARAVIRTUAL_GATES
  stub %i
  .set i, i + 1
.endr
  .global paravirtual_syscall_stub, paravirtual_upcall
paravirtual_syscall_stub:
  push $0
  push $SYSCALL_VECTOR
  jmp trap_common
paravirtual_upcall:
  push $0
  push $32                      /* UPCALL_VECTOR */
  jmp trap_common

  .section .rodata
  .global paravirtual_stubs
paravirtual_stubs:              /* uint32_t paravirtual_stubs[PARAVIRTUAL_GATES] */
.set i, 0
.rept PARAVIRTUAL_GATES
  address %i
  .set i, i + 1
.endr
