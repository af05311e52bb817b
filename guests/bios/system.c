/* Power-on, and the services about memory, time and starting the system: INT 11h, 12h, 15h, 18h, 19h, 1Ah. */
#include "guests/bios/bios.h"
#include "hypervisor/abi/ports.h"

enum { EQUIPMENT = 0x10, CONVENTIONAL_KIB = 0x13, TICKS = 0x6C, MIDNIGHT = 0x70, EBDA_SEGMENT = 0x0E };
enum { MIB = 0x100000, SMALL_KIB = 639 };

/* What entry.S keeps for a loader that starts something else than a boot sector. */
extern ROM struct { u16 ip, cs, sp, ss; } direct;

/* RAM above 1 MiB, in KiB. */
static u32 extended_kib(void) {
  u32 above_16m = (u32)cmos16(0x34) * 64;
  return above_16m ? above_16m + 15 * 1024 : cmos16(0x30);
}

static u8 from_bcd(u8 value) { return (u8)((value >> 4) * 10 + (value & 15)); }

static void set_ticks_from_clock(void) {
  u32 seconds = (u32)from_bcd(cmos(4)) * 3600 + (u32)from_bcd(cmos(2)) * 60 + from_bcd(cmos(0));
  /* 1193182 / 65536 ticks a second, in 32 bits */
  poke32(BDA, TICKS, seconds * 18 + (u32)(seconds * 2065u / 10000u));
}

void power_on(void) {
  static ROM u8 pic[][2] = {{0x20, 0x11}, {0x21, 0x08}, {0x21, 0x04}, {0x21, 0x01},
                            {0xA0, 0x11}, {0xA1, 0x70}, {0xA1, 0x02}, {0xA1, 0x01}};
  u16 i;
  for (i = 0; i < 0x100; i += 2) poke16(BDA, i, 0);
  for (i = 0; i < sizeof pic / sizeof pic[0]; i++) outb(pic[i][0], pic[i][1]);
  outb(0x21, 0xFC); /* timer and keyboard */
  outb(0xA1, 0xFF);
  outb(RS_PORT_PIT_COMMAND, 0x34); /* channel 0: every 65536 cycles */
  outb(RS_PORT_PIT_CHANNEL0, 0);
  outb(RS_PORT_PIT_CHANNEL0, 0);
  outb(RS_PORT_KEYBOARD_STATUS, 0x60); /* scan codes of set 1, interrupts on */
  outb(RS_PORT_KEYBOARD_DATA, 0x65);
  while (inb(RS_PORT_KEYBOARD_STATUS) & 1) (void)inb(RS_PORT_KEYBOARD_DATA);
  poke16(BDA, 0x00, RS_PORT_UART);
  poke16(BDA, EBDA_SEGMENT, EBDA);
  poke16(BDA, EQUIPMENT, 0x0226); /* colour display, coprocessor, mouse port, a serial port */
  poke16(BDA, CONVENTIONAL_KIB, SMALL_KIB);
  poke16(BDA, 0x1A, 0x1E); /* the keyboard buffer, empty */
  poke16(BDA, 0x1C, 0x1E);
  poke16(BDA, 0x80, 0x1E);
  poke16(BDA, 0x82, 0x3E);
  poke8(BDA, 0x96, 0x10); /* an enhanced keyboard */
  poke8(EBDA, 0, 1);      /* the size of this area in KiB */
  set_ticks_from_clock();
  __asm__ volatile("int $0x10" : : "a"(0x0003) : "memory");
  find_disks();
}

void int11(struct frame *f) { f->a.x = peek16(BDA, EQUIPMENT); }
void int12(struct frame *f) { f->a.x = peek16(BDA, CONVENTIONAL_KIB); }
void int14(struct frame *f) { f->a.h = 0x80; } /* the port is the program's own: time-out */
void int17(struct frame *f) { f->a.h = 0x01; } /* no printer: time-out */

/* ---- INT 15h */

static void map_entry(struct frame *f, u32 begin, u32 end, u32 kind, u32 next) {
  u16 di = (u16)f->edi;
  poke32(f->es, di, begin);
  poke32(f->es, (u16)(di + 4), 0);
  poke32(f->es, (u16)(di + 8), end - begin);
  poke32(f->es, (u16)(di + 12), 0);
  poke32(f->es, (u16)(di + 16), kind);
  f->b.e = next;
}

