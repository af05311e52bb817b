/* INS and OUTS at pages that are not there: each must fault with the right address and code, and REP INS across the end
 * of a page must have stored what came before. */
#include "guest.h"
  directory = 0x200000
  table = 0x201000
  last_page = 0x300000        /* mapped; the next one is not */
_start:
  movl $0x90000, %esp
  load_tables
  set_gate 14, page_fault
  movl $table, %edi
  movl $3, %eax
  movl $(last_page >> 12) + 1, %ecx
1:
  stosl
  addl $0x1000, %eax
  loop 1b
  movl $table + 3, directory
  movl $directory, %eax
  movl %eax, %cr3
  movl %cr0, %eax
  orl $0x80000000, %eax
  movl %eax, %cr0

  movw $RS_PORT_DEBUG_CONSOLE, %dx
  movl $last_page + 0xFFC, %edi
  movl $8, %ecx
  movl $2f, %ebp
  cld
  rep insb                    /* four bytes, then the fault */
2:
  cmpl $4, %ecx
  jne bad
  cmpl $last_page + 0x1000, %edi
  jne bad
  movl last_page + 0xFFC, %eax
  cmpl $0xE9E9E9E9, %eax
  jne bad
  print_char 'i'
  movl $last_page + 0xFFE, %esi
  movl $3f, %ebp
  outsl                       /* across the boundary: nothing comes out */
3:
  print_char 'o'
  guest_exit
bad:
  print_char '!'
  guest_exit
page_fault:
  movl (%esp), %eax           /* error code: 0 a read, 2 a write */
  addb $'0', %al
  outb %al, $RS_PORT_DEBUG_CONSOLE
  addl $4, %esp
  movl %cr2, %eax
  cmpl $last_page + 0x1000, %eax
  jne bad
  movl %ebp, (%esp)
  iret
  guest_tables
