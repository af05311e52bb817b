/* One load or store at a chosen address in ring 0 or 3. A page fault is noted and the instruction skipped. */
#include "guests/pagetables/pagetables.h"

  .text
  .global page_fault_handler, leave_handler, probe_load, probe_store, in_ring3
page_fault_handler:
  push %eax
  mov 4(%esp), %eax
  mov %eax, probe_error
  mov %cr2, %eax
  mov %eax, probe_fault_address
  movl $1, probe_faulted
  pop %eax
  add $4, %esp                  /* error code */
  addl $PROBE_BYTES, (%esp)
  iret

/* void probe_load(void): probe_value = *probe_address */
probe_load:
  mov probe_address, %ecx
  mov probe_value, %eax
  mov (%ecx), %eax
  mov %eax, probe_value
  ret
probe_store:
  mov probe_address, %ecx
  mov probe_value, %eax
  mov %eax, (%ecx)
  ret

/* void in_ring3(void (*code)(void)) */
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
  .global probe_address, probe_value, probe_error, probe_fault_address, probe_faulted
probe_address: .skip 4
probe_value: .skip 4
probe_error: .skip 4
probe_fault_address: .skip 4
probe_faulted: .skip 4
home: .skip 16
  .skip 4096
ring3_stack_end:
