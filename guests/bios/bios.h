/* What the files of the BIOS share. Services follow Ralf Brown's Interrupt List and the IBM PC AT Technical
 * Reference. */
#ifndef RINGSIDE_BIOS_H
#define RINGSIDE_BIOS_H

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ROM const __seg_gs /* constants lie in the ROM, which GS selects */
#define BDA 0x40
#define EBDA 0x9FC0

/* A register and its parts. */
union reg {
  u32 e;
  u16 x;
  struct {
    u8 l, h;
  };
};

/* The caller's registers, as entry.S copies them. */
struct __attribute__((packed)) frame {
  u16 es, ds;
  u32 edi, esi, ebp, esp;
  union reg b, d, c, a;
  u16 ip, cs, flags;
};
enum { CF = 1, ZF = 0x40, IF = 0x200 };

static inline void set_flag(struct frame *f, u16 flag, bool on) {
  f->flags = (u16)(on ? f->flags | flag : f->flags & ~flag);
}

static inline u8 inb(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static inline void outb(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static inline u8 peek8(u16 segment, u16 offset) {
  u8 value;
  __asm__ volatile("movw %1, %%fs; movb %%fs:(%2), %0"
                   : "=q"(value)
                   : "r"(segment), "r"((u32)offset)
                   : "memory");
  return value;
}
static inline u16 peek16(u16 segment, u16 offset) {
  u16 value;
  __asm__ volatile("movw %1, %%fs; movw %%fs:(%2), %0"
                   : "=r"(value)
                   : "r"(segment), "r"((u32)offset)
                   : "memory");
  return value;
}
static inline u32 peek32(u16 segment, u16 offset) {
  return peek16(segment, offset) | (u32)peek16(segment, (u16)(offset + 2)) << 16;
}
static inline void poke8(u16 segment, u16 offset, u8 value) {
  __asm__ volatile("movw %1, %%fs; movb %0, %%fs:(%2)"
                   :
                   : "q"(value), "r"(segment), "r"((u32)offset)
                   : "memory");
}
static inline void poke16(u16 segment, u16 offset, u16 value) {
  __asm__ volatile("movw %1, %%fs; movw %0, %%fs:(%2)"
                   :
                   : "r"(value), "r"(segment), "r"((u32)offset)
                   : "memory");
}
static inline void poke32(u16 segment, u16 offset, u32 value) {
  poke16(segment, offset, (u16)value);
  poke16(segment, (u16)(offset + 2), (u16)(value >> 16));
}

static inline u8 cmos(u8 index) {
  outb(0x70, index);
  return inb(0x71);
}
static inline u16 cmos16(u8 index) { return (u16)(cmos(index) | cmos((u8)(index + 1)) << 8); }

/* Lets interrupts in until the next one. */
static inline void wait_for_interrupt(void) { __asm__ volatile("sti; hlt; cli" : : : "memory"); }

void print(ROM char *text);
void print_char(char c);
void find_disks(void);
bool read_boot_sector(u8 *drive);

void __attribute__((noreturn)) start(u16 ip, u16 cs, u16 sp, u16 ss, u8 drive);

#endif
