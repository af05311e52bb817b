/* What the assembler guests of the tests share: flat images at 1 MiB, entered in 32-bit protected mode, flat segments
 * with selectors 8 and 10h that no GDT backs yet. */
#include "hypervisor/abi/ports.h"

/* Ends the run well. */
.macro guest_exit
  xorl %eax, %eax
  movw $RS_PORT_EXIT, %dx
  outl %eax, %dx
1: hlt
  jmp 1b
.endm

/* One character. */
.macro print_char c
  movb $\c, %al
  outb %al, $RS_PORT_DEBUG_CONSOLE
.endm

/* A GDT like the one that the loader pretends to have, and an IDT whose every gate is empty. */
.macro load_tables
  lgdt gdt_register
  ljmp $8, $1f
1:
  movw $0x10, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  lidt idt_register
.endm

/* Interrupt gate `vector` to `handler`. */
.macro set_gate vector, handler
  movl $\handler, %eax
  movw %ax, idt + \vector * 8
  movw $8, idt + \vector * 8 + 2
  movw $0x8E00, idt + \vector * 8 + 4
  shrl $16, %eax
  movw %ax, idt + \vector * 8 + 6
.endm

/* The 8259s at vectors 20h and 28h, only the timer unmasked; channel 0 as a rate generator. */
.macro start_timer divisor
  .irp pair, 0x1120, 0x2021, 0x0421, 0x0121, 0xFE21, 0x11A0, 0x28A1, 0x02A1, 0x01A1, 0xFFA1
    movb $(\pair >> 8), %al
    outb %al, $(\pair & 0xFF)
  .endr
  movb $0x34, %al
  outb %al, $RS_PORT_PIT_COMMAND
  movb $(\divisor & 0xFF), %al
  outb %al, $RS_PORT_PIT_CHANNEL0
  movb $(\divisor >> 8), %al
  outb %al, $RS_PORT_PIT_CHANNEL0
.endm

.macro guest_tables
  .balign 8
gdt:
  .quad 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF
gdt_register:
  .word 23
  .long gdt
idt_register:
  .word 256 * 8 - 1
  .long idt
  .balign 8
idt:
  .fill 256, 8, 0
.endm

  .text
  .globl _start
