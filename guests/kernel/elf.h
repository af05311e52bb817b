/* As much of the ELF32 format as loading a program takes (System V ABI, chapter 4 and 5). */
#ifndef KERNEL_ELF_H
#define KERNEL_ELF_H
#include <stdint.h>

struct elf_header {
  uint8_t magic[4], class_32, rest[11];
  uint16_t type, machine;
  uint32_t version, entry, segments_offset, sections_offset, flags;
  uint16_t header_bytes, segment_bytes, segments, section_bytes, sections, names;
};
struct elf_segment {
  uint32_t type, offset, linear, physical, file_bytes, memory_bytes, flags, align;
};
enum { ELF_EXECUTABLE = 2, ELF_I386 = 3, ELF_LOAD = 1, ELF_WRITABLE = 2 };
#endif
