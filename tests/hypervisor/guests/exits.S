/* One of each instruction that always leaves a guest under VT-x, and of some that do not. */
#include "guest.h"
_start:
  movl $0x90000, %esp
  load_tables
  set_gate 13, general_protection
  set_gate 6, undefined
  movl $0x40000000, %eax
  cpuid
  movl %ebx, signature
  movl %ecx, signature + 4
  movl %edx, signature + 8
  movl $signature, %esi
  movl $12, %ecx
  movw $RS_PORT_DEBUG_CONSOLE, %dx
  rep outsb
  movl $0x174, %ecx           /* SYSENTER_CS */
  movl $0x5A, %eax
  xorl %edx, %edx
  wrmsr
  xorl %eax, %eax
  rdmsr
  outb %al, $RS_PORT_DEBUG_CONSOLE
  movl $0xDEAD, %ecx
  movl $1f, %edi
  rdmsr                       /* #GP */
1:
  movl $13, %eax
  vmcall                      /* the version */
  addb $'0', %al
  outb %al, $RS_PORT_DEBUG_CONSOLE
  movl %cr0, %eax             /* caches off: a wish */
  orl $0x60000000, %eax
  movl %eax, %cr0
  movl %cr0, %eax
  shrl $29, %eax
  andb $3, %al
  addb $'0', %al
  outb %al, $RS_PORT_DEBUG_CONSOLE
  movl $2f, %edi
  movl $0x2000, %eax
  movl %eax, %cr4             /* VMXE: #GP */
2:
  clts                        /* these stay inside */
  movl %cr3, %eax
  movl %eax, %cr3
  movl %eax, %dr0
  smsw %ax
  sgdt signature
  rdtsc
  wbinvd
  movl $3f, %edi
  ud2
3:
  print_char '.'
  guest_exit
general_protection:
  addl $4, %esp
  print_char 'G'
  movl %edi, (%esp)
  iret
undefined:
  print_char 'U'
  movl %edi, (%esp)
  iret
signature:
  .fill 16, 1, 0
  guest_tables
