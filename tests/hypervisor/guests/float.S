/* The x87 as kernels use it: its state is asked for lazily, an error is an exception or, without CR0.NE, IRQ 13. */
#include "guest.h"
_start:
  movl $0x90000, %esp
  load_tables
  set_gate 7, not_available
  set_gate 16, float_error
  set_gate 0x2D, interrupt13
  .irp pair, 0x1120, 0x2021, 0x0421, 0x0121, 0xFB21, 0x11A0, 0x28A1, 0x02A1, 0x01A1, 0xDFA1
    movb $(\pair >> 8), %al
    outb %al, $(\pair & 0xFF)
  .endr
  sti
  movl %cr0, %eax
  orl $0x28, %eax             /* NE, TS */
  movl %eax, %cr0
  fninit                      /* #NM */
  fildl two
  fsqrt
  fimull scale
  fbstp digits
  movl $4, %esi
1:
  movb digits(%esi), %al
  call print_digits
  decl %esi
  jns 1b
  call divide_by_zero
  fwait                       /* #MF */
  movl %cr0, %eax
  andl $~0x20, %eax
  movl %eax, %cr0
  call divide_by_zero
  fwait                       /* IRQ 13 */
  print_char '.'
  guest_exit
divide_by_zero:
  fninit
  fldcw unmasked
  fld1
  fldz
  fdivrp
  ret
print_digits:
  movb %al, %ah
  shrb $4, %al
  addb $'0', %al
  outb %al, $RS_PORT_DEBUG_CONSOLE
  movb %ah, %al
  andb $15, %al
  addb $'0', %al
  outb %al, $RS_PORT_DEBUG_CONSOLE
  ret
not_available:
  clts
  print_char 'N'
  iret
float_error:
  fnclex
  print_char 'M'
  iret
interrupt13:
  outb %al, $0xF0
  fnclex
  movb $0x20, %al
  outb %al, $0xA0
  outb %al, $0x20
  print_char 'I'
  iret
two:
  .long 2
scale:
  .long 100000000
unmasked:
  .word 0x37B                 /* division by zero */
digits:
  .skip 10
  guest_tables
