/* Where a program begins, and the one instruction that leaves it for the kernel. */
#include "guests/kernel/abi.h"

  .text
  .global start
start:                          /* the stack holds argc, argv: just what main() expects above its return address */
  call main
  mov %eax, %ebx
  mov $SYS_EXIT, %eax
  int $SYSCALL_VECTOR

  .global system_call
system_call:                    /* int system_call(number, a, b, c) */
  push %ebx
  mov 8(%esp), %eax
  mov 12(%esp), %ebx
  mov 16(%esp), %ecx
  mov 20(%esp), %edx
  int $SYSCALL_VECTOR
  pop %ebx
  ret
