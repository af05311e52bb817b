#include "guests/common/pc.h"

void print(const char *format, ...) {
  enum { LINE_STATUS = RS_PORT_UART + 5, READY_TO_SEND = 0x20 };
  char text[256];
  va_list values;
  va_start(values, format);
  format_list(text, sizeof text, format, values);
  va_end(values);
  for (const char *c = text; *c; c++) {
    while (!(in8(LINE_STATUS) & READY_TO_SEND)) continue;
    out8(RS_PORT_UART, *c);
  }
}

void power_off(int status) {
  asm volatile("outl %0, %w1" : : "a"(status == 0 ? RS_EXIT_SUCCESS : RS_EXIT_FAILURE), "d"(RS_PORT_EXIT));
  for (;;) asm volatile("cli\n hlt");
}

uint64_t system_segment(uint32_t base, uint32_t limit, uint32_t access) {
  return (uint64_t)(base & 0xFF000000) << 32 | (uint64_t)(limit & 0xF0000) << 32 | (uint64_t)access << 40 |
         (uint64_t)(base & 0xFFFFFF) << 16 | (limit & 0xFFFF);
}

uint64_t flat_segment(uint32_t access) {
  const uint64_t granular_32bit = (uint64_t)0xC << 52;
  return system_segment(0, 0xFFFFF, access) | granular_32bit;
}

uint64_t gate(uint16_t selector, uint32_t target, uint32_t access) {
  return (uint64_t)(target & 0xFFFF0000) << 32 | (uint64_t)access << 40 | (uint32_t)selector << 16 |
         (target & 0xFFFF);
}
