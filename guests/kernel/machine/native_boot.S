/* From the boot loader to C: paging on, the kernel at its linear address.
 *
 * The image is linked for KERNEL_BASE + 1 MiB and loaded at 1 MiB, so until the jump to `high` every address of ours
 * needs KERNEL_BASE subtracted. */
#include "guests/kernel/machine/machine.h"
#include "guests/multiboot.h"

#define PHYSICAL(symbol) ((symbol) - KERNEL_BASE)
#define PRESENT_WRITABLE 3
#define CR0_PAGING 0x80000000
#define CR0_WRITE_PROTECT 0x00010000 /* the kernel, too, faults on read-only pages: copy-on-write relies on it */

  .section .boot, "ax"
  .global start
start:
  cld
  mov $PHYSICAL(native_direct_tables), %edi /* the first table maps the first 4 MiB, and so the whole kernel */
  mov $PRESENT_WRITABLE, %eax
  mov $1024, %ecx
1:
  stosl
  add $PAGE_BYTES, %eax
  loop 1b

  /* Twice: where we are running now, and where we are linked for. */
  movl $(PHYSICAL(native_direct_tables) + PRESENT_WRITABLE), PHYSICAL(native_directory)
  movl $(PHYSICAL(native_direct_tables) + PRESENT_WRITABLE), PHYSICAL(native_directory) + (KERNEL_BASE >> 20)

  mov $PHYSICAL(native_directory), %eax
  mov %eax, %cr3
  mov %cr0, %eax
  or $(CR0_PAGING | CR0_WRITE_PROTECT), %eax
  mov %eax, %cr0
  mov $high, %eax
  jmp *%eax

  .text
high:
  mov $boot_stack_end, %esp
  push %ebx                     /* physical address of the Multiboot information */
  call native_main              /* native_cpu.c; does not return */

  .bss
  .balign 16
  .skip 4096
boot_stack_end:
