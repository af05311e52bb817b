/* Data segments that reach below their base because offsets wrap round the end of the address space, as iPXE's do, and one
 * that expands down: no limit keeps either of them away from a monitor at the top. Prints through each what it finds. */
#include "tests/hypervisor/guests/guest.h"
  .set BASE, 0x200000           /* of the segment that wraps */

  lgdt table_register
  lidt table_register           /* whatever faults is the end */
  movw $0x18, %ax
  movw %ax, %ds
  movw $0x10, %ax
  movw %ax, %es
  movw %ax, %ss

  movb message - BASE, %al      /* W: by MOV */
  outb %al, $RS_PORT_DEBUG_CONSOLE
  incb message + 1 - BASE       /* rap: one read-modify-write, the rest by string instructions */
  movl $message + 1 - BASE, %esi
  movl $buffer, %edi
  movl $3, %ecx
  rep movsb
  movl $message - BASE, %edi    /* and in the other direction */
  movw $0x18, %ax
  movw %ax, %es
  movb $'D', %al
  movl $2, %ecx
  rep stosb
  movw $0x10, %ax
  movw %ax, %ds
  movw %ax, %es
  movl $buffer, %esi
  movl $3, %ecx
  movw $RS_PORT_DEBUG_CONSOLE, %dx
  rep outsb
  movw $0x20, %ax
  movw %ax, %fs
  movb %fs:message, %al         /* D: through the segment that expands down */
  outb %al, $RS_PORT_DEBUG_CONSOLE
  guest_exit

message:
  .ascii "Wqap"
buffer:
  .skip 4
  .balign 8
table:
  .quad 0, 0x00CF9A000000FFFF, 0x00CF92000000FFFF
  .quad 0x00CF92200000FFFF      /* 18h: BASE, 4 GiB */
  .quad 0x00C0960000000000      /* 20h: from 1000h up */
table_register:
  .word table_register - table - 1
  .long table