/* E820h: the regions of memory one by one; EBX says which. */
static bool memory_map(struct frame *f) {
  if (f->d.e != 0x534D4150 || f->c.e < 20) return false; /* "SMAP" */
  switch (f->b.e) {
    case 0: map_entry(f, 0, SMALL_KIB * 1024, 1, 1); break;
    case 1: map_entry(f, SMALL_KIB * 1024, 0xA0000, 2, 2); break;
    case 2: map_entry(f, 0xF0000, MIB, 2, extended_kib() ? 3 : 0); break;
    case 3: map_entry(f, MIB, MIB + extended_kib() * 1024, 1, 0); break;
    default: return false;
  }
  f->c.e = 20;
  f->a.e = 0x534D4150;
  return true;
}

/* AH = 87h: CX words between the addresses of two descriptors of the table at ES:SI, in protected mode. */
static bool move_block(struct frame *f) {
  static struct __attribute__((packed)) {
    u16 limit;
    u32 base;
  } table;
  u16 si = (u16)f->esi;
  u8 status = inb(RS_PORT_FAST_A20);
  if (f->c.x > 0x8000) return false;
  outb(RS_PORT_FAST_A20, status | 2);
  /* Descriptors 08h and 10h: this table, and BIOS code to come back to; 18h 20h: what the caller filled in.
   */
  table.limit = 0x2F;
  table.base = ((u32)f->es << 4) + si;
  __asm__ volatile(
      "pushw %%ds; pushw %%es; pushfw; cli\n"
      "lgdtl %0\n"
      "movl %%cr0, %%eax; orb $1, %%al; movl %%eax, %%cr0\n"
      "jmp 1f\n"
      "1: movw $0x10, %%dx; movw %%dx, %%ds; movw $0x18, %%dx; movw %%dx, %%es\n"
      "xorl %%esi, %%esi; xorl %%edi, %%edi\n"
      "rep movsw %%ds:(%%esi), %%es:(%%edi)\n"
      "andb $0xFE, %%al; movl %%eax, %%cr0\n"
      "jmp 2f\n"
      "2: popfw; popw %%es; popw %%ds\n"
      :
      : "m"(table), "c"((u32)f->c.x)
      : "eax", "edx", "esi", "edi", "memory");
  outb(RS_PORT_FAST_A20, status);
  return true;
}

/* AH = 86h: CX:DX microseconds, by the refresh signal that toggles every 15.1 of them. */
static void wait(u32 microseconds) {
  u32 toggles = microseconds / 15 + 1;
  u8 last = inb(RS_PORT_SYSTEM_CONTROL) & 0x10;
  while (toggles) {
    u8 now = inb(RS_PORT_SYSTEM_CONTROL) & 0x10;
    if (now != last) toggles--;
    last = now;
  }
}

static bool a20(struct frame *f) {
  switch (f->a.l) {
    case 0: outb(RS_PORT_FAST_A20, inb(RS_PORT_FAST_A20) & ~3); break;
    case 1: outb(RS_PORT_FAST_A20, (u8)((inb(RS_PORT_FAST_A20) | 2) & ~1)); break;
    case 2: f->a.l = inb(RS_PORT_FAST_A20) >> 1 & 1; break;
    case 3: f->b.x = 2; break; /* by port 92h */
    default: return false;
  }
  f->a.h = 0;
  return true;
}

static bool sizes_e801(struct frame *f) {
  u32 kib = extended_kib();
  f->a.x = f->c.x = (u16)(kib < 15 * 1024 ? kib : 15 * 1024);
  f->b.x = f->d.x = (u16)(kib < 15 * 1024 ? 0 : (kib - 15 * 1024) / 64);
  return true;
}

static ROM u8 configuration[] = {8,    0,    0xFC, 0, 0,
                                 0x74, 0x40, 0,    0, 0}; /* an AT with RTC, two PICs, an EBDA */

