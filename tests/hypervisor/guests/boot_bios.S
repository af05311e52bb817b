/* A boot sector that asks each service of the BIOS something whose answer it knows, and prints a letter for each that
 * was right. Sector n of its disk is filled with the word n. */
#include "hypervisor/abi/ports.h"
  .code16
  .text
  .globl _start
  .set BUFFER, 0x8000
_start:
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %es
  movb %dl, drive

  int $0x12                     /* a: conventional memory */
  cmpw $639, %ax
  movb $'a', %al
  call tell_if_equal

  xorl %ebx, %ebx               /* b: the memory map has four regions, the last one begins at 1 MiB */
  xorw %bp, %bp
1: movl $0xE820, %eax
  movl $0x534D4150, %edx
  movl $20, %ecx
  movw $BUFFER, %di
  int $0x15
  jc 2f
  incw %bp
  testl %ebx, %ebx
  jnz 1b
2: cmpw $4, %bp
  jne 3f
  cmpl $0x100000, BUFFER
3: movb $'b', %al
  call tell_if_equal

  movb $0x88, %ah               /* c: 3 MiB above the first */
  int $0x15
  cmpw $3072, %ax
  movb $'c', %al
  call tell_if_equal

  movb $0x08, %ah               /* d: the geometry has 18 or 63 sectors, and CHS 0/0/6 is sector 5 */
  movb drive, %dl
  xorw %di, %di
  int $0x13
  andb $63, %cl
  xorw %ax, %ax
  movw %ax, %es
  movw $0x0201, %ax
  movw $BUFFER, %bx
  movw $0x0006, %cx
  xorb %dh, %dh
  movb drive, %dl
  int $0x13
  jc 4f
  cmpw $5, BUFFER + 510
4: movb $'d', %al
  call tell_if_equal

  movw $0x0202, %ax             /* e: the last sectors cannot be read, which says so */
  movw $BUFFER, %bx
  movw $0xFFFF, %cx
  movb drive, %dl
  int $0x13
  jnc 5f
  cmpb $4, %ah
5: movb $'e', %al
  call tell_if_equal

  testb $0x80, drive            /* f: by packet, sectors 7 and 8, through another segment */
  jz 7f
  movb $0x42, %ah
  movb drive, %dl
  movw $packet, %si
  int $0x13
  jc 6f
  cmpw $8, BUFFER + 512
6: movb $'f', %al
  call tell_if_equal

7: sti                          /* g: the timer ticks */
  movb $0, %ah
  int $0x1A
  movw %dx, %bx
8: hlt
  movb $0, %ah
  int $0x1A
  cmpw %dx, %bx
  je 8b
  cmpw %ax, %ax
  movb $'g', %al
  call tell_if_equal

  movb $0, %ah                  /* h: the key that was typed is 'k' */
  int $0x16
  cmpw $0x256B, %ax
  movb $'h', %al
  call tell_if_equal

  movb $0x87, %ah               /* i: a block above 1 MiB and back, which needs A20 and protected mode */
  movw $256, %cx
  movw $there, %si
  int $0x15
  movb $0x87, %ah
  movw $256, %cx
  movw $back, %si
  int $0x15
  jc 9f
  cmpw $0xAA55, BUFFER + 0x1000 + 510
9: movb $'i', %al
  call tell_if_equal

  movb $0x04, %ah               /* j: it is the year 2024, in BCD */
  int $0x1A
  cmpw $0x2024, %cx
  movb $'j', %al
  call tell_if_equal

  xorl %eax, %eax
  movw $RS_PORT_EXIT, %dx
  outl %eax, %dx

tell_if_equal:
  je 1f
  movb $'-', %al
1: movb $0x0E, %ah
  movw $7, %bx
  int $0x10
  ret

packet: .byte 16, 0
  .word 2, 0, BUFFER >> 4
  .quad 7
there: .quad 0, 0
  .word 0xFFFF
  .byte 0, 0x7C, 0, 0x93, 0, 0  /* this sector, whose last word is its signature */
  .word 0xFFFF
  .byte 0, 0, 0x20, 0x93, 0, 0
  .quad 0, 0
back: .quad 0, 0
  .word 0xFFFF
  .byte 0, 0, 0x20, 0x93, 0, 0
  .word 0xFFFF
  .byte 0, 0x90, 0, 0x93, 0, 0
  .quad 0, 0
drive: .byte 0
  .org 510
  .word 0xAA55
