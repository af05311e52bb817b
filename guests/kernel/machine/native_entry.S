/* Where traps come in and go out, natively.
 *
 * Each vector has a stub that makes all frames alike (an error code, the vector) and falls into one common path. The
 * processor has already switched to the kernel's stack (TSS.esp0) if a program was interrupted.
 *
 * Data segments: programs all use the same flat one, so it is not saved; the way in loads the kernel's, the way out to a
 * program loads the program's. The kernel can be interrupted between that and its IRET: then it must have it again. */
#include "guests/kernel/machine/native.h"

#define FRAME_EIP 40            /* offsets in struct trap_frame */
#define FRAME_CS 44

  .text
trap_common:
  pushal
  mov $KERNEL_DS, %eax
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
  jae 1f
leaving:
  mov $USER_DS, %eax
  mov %eax, %ds
  mov %eax, %es
1:
  popal
  add $8, %esp                  /* vector and error code */
  iret
left:

/* The processor pushes an error code for vectors 8, 10 to 14 and 17; the others get a zero. */
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
.rept NATIVE_GATES
  stub %i
  .set i, i + 1
.endr
  .global native_syscall_stub
native_syscall_stub:
  push $0
  push $SYSCALL_VECTOR
  jmp trap_common

  .section .rodata
  .global native_stubs
native_stubs:                   /* uint32_t native_stubs[NATIVE_GATES] */
.set i, 0
.rept NATIVE_GATES
  address %i
  .set i, i + 1
.endr
