/* The Multiboot 1 header: what makes an ELF file bootable by GRUB, by `qemu -kernel`, and by Ringside.
 *
 * Include it once, at the top of an image's first assembler file. The loader looks for the three words in the
 * first 8 KiB of the file, loads the ELF segments, and enters the image in 32-bit protected mode, paging off,
 * with EAX = MULTIBOOT_LOADED and EBX = the address of `struct multiboot_info`. Specification: Multiboot
 * 0.6.96, section 3. */
#ifndef RINGSIDE_GUESTS_MULTIBOOT_H
#define RINGSIDE_GUESTS_MULTIBOOT_H

#define MULTIBOOT_MAGIC 0x1BADB002
#define MULTIBOOT_FLAGS 3 /* modules on page boundaries, memory sizes wanted */
#define MULTIBOOT_LOADED 0x2BADB002

#define MULTIBOOT_HAS_MEMORY 1 /* bits of multiboot_info.flags */
#define MULTIBOOT_HAS_COMMAND_LINE 4

#define MULTIBOOT_INFO_COMMAND_LINE 16 /* offset of the member, for assembler */

#ifdef __ASSEMBLER__
/* clang-format off */
  .section .multiboot, "a"
  .align 4
  .long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
/* clang-format on */
#else
#include <stdint.h>
struct multiboot_info {
  uint32_t flags;
  uint32_t lower_kib, upper_kib; /* RAM below 640 KiB, and from 1 MiB up to the first hole */
  uint32_t boot_device;
  uint32_t command_line; /* physical address of a zero-terminated string */
};
#endif
#endif
