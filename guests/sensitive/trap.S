/* Into a ring, and back from it by whatever happens there. */
#include "guests/sensitive/probe.h"

  .text
/* const struct outcome *probe_run(code, code_selector, data_selector, stack, eflags) */
  .global probe_run
probe_run:
  push %ebp
  push %ebx
  push %esi
  push %edi
  mov %esp, home                /* `finish` comes back here */
  mov 20(%esp), %ebx
  mov 24(%esp), %ecx
  mov 28(%esp), %edx
  mov 32(%esp), %esi
  mov 36(%esp), %edi
  test $3, %ecx
  jz 1f
  push %edx                     /* an outer ring: IRET takes its stack, too */
  push %esi
1:
  push %edi
  push %ecx
  push %ebx
  mov %edx, %ds
  mov %edx, %es
  xor %eax, %eax
  iret

/* Everything ends here, in ring 0: the end of a probe, or the fault that it got. The frame lies on the stack. */
finish:
  pushal
  mov $SELECTOR_DATA0, %eax
  mov %eax, %ds
  mov %eax, %es
  cld
  mov %esp, %esi                /* copy it, and forget the stack that it came on */
  mov $last_outcome, %edi
  mov $13, %ecx
  rep movsl
  mov $SELECTOR_DATA0, %eax
  mov %eax, %ss
  mov home, %esp
  mov $last_outcome, %eax
  pop %edi
  pop %esi
  pop %ebx
  pop %ebp
  ret

/* Interrupt line 0, which wakes HLT: acknowledge and go on. */
timer:
  add $8, %esp
  push %eax
  mov $0x20, %al
  out %al, $0x20
  pop %eax
  iret

/* The processor pushes an error code for vectors 8, 10 to 14 and 17; the others get a zero. */
.altmacro
.macro stub vector
stub_\vector:
  .if \vector <> 8 && (\vector < 10 || \vector > 14) && \vector <> 17
  push $0
  .endif
  push $\vector
  .if \vector == VECTOR_TIMER
  jmp timer
  .else
  jmp finish
  .endif
.endm
.macro address vector
  .long stub_\vector
.endm
.set i, 0
.rept VECTOR_DONE + 1
  stub %i
  .set i, i + 1
.endr

  .section .rodata
  .global trap_stubs
trap_stubs:
.set i, 0
.rept VECTOR_DONE + 1
  address %i
  .set i, i + 1
.endr

  .bss
  .balign 4
home:
  .skip 4
last_outcome:
  .skip 13 * 4
