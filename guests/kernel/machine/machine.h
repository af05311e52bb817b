/* Everything that the kernel asks of its machine. Nothing else in the kernel knows ports, privileged
 * instructions, descriptor tables or hypercalls: that is the whole difference between the two builds.
 *
 *   native_*.{c,S}         a PC: 8259, 8254, 16550, IDE; CLI, LGDT, MOV CR3, INVLPG, IRET, HLT
 *   paravirtual_*.{c,S}    hypervisor/abi/paravirtual.h: hypercalls, shared pages, events, rings
 *
 * Read the two side by side, one pair at a time: boot, entry, cpu, mmu, console, disk. */
#ifndef KERNEL_MACHINE_MACHINE_H
#define KERNEL_MACHINE_MACHINE_H

#define PAGE_BYTES 4096
#define KERNEL_BASE 0xC0000000 /* RAM is mapped from here up */
#define MAX_FRAMES 8192        /* 32 MiB are enough for everybody here */

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- start and end
 * ---------------------------------------------------------------------------------------------- */

struct boot_info {
  uint32_t frames;           /* page frames of RAM, at most MAX_FRAMES */
  uint32_t first_free_frame; /* from here on unused */
  const char *command_line;
};
/* The kernel proper (main.c). The boot code calls it with RAM mapped, a stack, and interrupts off. */
void kernel_main(const struct boot_info *boot) __attribute__((noreturn));

/* Sets up traps, interrupts, console input and a timer of TICKS_PER_SECOND. Interrupts stay off. */
void machine_start(void);
#define TICKS_PER_SECOND 1000

/* 0 tells the world that all went well. */
void machine_power_off(int status) __attribute__((noreturn));

/* ---- interrupts
 * ------------------------------------------------------------------------------------------------- */

typedef uint32_t irq_state;
irq_state irq_save(void);          /* turns interrupts off and returns how they were */
void irq_restore(irq_state state); /* puts them back to that */
void irq_enable(void);
/* Call with interrupts off: lets them in, waits for one, and returns with them off again. */
void machine_wait_for_interrupt(void);
/* How irq_restore() works, for the message that says that it did not. */
extern const char machine_irq_restore_means[];

/* ---- traps
 * ------------------------------------------------------------------------------------------------------ */

/* What the entry code leaves on the kernel's stack, whatever came in. */
struct trap_frame {
  uint32_t edi, esi, ebp, ignored_esp, ebx, edx, ecx, eax;
  uint32_t vector, error_code;
  uint32_t eip, cs, eflags;
  uint32_t esp, ss; /* only if the trap came from user mode */
};
enum {
  TRAP_DIVIDE_ERROR = 0,
  TRAP_INVALID_OPCODE = 6,
  TRAP_GENERAL_PROTECTION = 13,
  TRAP_PAGE_FAULT = 14,
  TRAP_FIRST_INTERRUPT = 32,
  TRAP_SYSCALL = 0x80,
};
enum { FAULT_PRESENT = 1, FAULT_WRITE = 2 }; /* bits of a page fault's error code */

/* trap.c. Runs with interrupts off, except for system calls. */
void trap(struct trap_frame *frame);

static inline bool trap_from_user(const struct trap_frame *frame) { return (frame->cs & 3) == 3; }
/* Makes `frame` one that trap_return enters a program with. */
void machine_user_frame(struct trap_frame *frame, uint32_t eip, uint32_t esp);
/* The end of the entry code: ESP points to a frame; restores it and goes where it says. Never called, only
 * returned to. */
void trap_return(void);
/* The address that the last page fault was about. Call it before interrupts are on. */
uint32_t machine_fault_address(void);
/* Serves the device(s) behind an interrupt: calls timer_tick(), console_receive(), and wakes whoever waits
 * for the disk. */
void machine_interrupt(uint32_t vector);

/* ---- switching between processes
 * --------------------------------------------------------------------------------- */

/* From now on: this address space, and this stack (its upper end) whenever a program traps. */
void machine_switch_to(uint32_t directory_frame, void *kernel_stack_end);
/* switch.S: saves the callee-saved registers on the current stack and its pointer in *save, and continues on
 * `load`. */
void context_switch(void **save, void *load);
/* switch.S: leaves the kernel through a frame, for the first time of a process that began in the kernel. */
void enter_program(struct trap_frame *frame) __attribute__((noreturn));

/* ---- page tables
 * -------------------------------------------------------------------------------------------------
 *
 * Two levels, 1024 entries each, as i386 has them. Tables lie in page frames and are read directly. They are
 * *written* by plain stores only as long as they are under construction; from mmu_directory_live() or
 * mmu_table_live() on by mmu_set() alone. Between mmu_batch_begin() and mmu_batch_end() changes may be
 * collected and made at the end, all at once, so nobody may read what has just been set. */

typedef uint32_t page_entry;
enum {
  PAGE_PRESENT = 1,
  PAGE_WRITABLE = 2,
  PAGE_USER = 4,
  PAGE_COPY_ON_WRITE = 0x200, /* one of the bits that the hardware leaves to software */
};

page_entry mmu_entry(uint32_t frame, uint32_t flags);
uint32_t mmu_frame(page_entry entry);

void mmu_set(page_entry *slot, page_entry value);
/* The same for the slot that maps `linear` in the running address space; the TLB forgets the page. */
void mmu_remap(uint32_t linear, page_entry *slot, page_entry value);
void mmu_batch_begin(void);
void mmu_batch_end(void);
void mmu_flush(void); /* the TLB forgets the user half */

void mmu_share_kernel_half(page_entry *directory); /* fills in everything from KERNEL_BASE up */
void mmu_directory_live(uint32_t frame); /* a directory and the user tables it points to are complete */
void mmu_table_live(uint32_t frame);     /* one more table, to be put into a live directory */
void mmu_directory_dead(uint32_t frame); /* it and its user tables are ordinary memory again */

/* ---- console and disk
 * -------------------------------------------------------------------------------------------- */

/* Returns when the text is out. Works at any time, also in a panic. */
void machine_console_write(const char *text, size_t bytes);

#define SECTOR_BYTES 512
#define TRANSFER_SECTORS 128         /* the most that one transfer moves */
uint32_t machine_disk_sectors(void); /* 0 = no disk */
/* Sleeps until done; one caller at a time. `buffer` is in the kernel half and page-aligned. 0 or -EIO. */
int machine_disk_transfer(bool write, uint32_t sector, void *buffer, uint32_t count);

#endif /* __ASSEMBLER__ */
#endif
