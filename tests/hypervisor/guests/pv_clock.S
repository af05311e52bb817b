/* Asks for the paravirtual clock as Linux does, and reads it a thousand times: prints the hypervisor's signature and a
 * letter for each thing that was right. The test looks at the pages, too. */
#include "tests/hypervisor/guests/guest.h"
  .set SYSTEM_TIME, 0x200000    /* version, padding, counter, nanoseconds, multiplier, shift, flags */
  .set WALL_CLOCK, 0x200100
  .set LAST, 0x200200           /* the last time that was read, 64 bits */

/* EDX:EAX = the system time now; ECX = its version. The counter has gone on by less than 2^32 ticks since then. */
.macro read_time
1:movl SYSTEM_TIME, %ecx
  rdtsc
  subl SYSTEM_TIME + 8, %eax
  movb SYSTEM_TIME + 28, %bl    /* the shift is not above 0: this processor is faster than 1 GHz */
  xchgl %ebx, %ecx
  negb %cl
  shrl %cl, %eax
  xchgl %ebx, %ecx
  mull SYSTEM_TIME + 24
  movl %edx, %eax
  xorl %edx, %edx
  addl SYSTEM_TIME + 16, %eax
  adcl SYSTEM_TIME + 20, %edx
  cmpl SYSTEM_TIME, %ecx
  jne 1b
.endm

/* Prints `letter` unless the time in EDX:EAX is before LAST; then that is LAST. */
.macro check_order letter
  movl %eax, %esi
  movl %edx, %edi
  subl LAST, %eax
  sbbl LAST + 4, %edx
  jc 2f
  print_char \letter
2:movl %esi, LAST
  movl %edi, LAST + 4
.endm

_start:
  movl $0x80000, %esp
  load_tables
  set_gate 13, no_such_register
  movl $0x40000000, %eax
  cpuid
  movl %ebx, signature
  movl %ecx, signature + 4
  movl %edx, signature + 8
  movl %eax, %ebp
  movl $signature, %esi
  movl $9, %ecx
  movw $RS_PORT_DEBUG_CONSOLE, %dx
  rep outsb
  cmpl $0x40000001, %ebp
  jne 1f
  print_char 'L'
1:movl $0x40000001, %eax
  cpuid
  testl $8, %eax
  jz 1f
  print_char 'F'
1:
  movl $0x4B564D00, %ecx
  movl $WALL_CLOCK, %eax
  xorl %edx, %edx
  wrmsr
  movl $0x4B564D01, %ecx
  movl $SYSTEM_TIME + 1, %eax
  wrmsr
  xorl %eax, %eax
  rdmsr
  cmpl $SYSTEM_TIME + 1, %eax
  jne 1f
  print_char 'R'
1:
  read_time
  check_order 'a'
  movl $1000, %ebp
again:
  read_time
  movl %eax, %esi
  movl %edx, %edi
  subl LAST, %eax
  sbbl LAST + 4, %edx
  jc backwards
  testb $1, %cl
  jnz backwards
  movl %esi, LAST
  movl %edi, LAST + 4
  decl %ebp
  jnz again
  print_char 'm'                  /* monotonic */
backwards:
  movl $0x10, %ecx              /* another counter, the same time */
  movl $5, %eax
  xorl %edx, %edx
  wrmsr
  read_time
  check_order 't'
  movl $0x4B564D07, %ecx        /* there is no such register */
  rdmsr
  print_char 'N'                  /* not reached */
  guest_exit

no_such_register:
  print_char 'G'
  guest_exit

signature:
  .long 0, 0, 0
  guest_tables
