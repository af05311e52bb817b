/* The processor and the interrupt hardware: descriptor tables, 8259 pair, 8254, flags, power. */
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"
#include "guests/kernel/machine/native.h"
#include "guests/multiboot.h"
#include "hypervisor/abi/virtio.h"

extern const uint32_t native_stubs[NATIVE_GATES];
extern char native_syscall_stub[], kernel_image_end[];

/* ---- from the boot code
 * ------------------------------------------------------------------------------------------ */

void native_main(uint32_t multiboot_info) __attribute__((noreturn));
void native_main(uint32_t multiboot_info) {
  static char command_line[1024];
  const struct multiboot_info *info = (void *)(KERNEL_BASE + multiboot_info);
  uint32_t frames = 1024; /* 4 MiB, if the loader does not say */
  if (info->flags & MULTIBOOT_HAS_MEMORY) frames = (1024 + info->upper_kib) / 4;
  if (frames > MAX_FRAMES) frames = MAX_FRAMES;
  native_map_ram(frames);
  /* Copied, because loaders put it into memory that is free otherwise. */
  if (info->flags & MULTIBOOT_HAS_COMMAND_LINE)
    text_copy(command_line, (const char *)(KERNEL_BASE + info->command_line), sizeof command_line);
  native_choose_io(command_line);
  kernel_main(&(struct boot_info){
      .frames = frames,
      .first_free_frame = ((uint32_t)kernel_image_end - KERNEL_BASE + PAGE_BYTES - 1) / PAGE_BYTES,
      .command_line = command_line,
  });
}

/* ---- descriptor tables
 * ------------------------------------------------------------------------------------------- */

struct table_register {
  uint16_t limit;
  const void *base;
} __attribute__((packed));

struct task_state { /* of which only the ring-0 stack is used */
  uint32_t link, esp0, ss0, unused[22];
  uint16_t trap_bit, io_map; /* beyond the limit: programs may use no ports */
};

static struct task_state tss;
static uint64_t gdt[6], idt[256];

static uint64_t descriptor(uint32_t base, uint32_t limit, uint32_t access, uint32_t flags) {
  return (uint64_t)(base & 0xFF000000) << 32 | (uint64_t)flags << 52 | (uint64_t)(limit & 0xF0000) << 32 |
         (uint64_t)access << 40 | (uint64_t)(base & 0xFFFFFF) << 16 | (limit & 0xFFFF);
}

static uint64_t gate(uint32_t target, uint32_t type_and_dpl) {
  return (uint64_t)(target & 0xFFFF0000) << 32 | (uint64_t)type_and_dpl << 40 | KERNEL_CS << 16 |
         (target & 0xFFFF);
}

static void start_descriptor_tables(void) {
  enum { GRANULAR_32BIT = 0xC, CODE = 0x9A, DATA = 0x92, TSS = 0x89, DPL3 = 0x60 };
  gdt[1] = descriptor(0, 0xFFFFF, CODE, GRANULAR_32BIT);
  gdt[2] = descriptor(0, 0xFFFFF, DATA, GRANULAR_32BIT);
  gdt[3] = descriptor(0, 0xFFFFF, CODE | DPL3, GRANULAR_32BIT);
  gdt[4] = descriptor(0, 0xFFFFF, DATA | DPL3, GRANULAR_32BIT);
  gdt[5] = descriptor((uint32_t)&tss, sizeof tss - 1, TSS, 0);
  tss.ss0 = KERNEL_DS;
  tss.io_map = sizeof tss;

  /* Interrupt gates turn interrupts off on entry; the system call's trap gate leaves them on, and is open to
   * ring 3. */
  enum { INTERRUPT_GATE = 0x8E, TRAP_GATE = 0x8F };
  for (int i = 0; i < NATIVE_GATES; i++) idt[i] = gate(native_stubs[i], INTERRUPT_GATE);
  idt[SYSCALL_VECTOR] = gate((uint32_t)native_syscall_stub, TRAP_GATE | DPL3);

  struct table_register gdtr = {sizeof gdt - 1, gdt}, idtr = {sizeof idt - 1, idt};
  asm volatile("lgdt %0" : : "m"(gdtr));
  asm volatile("lidt %0" : : "m"(idtr));
  asm volatile(
      "ljmp %0, $1f\n1:\n"
      "mov %1, %%ds\n mov %1, %%es\n mov %1, %%ss\n"
      "mov %2, %%fs\n mov %2, %%gs"
      :
      : "i"(KERNEL_CS), "r"(KERNEL_DS), "r"(0)
      : "memory");
  asm volatile("lldt %w0" : : "r"(0));
  asm volatile("ltr %w0" : : "r"(TSS_SELECTOR));
}

void machine_user_frame(struct trap_frame *frame, uint32_t eip, uint32_t esp) {
  enum { EFLAGS_IF = 0x200, EFLAGS_RESERVED = 2 };
  *frame = (struct trap_frame){
      .eip = eip, .cs = USER_CS, .eflags = EFLAGS_IF | EFLAGS_RESERVED, .esp = esp, .ss = USER_DS};
}

