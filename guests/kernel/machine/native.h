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

/* How disk and serial port are reached, by the command line's `io=`; the rest of the PC has ports alone. */
enum native_io {
  IO_PORTS,  /* pio: IN and OUT */
  IO_MEMORY, /* mmio: loads and stores where the ports are mapped into memory */
  IO_RING,   /* ring: requests in memory, a notification for any number of them */
  IO_POLL,   /* poll: the same, but nobody notifies or interrupts: either side looks */
};
extern enum native_io native_io;
void native_choose_io(const char *command_line);

/* A port of the disk or the serial port, whichever way. */
void device_out8(uint16_t port, uint8_t value);
uint8_t device_in8(uint16_t port);

bool native_ring_console_start(void); /* false: there is none */
void native_ring_console_interrupt(void);
void native_ring_console_write(const char *text, size_t bytes);
uint32_t native_ring_disk_sectors(void);
void native_ring_disk_interrupt(void);
int native_ring_disk_transfer(bool write, uint32_t sector, void *buffer, uint32_t count);
enum { POLL_MICROSECONDS = 5 }; /* how often a polling device looks */

extern page_entry native_directory[1024];
void native_map_ram(uint32_t frames);

void native_unmask(unsigned irq); /* lets an interrupt line of the 8259 pair through */

void native_uart_start(void);
void native_uart_interrupt(void);
void native_disk_interrupt(void);
#endif
#endif