void int15(struct frame *f) {
  bool known = false;
  switch (f->a.h) {
    case 0x24: known = a20(f); break;
    case 0x86:
      wait((u32)f->c.x << 16 | f->d.x);
      known = true;
      break;
    case 0x87:
      known = move_block(f);
      f->a.h = known ? 0 : 1;
      break;
    case 0x88: {
      u32 kib = extended_kib();
      f->a.x = (u16)(kib > 0xFFFF ? 0xFFFF : kib);
      known = true;
      break;
    }
    case 0xC0:
      f->es = 0xF000;
      f->b.x = (u16)(u32)(const u8 __seg_gs *)configuration;
      f->a.h = 0;
      known = true;
      break;
    case 0xC1:
      f->es = EBDA;
      known = true;
      break;
    case 0xE8:
      if (f->a.l == 0x01) known = sizes_e801(f);
      if (f->a.l == 0x20) {
        known = memory_map(f);
        set_flag(f, CF, !known);
        if (known) return; /* EAX is the signature */
      }
      break;
    default: break;
  }
  if (!known) f->a.h = 0x86;
  set_flag(f, CF, !known);
}

/* ---- INT 18h, 19h */

static ROM char no_disk[] = "Ringside BIOS: no disk to start from\n";
static ROM char no_system[] = "Ringside BIOS: the disk has no boot sector (55 AA at offset 1FEh)\n";
static ROM char gave_up[] = "Ringside BIOS: the boot sector found no system\n";

/* Nothing will ever happen: with interrupts off, whoever runs us knows. */
static void __attribute__((noreturn)) end(ROM char *why) {
  print(why);
  for (;;) __asm__ volatile("cli; hlt");
}

static ROM char invalid[] = "Ringside BIOS: an instruction that this processor does not have, at ";

static void print_hex(u16 value) {
  static ROM char digit[] = "0123456789ABCDEF";
  u8 i;
  for (i = 0; i < 4; i++, value = (u16)(value << 4)) print_char(digit[value >> 12]);
}

/* The processor's #UD: to return would be to raise it for ever. */
void int06(struct frame *f) {
  static ROM char colon[] = ":", line[] = "\n";
  print(invalid);
  print_hex(f->cs);
  print(colon);
  print_hex(f->ip);
  end(line);
}

void int18(struct frame *f) {
  (void)f;
  end(gave_up);
}

void int19(struct frame *f) {
  u8 drive;
  (void)f;
  if (direct.cs) start(direct.ip, direct.cs, direct.sp, direct.ss, 0x80);
  if (read_boot_sector(&drive)) start(0x7C00, 0, 0x7C00, 0, drive);
  end(inb(RS_PORT_IDE_DATA + 7) == 0xFF ? no_disk : no_system);
}

/* ---- INT 1Ah */

static void set_cmos(u8 index, u8 value) {
  outb(0x70, index);
  outb(0x71, value);
}

void int1a(struct frame *f) {
  u32 ticks = peek32(BDA, TICKS);
  bool known = true;
  switch (f->a.h) {
    case 0x00:
      f->a.l = peek8(BDA, MIDNIGHT);
      poke8(BDA, MIDNIGHT, 0);
      f->c.x = (u16)(ticks >> 16);
      f->d.x = (u16)ticks;
      break;
    case 0x01:
      poke32(BDA, TICKS, (u32)f->c.x << 16 | f->d.x);
      poke8(BDA, MIDNIGHT, 0);
      break;
    case 0x02:
      while (cmos(0x0A) & 0x80) {}
      f->c.h = cmos(4);
      f->c.l = cmos(2);
      f->d.x = (u16)(cmos(0) << 8);
      break;
    case 0x03:
      set_cmos(4, f->c.h);
      set_cmos(2, f->c.l);
      set_cmos(0, f->d.h);
      break;
    case 0x04:
      f->c.h = cmos(0x32);
      f->c.l = cmos(9);
      f->d.h = cmos(8);
      f->d.l = cmos(7);
      break;
    case 0x05:
      set_cmos(0x32, f->c.h);
      set_cmos(9, f->c.l);
      set_cmos(8, f->d.h);
      set_cmos(7, f->d.l);
      break;
    default: known = false; break; /* B1h, the PCI BIOS, among them */
  }
  set_flag(f, CF, !known);
}
