#include "guests/common/interrupts.h"

#include "guests/common/pc.h"

enum { FIRST_VECTOR = 32, LINES = 16, CODE = 8, DATA = 16, END_OF_INTERRUPT = 0x20, CASCADE = 2 };

extern const uint32_t interrupt_stubs[LINES]; /* interrupt_stubs.S */
static uint64_t gdt[3], idt[FIRST_VECTOR + LINES];
static volatile uint32_t seen; /* a bit for each line */

void interrupt(unsigned irq);
void interrupt(unsigned irq) {
  seen |= 1u << irq;
  if (irq >= 8) out8(RS_PORT_PIC_SLAVE, END_OF_INTERRUPT);
  out8(RS_PORT_PIC_MASTER, END_OF_INTERRUPT);
}

void interrupts_start(void) {
  gdt[1] = flat_segment(ACCESS_CODE);
  gdt[2] = flat_segment(ACCESS_DATA);
  for (unsigned i = 0; i < LINES; i++)
    idt[FIRST_VECTOR + i] = gate(CODE, interrupt_stubs[i], ACCESS_INTERRUPT_GATE);
  struct table_register gdtr = {sizeof gdt - 1, (uint32_t)gdt}, idtr = {sizeof idt - 1, (uint32_t)idt};
  asm volatile("lgdt %0" : : "m"(gdtr));
  asm volatile("lidt %0" : : "m"(idtr));
  asm volatile("ljmp %0, $1f\n1: mov %1, %%ds\n mov %1, %%es\n mov %1, %%ss"
               :
               : "i"(CODE), "r"(DATA)
               : "memory");
  static const struct {
    uint16_t port;
    uint8_t vector, cascade, mask;
  } chips[] = {{RS_PORT_PIC_MASTER, FIRST_VECTOR, 1 << CASCADE, 0xFF & ~(1 << CASCADE)},
               {RS_PORT_PIC_SLAVE, FIRST_VECTOR + 8, CASCADE, 0xFF}};
  for (unsigned i = 0; i < 2; i++) {
    out8(chips[i].port, 0x11); /* ICW1-4: edge-triggered, cascaded, 8086 mode */
    out8(chips[i].port + 1, chips[i].vector);
    out8(chips[i].port + 1, chips[i].cascade);
    out8(chips[i].port + 1, 1);
    out8(chips[i].port + 1, chips[i].mask);
  }
}

void interrupts_unmask(unsigned irq) {
  const uint16_t port = (irq < 8 ? RS_PORT_PIC_MASTER : RS_PORT_PIC_SLAVE) + 1;
  out8(port, in8(port) & ~(1 << irq % 8));
}

void interrupts_wait(unsigned irq) {
  /* STI takes effect after the next instruction, so no interrupt can slip in before HLT. */
  while (!(seen & 1u << irq)) asm volatile("sti\n hlt\n cli" : : : "memory");
  seen &= ~(1u << irq);
}