void machine_switch_to(uint32_t directory_frame, void *kernel_stack_end) {
  tss.esp0 = (uint32_t)kernel_stack_end;
  asm volatile("mov %0, %%cr3" : : "r"(directory_frame * PAGE_BYTES) : "memory");
}

uint32_t machine_fault_address(void) {
  uint32_t address;
  asm volatile("mov %%cr2, %0" : "=r"(address));
  return address;
}

/* ---- 8259 pair and 8254
 * ------------------------------------------------------------------------------------------ */

enum { PIC_INIT = 0x11, PIC_8086 = 1, PIC_END_OF_INTERRUPT = 0x20, PIC_CASCADE = 2 };

static void start_interrupt_controllers(void) {
  out8(RS_PORT_PIC_MASTER, PIC_INIT);
  out8(RS_PORT_PIC_SLAVE, PIC_INIT);
  out8(RS_PORT_PIC_MASTER + 1, TRAP_FIRST_INTERRUPT); /* lines 0-7 and 8-15 become vectors 32-47 */
  out8(RS_PORT_PIC_SLAVE + 1, TRAP_FIRST_INTERRUPT + 8);
  out8(RS_PORT_PIC_MASTER + 1, 1 << PIC_CASCADE);
  out8(RS_PORT_PIC_SLAVE + 1, PIC_CASCADE);
  out8(RS_PORT_PIC_MASTER + 1, PIC_8086);
  out8(RS_PORT_PIC_SLAVE + 1, PIC_8086);
  out8(RS_PORT_PIC_MASTER + 1, 0xFF & ~(1 << PIC_CASCADE)); /* all off, but for the slave's line */
  out8(RS_PORT_PIC_SLAVE + 1, 0xFF);
}

void native_unmask(unsigned irq) {
  uint16_t port = (irq < 8 ? RS_PORT_PIC_MASTER : RS_PORT_PIC_SLAVE) + 1;
  out8(port, in8(port) & ~(1 << irq % 8));
}

static void start_timer(void) {
  enum { CHANNEL0_BOTH_BYTES_RATE_GENERATOR = 0x34, DIVISOR = RS_PIT_HZ / TICKS_PER_SECOND };
  out8(RS_PORT_PIT_COMMAND, CHANNEL0_BOTH_BYTES_RATE_GENERATOR);
  out8(RS_PORT_PIT_CHANNEL0, DIVISOR & 0xFF);
  out8(RS_PORT_PIT_CHANNEL0, DIVISOR >> 8);
  native_unmask(RS_IRQ_TIMER);
}

void machine_interrupt(uint32_t vector) {
  unsigned irq = vector - TRAP_FIRST_INTERRUPT;
  if (irq == 7 || irq == 15) return; /* never unmasked: spurious, and must not be acknowledged */
  if (irq >= 8) out8(RS_PORT_PIC_SLAVE, PIC_END_OF_INTERRUPT);
  out8(RS_PORT_PIC_MASTER, PIC_END_OF_INTERRUPT);
  switch (irq) {
    case RS_IRQ_TIMER: timer_tick(); break;
    case RS_IRQ_UART: native_uart_interrupt(); break;
    case RS_IRQ_IDE: native_disk_interrupt(); break;
    case RS_IRQ_VIRTIO_BLOCK: native_ring_disk_interrupt(); break;
    case RS_IRQ_VIRTIO_CONSOLE: native_ring_console_interrupt(); break;
  }
}

void machine_start(void) {
  start_descriptor_tables();
  start_interrupt_controllers();
  native_uart_start();
  start_timer();
}

/* ---- the interrupt flag
 * ------------------------------------------------------------------------------------------
 *
 * PUSHF reads the flag, POPF writes it back: every x86 kernel does this. In ring 1 PUSHF tells the truth
 * about a machine that is not ours, and POPF leaves the flag alone without a word. That is the hole through
 * which classic virtualization of x86 falls. */

const char machine_irq_restore_means[] = "POPF";

irq_state irq_save(void) {
  irq_state flags;
  asm volatile("pushf\n pop %0\n cli" : "=r"(flags) : : "memory");
  return flags;
}

void irq_restore(irq_state flags) { asm volatile("push %0\n popf" : : "r"(flags) : "memory", "cc"); }

void irq_enable(void) { asm volatile("sti" : : : "memory"); }

void machine_wait_for_interrupt(void) {
  /* STI takes effect after the next instruction, so no interrupt can slip in before HLT. */
  asm volatile("sti\n hlt\n cli" : : : "memory");
}

void machine_power_off(int status) {
  asm volatile("outl %0, %w1" : : "a"(status == 0 ? RS_EXIT_SUCCESS : RS_EXIT_FAILURE), "d"(RS_PORT_EXIT));
  for (;;) asm volatile("cli\n hlt");
}
