/* A boot sector that asks for A20, closes it and opens it, by the BIOS, port 92h and the keyboard controller, and looks each
 * time whether FFFF:0510 is 0000:0500. Prints 1 where they differ, which is A20 on. */
#include "hypervisor/abi/ports.h"
  .code16
  .text
  .globl _start
_start:
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %ss
  movw $0x7C00, %sp
  decw %ax
  movw %ax, %es
  call look                   /* 1: as firmware leaves it */
  movw $0x2402, %ax           /* status */
  int $0x15
  jc bad
  addb $'0', %al
  outb %al, $RS_PORT_DEBUG_CONSOLE
  movw $0x2400, %ax
  int $0x15
  jc bad
  call look                   /* 0 */
  movw $0x2402, %ax
  int $0x15
  addb $'0', %al
  outb %al, $RS_PORT_DEBUG_CONSOLE
  movw $0x2401, %ax
  int $0x15
  jc bad
  call look                   /* 1 */
  movw $0x2403, %ax           /* by which ports */
  int $0x15
  jc bad
  testb $2, %bl
  jz bad
  inb $RS_PORT_FAST_A20, %al
  andb $0xFC, %al
  outb %al, $RS_PORT_FAST_A20
  call look                   /* 0 */
  movb $0xD1, %al
  outb %al, $RS_PORT_KEYBOARD_STATUS
  movb $0xDF, %al
  outb %al, $RS_PORT_KEYBOARD_DATA
  call look                   /* 1 */
  movb $0xDD, %al
  outb %al, $RS_PORT_KEYBOARD_STATUS
  call look                   /* 0 */
  jmp end
bad:
  movb $'!', %al
  outb %al, $RS_PORT_DEBUG_CONSOLE
end:
  xorl %eax, %eax
  movw $RS_PORT_EXIT, %dx
  outl %eax, %dx
1:
  hlt
  jmp 1b

look:
  movw $0x1234, 0x500
  movw $0x5678, %es:0x510
  cmpw $0x5678, 0x500
  movb $'0', %al
  je 1f
  incw %ax
1:
  outb %al, $RS_PORT_DEBUG_CONSOLE
  ret

  .org 510
  .word 0xAA55
