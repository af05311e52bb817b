/* What a master boot record does: reads the first sector of the partition that its table names, by linear address and by
 * cylinder, head and sector. Prints L or E for each: loaded, or an error of the BIOS. */
#include "hypervisor/abi/ports.h"
  .code16
  .text
  .globl _start
  .set ENTRY, 0x7C00 + 446      /* the first of the table */
  .set BUFFER, 0x600
_start:
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movw $0x7C00, %sp
  movb %dl, drive

  movl ENTRY + 8, %eax          /* by linear address */
  movl %eax, packet_lba
  movw $packet, %si
  movb $0x42, %ah
  int $0x13
  call tell

  movw ENTRY + 2, %cx           /* by cylinder, head and sector */
  movb ENTRY + 1, %dh
  movb drive, %dl
  movw $BUFFER, %bx
  movw $0x0201, %ax
  int $0x13
  call tell

  xorl %eax, %eax
  movw $RS_PORT_EXIT, %dx
  outl %eax, %dx
1: hlt
  jmp 1b

tell:
  movb $'L', %al
  jnc 1f
  movb $'E', %al
1: outb %al, $RS_PORT_DEBUG_CONSOLE
  movb drive, %dl
  ret

drive:
  .byte 0
  .balign 4
packet:
  .word 16, 1, BUFFER, 0
packet_lba:
  .long 0, 0
