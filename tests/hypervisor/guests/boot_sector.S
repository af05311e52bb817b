/* A boot sector: real mode from beginning to end, with an interrupt vector of its own, string output with 16-bit
 * registers, the timer, and a trip to protected mode and back. */
#include "hypervisor/abi/ports.h"
  .code16
  .text
  .globl _start
_start:
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movw $0x7C00, %sp
  movw $print, 0x21 * 4
  movw %ax, 0x21 * 4 + 2
  movw $tick, 0x08 * 4
  movw %ax, 0x08 * 4 + 2
  movb $'R', %al
  int $0x21
  movl $0xABCD0000, %esi      /* the upper halves must not count */
  movl $0xABCD0000, %ecx
  movw $text, %si
  movw $text_end - text, %cx
  movw $RS_PORT_DEBUG_CONSOLE, %dx
  cld
  rep outsb
  cmpl $0xABCD0000, %ecx
  jne bad
  movw $0xB800, %ax           /* the display, through a segment */
  movw %ax, %es
  movw $0x0758, %es:4
  movb %es:4, %al
  int $0x21

  .irp pair, 0x1120, 0x0821, 0x0421, 0x0121, 0xFE21
    movb $(\pair >> 8), %al
    outb %al, $(\pair & 0xFF)
  .endr
  movb $0x34, %al
  outb %al, $RS_PORT_PIT_COMMAND
  movb $0x00, %al
  outb %al, $RS_PORT_PIT_CHANNEL0
  movb $0x10, %al
  outb %al, $RS_PORT_PIT_CHANNEL0
  sti
1:
  hlt
  cmpb $3, ticks
  jb 1b
  cli

  lgdtl gdt_register
  movl %cr0, %eax
  orb $1, %al
  movl %eax, %cr0
  ljmp $8, $2f
  .code32
2:
  movw $0x10, %ax
  movw %ax, %ds
  movb protected_letter, %al
  outb %al, $RS_PORT_DEBUG_CONSOLE
  ljmp $0x18, $3f             /* back by way of a 16-bit segment */
  .code16
3:
  movl %cr0, %eax
  andb $0xFE, %al
  movl %eax, %cr0
  ljmp $0, $4f
4:
  xorw %ax, %ax
  movw %ax, %ds
  movb $'E', %al
  int $0x21
bad:
  xorl %eax, %eax
  movw $RS_PORT_EXIT, %dx
  outl %eax, %dx
  cli
  hlt
print:
  outb %al, $RS_PORT_DEBUG_CONSOLE
  iret
tick:
  incb ticks
  movb $0x20, %al
  outb %al, $RS_PORT_PIC_MASTER
  iret
text:
  .ascii "eal mode "
text_end:
protected_letter:
  .byte 'P'
ticks:
  .byte 0
  .balign 8
gdt:
  .quad 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF, 0x00009B000000FFFF
gdt_register:
  .word 31
  .long gdt
  .org 510
  .word 0xAA55
