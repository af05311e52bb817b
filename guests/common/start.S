/* From the boot loader to main(struct multiboot_info *), for small guests in C: 32-bit protected mode with flat segments,
 * paging and interrupts off. What main() returns becomes the guest's exit status. */
#include "guests/multiboot.h"

  .text
  .global start
start:
  cld
  mov $stack_end, %esp
  push %ebx
  call main
  push %eax
  call power_off

  .bss
  .balign 16
  .skip 16384
stack_end:
