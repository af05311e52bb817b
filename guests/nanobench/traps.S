/* The shortest possible handlers, so that what is measured is the way in and out; and the way to ring 3. */
#include "guests/nanobench/nanobench.h"

  .text
  .global system_call_handler, divide_error_handler, page_fault_handler, leave_handler
system_call_handler:
  iret
divide_error_handler:
  addl $DIVIDE_BYTES, (%esp)    /* go on behind the instruction */
  iret
page_fault_handler:
  add $4, %esp                  /* error code */
  addl $LOAD_BYTES, (%esp)
  iret

/* void in_ring3(void (*code)(void)) */
  .global in_ring3
in_ring3:
  push %ebp
  push %ebx
  push %esi
  push %edi
  mov 20(%esp), %eax
  mov %esp, home
  mov $SELECTOR_DATA3, %ecx
  mov %ecx, %ds
  mov %ecx, %es
  push %ecx
  push $ring3_stack_end
  push $2                       /* EFLAGS */
  push $SELECTOR_CODE3
  push $1f
  iret
1:
  call *%eax
  int $VECTOR_LEAVE
leave_handler:                  /* the end of ring 3: continue as if in_ring3 had returned */
  mov $SELECTOR_DATA0, %eax
  mov %eax, %ds
  mov %eax, %es
  mov home, %esp
  pop %edi
  pop %esi
  pop %ebx
  pop %ebp
  ret

  .bss
  .balign 16
home:
  .skip 16
  .skip 4096
ring3_stack_end:
