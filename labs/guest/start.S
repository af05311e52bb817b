/* From the boot loader to main(), in 32-bit protected mode with flat segments, paging and interrupts off. What main()
 * returns becomes the guest's exit status: one OUT to port F4h, which is an exit like any other. */
  .section .multiboot, "a"
  .balign 4
  .long 0x1BADB002, 2, -(0x1BADB002 + 2)

  .text
  .global start, power_off
start:
  cld
  mov $stack_end, %esp
  push %ebx                  /* the Multiboot information */
  call main
power_off:                   /* status in EAX */
  out %al, $0xF4
  cli
  hlt

  .bss
  .balign 16
  .skip 16384
  .global stack_end
stack_end:

  .section .note.GNU-stack, "", @progbits
