/* Shared by the native machine's files: segment selectors, ports, interrupt lines. */
#ifndef KERNEL_MACHINE_NATIVE_H
#define KERNEL_MACHINE_NATIVE_H

#include "guests/kernel/abi.h"
#include "guests/kernel/machine/machine.h"
#include "hypervisor/abi/ports.h"

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_CS 0x1B /* RPL 3 */
#define USER_DS 0x23
#define TSS_SELECTOR 0x28

#define NATIVE_GATES 48 /* 32 exceptions, then the 16 interrupt lines */

#ifndef __ASSEMBLER__
static inline void out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint8_t in8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

extern page_entry native_directory[1024];
void native_map_ram(uint32_t frames);

void native_unmask(unsigned irq); /* lets an interrupt line of the 8259 pair through */

void native_uart_start(void);
void native_uart_interrupt(void);
void native_disk_interrupt(void);
#endif
#endif
