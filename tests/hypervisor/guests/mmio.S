/* Text memory of the display, by every kind of instruction that an emulator has to know; what comes out is printed. */
#include "guest.h"
  vga = RS_VGA_TEXT
_start:
  movl $0x90000, %esp
  movl $vga, %ebx
  movw $0x0741, (%ebx)        /* mov */
  movb $'B', 2(%ebx)
  movl $0x07440743, 4(%ebx)
  incb (%ebx)                 /* read-modify-write */
  orb $0x20, (%ebx)
  addw $1, 2(%ebx)
  negb 6(%ebx)
  negb 6(%ebx)
  movb $'x', %al
  xchgb %al, 8(%ebx)
  btsl $0, 8(%ebx)
  btrl $0, 8(%ebx)
  movl $3, %ecx
  movl $vga + 20, %edi
  movw $0x0753, %ax
  cld
  rep stosw                   /* strings */
  movl $vga, %esi
  movl $vga + 40, %edi
  movl $5, %ecx
  rep movsw
  movl $message, %esi         /* from RAM to the device, and back */
  movl $vga + 60, %edi
  movl $3, %ecx
  rep movsl
  movl $vga + 60, %esi
  movl $buffer, %edi
  movl $12, %ecx
  rep movsb
  pushl 60(%ebx)              /* a push of it, a pop to it */
  popl 80(%ebx)
  movl $'Q', %ecx
  xorl %eax, %eax
  movb 100(%ebx), %al
  lock cmpxchgb %cl, 100(%ebx)
  movzbl 100(%ebx), %eax
  outb %al, $RS_PORT_DEBUG_CONSOLE
  movl $1, %eax
  lock xaddl %eax, 100(%ebx)
  outb %al, $RS_PORT_DEBUG_CONSOLE
  shlb $1, 100(%ebx)
  testb $0x80, 100(%ebx)
  setnz 102(%ebx)
  addb $'0', 102(%ebx)
  cmpb $'1', 102(%ebx)
  je 1f
  print_char '!'
1:
  movl $vga, %esi             /* everything, as bytes */
  movl $110, %ecx
2:
  lodsb
  outb %al, $RS_PORT_DEBUG_CONSOLE
  loop 2b
  movl $buffer, %esi
  movl $12, %ecx
  movw $RS_PORT_DEBUG_CONSOLE, %dx
  rep outsb
  movl $vga + 60, %esi        /* OUTS straight from the device, INS into it */
  movl $12, %ecx
  rep outsb
  movl $vga + 120, %edi
  movl $2, %ecx
  rep insb
  movw vga + 120, %ax
  outb %al, $RS_PORT_DEBUG_CONSOLE
  movb %ah, %al
  outb %al, $RS_PORT_DEBUG_CONSOLE
  guest_exit
message:
  .ascii "twelve bytes"
buffer:
  .fill 12, 1, 0
