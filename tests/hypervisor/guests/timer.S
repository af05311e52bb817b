/* A preempting timer: 40 ticks while a loop counts with interrupts on, 40 while it switches them off and on, 40 in HLT.
 * Prints a letter each ten ticks. */
#include "guest.h"
_start:
  movl $0x90000, %esp
  load_tables
  set_gate 0x20, tick
  start_timer 60              /* about 20,000 a second */
  xorl %ebp, %ebp
  sti
1:
  incl %ecx
  cmpl $40, %ebp
  jb 1b
2:
  cli
  movl $500, %ecx
  loop .
  sti
  nop
  cmpl $80, %ebp
  jb 2b
3:
  sti
  hlt
  cmpl $120, %ebp
  jb 3b
  cli
  print_char '.'
  guest_exit
tick:
  pushl %eax
  pushl %edx
  incl %ebp
  movl %ebp, %eax
  xorl %edx, %edx
  pushl %ebx
  movl $10, %ebx
  divl %ebx
  popl %ebx
  testl %edx, %edx
  jnz 4f
  addb $'A' - 1, %al
  outb %al, $RS_PORT_DEBUG_CONSOLE
4:
  movb $0x20, %al
  outb %al, $RS_PORT_PIC_MASTER
  popl %edx
  popl %eax
  iret
  guest_tables
