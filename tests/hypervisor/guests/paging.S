/* Page-table work: paging on, a page mapped, remapped, made read-only and unmapped a thousand times, CR3 reloaded. All
 * of it is the guest's own business; prints 'P' if every access saw the right page and every fault came. */
#include "guest.h"
  directory = 0x200000
  table = 0x201000
  page_a = 0x210000
  page_b = 0x211000
  window = 0x3FF000
_start:
  movl $0x90000, %esp
  load_tables
  set_gate 14, page_fault
  movl $table, %edi           /* identity map of 4 MiB */
  movl $3, %eax
  movl $1024, %ecx
1:
  stosl
  addl $0x1000, %eax
  loop 1b
  movl $table + 3, directory
  movl $directory, %eax
  movl %eax, %cr3
  movl %cr0, %eax
  orl $0x80010000, %eax       /* PG, WP */
  movl %eax, %cr0
  movl $0xAAAA, page_a
  movl $0xBBBB, page_b

  xorl %ebp, %ebp             /* faults so far */
  movl $1000, %esi
again:
  movl $page_a + 3, table + (window >> 12) * 4
  invlpg window
  cmpl $0xAAAA, window
  jne bad
  movl $page_b + 3, table + (window >> 12) * 4
  invlpg window
  cmpl $0xBBBB, window
  jne bad
  movl $page_b + 1, table + (window >> 12) * 4
  invlpg window
  movl $resume_1, %edi
  movl $0, window             /* read-only: faults */
resume_1:
  movl $0, table + (window >> 12) * 4
  movl %cr3, %eax
  movl %eax, %cr3
  movl $resume_2, %edi
  movl window, %eax           /* absent: faults */
resume_2:
  decl %esi
  jnz again
  cmpl $2000, %ebp
  jne bad
  print_char 'P'
  guest_exit
bad:
  print_char '!'
  guest_exit

page_fault:
  addl $4, %esp
  movl %cr2, %eax
  cmpl $window, %eax
  jne bad
  incl %ebp
  movl %edi, (%esp)
  iret
  guest_tables
