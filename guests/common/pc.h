/* The PC as small guests use it: ports, the serial port, the power switch, descriptors. */
#ifndef GUESTS_COMMON_PC_H
#define GUESTS_COMMON_PC_H

#include "guests/common/text.h"
#include "guests/multiboot.h"
#include "hypervisor/abi/ports.h"

static inline void out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint8_t in8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

/* To the serial port. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends the run: 0 = the guest ended well. */
void power_off(int status) __attribute__((noreturn));
/* The number after "NAME=" on the command line, or `otherwise`. */
uint32_t option(const struct multiboot_info *info, const char *name, uint32_t otherwise);
/* Which of the words stands on the command line (the last one that does); 0 if none. */
uint32_t choice(const struct multiboot_info *info, const char *const words[], uint32_t count);

struct table_register { /* what LGDT and LIDT take */
  uint16_t limit;
  uint32_t base;
} __attribute__((packed));

enum {
  ACCESS_CODE = 0x9A,
  ACCESS_DATA = 0x92,
  ACCESS_TSS = 0x89,
  ACCESS_CALL_GATE = 0x8C,
  ACCESS_INTERRUPT_GATE = 0x8E
};
/* A code or data segment of 4 GiB. `access`: type, and DPL << 5. */
uint64_t flat_segment(uint32_t access);
uint64_t system_segment(uint32_t base, uint32_t limit, uint32_t access);
uint64_t gate(uint16_t selector, uint32_t target, uint32_t access);

struct task_state { /* of which only the stacks of the inner rings are used */
  uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, unused[18];
  uint16_t trap_bit, io_map;
};

#endif
