/* hello: the smallest guest that is worth running.
 *
 * It greets on the serial port, repeats its command line, and switches the machine off. Count what it costs: every
 * character is one OUT after at least one IN that asks whether the port is ready. On bare metal these are plain
 * instructions. Under trap-and-emulate each one faults, because the guest is not in ring 0; under VT-x each one is an
 * exit. `ringside compare hello` shows both.
 */
#include "guests/multiboot.h"
#include "hypervisor/abi/ports.h"

#define UART_LINE_STATUS (RS_PORT_UART + 5)
#define UART_READY_TO_SEND 0x20

  .text
  .global start
start:                          /* 32-bit protected mode, flat segments, no stack yet, interrupts off */
  mov $stack_top, %esp
  mov %ebx, %ebp                /* EBX: the boot loader's information */

  mov $greeting, %esi
  call print
  testl $MULTIBOOT_HAS_COMMAND_LINE, (%ebp)
  jz power_off
  mov MULTIBOOT_INFO_COMMAND_LINE(%ebp), %esi
  call after_image_name
  cmpb $0, (%esi)               /* say nothing about an empty command line */
  je power_off
  push %esi
  mov $prefix, %esi
  call print
  pop %esi
  call print
  mov $newline, %esi
  call print

power_off:
  mov $RS_EXIT_SUCCESS, %eax
  mov $RS_PORT_EXIT, %edx
  out %eax, %dx                 /* the host ends the run here, with this status */
halt:                           /* without that port: stop for good */
  cli
  hlt
  jmp halt

/* print: writes the zero-terminated string at ESI to the serial port. Changes EAX, EDX, ESI. */
print:
  lodsb                         /* AL = next character */
  test %al, %al
  jz 2f
  mov %al, %ah
  mov $UART_LINE_STATUS, %edx
1:
  in %dx, %al                   /* wait until the port can take one more ... */
  test $UART_READY_TO_SEND, %al
  jz 1b
  mov %ah, %al
  mov $RS_PORT_UART, %edx
  out %al, %dx                  /* ... and give it */
  jmp print
2:
  ret

/* after_image_name: loaders put the image's file name before the command line; steps ESI over it. Changes EAX. */
after_image_name:
  lodsb
  cmp $' ', %al
  je 1f
  test %al, %al
  jnz after_image_name
  dec %esi                      /* the name is all: stay at the final zero */
1:
  ret

  .section .rodata
greeting:
  .asciz "Hello from ring 0, or so I believe.\n"
prefix:
  .asciz "My command line: "
newline:
  .asciz "\n"

  .bss
  .skip 1024
stack_top:
