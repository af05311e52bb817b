/* The one piece of assembler that both machines share: it touches registers and stacks only. */

  .text
  .global context_switch
context_switch:                 /* void context_switch(void **save, void *load) */
  mov 4(%esp), %eax
  mov 8(%esp), %edx
  push %ebp
  push %ebx
  push %esi
  push %edi
  mov %esp, (%eax)
  mov %edx, %esp                /* from here on we are the other process */
  pop %edi
  pop %esi
  pop %ebx
  pop %ebp
  ret

  .global enter_program
enter_program:                  /* void enter_program(struct trap_frame *frame) */
  mov 4(%esp), %esp
  jmp trap_return
