/* INT 13h over the IDE channel, by programmed I/O. A disk of exactly a floppy's size is drive 00h, any other
 * 80h. */
#include "guests/bios/bios.h"
#include "hypervisor/abi/ports.h"

enum { SECTOR = 512, ERROR_REGISTER = 1, COUNT, LBA0, LBA1, LBA2, DEVICE, COMMAND };
enum { BUSY = 0x80, READY = 0x40, DRQ = 0x08, FAILED = 0x01 };
enum { READ = 0x20, WRITE = 0x30, IDENTIFY = 0xEC };
enum { OK = 0, BAD_COMMAND = 1, NOT_FOUND = 4, BAD_BOUNDARY = 9, CONTROLLER = 0x20, NOT_READY = 0x80 };
enum { LAST_STATUS = 0x41, DISK_COUNT = 0x75 };
enum { PATIENCE = 1000000 };

static struct disk {
  u32 sectors;
  u16 cylinders;
  u8 heads, sectors_per_track, floppy_type;
} disk;

static ROM struct {
  u16 sectors;
  u8 cylinders, heads, sectors_per_track, type;
} floppies[] = {{720, 40, 2, 9, 1},
                {2400, 80, 2, 15, 2},
                {1440, 80, 2, 9, 3},
                {2880, 80, 2, 18, 4},
                {5760, 80, 2, 36, 5}};

static u16 port(u8 reg) { return (u16)(RS_PORT_IDE_DATA + reg); }

/* Waits until the drive is no longer busy; its status, or BUSY if it never is. */
static u8 ready(void) {
  u32 i;
  for (i = 0; i < PATIENCE; i++) {
    u8 status = inb(port(COMMAND));
    if (!(status & BUSY)) return status;
  }
  return BUSY;
}

static bool issue(u8 command, u32 lba, u8 count) {
  if (ready() & BUSY) return false;
  outb(port(DEVICE), (u8)(0xE0 | (lba >> 24 & 15)));
  outb(port(COUNT), count);
  outb(port(LBA0), (u8)lba);
  outb(port(LBA1), (u8)(lba >> 8));
  outb(port(LBA2), (u8)(lba >> 16));
  outb(port(COMMAND), command);
  return true;
}

/* One sector between the data port and memory; segment and offset are such that it does not wrap. */
static void sector_in(u16 segment, u16 offset) {
  u32 count = SECTOR / 2, to = offset;
  __asm__ volatile("pushw %%es; movw %3, %%es; rep insw; popw %%es"
                   : "+c"(count), "+D"(to)
                   : "d"(port(0)), "r"(segment)
                   : "memory");
}
static void sector_out(u16 segment, u16 offset) {
  u32 count = SECTOR / 2, from = offset;
  __asm__ volatile("pushw %%ds; movw %3, %%ds; rep outsw; popw %%ds"
                   : "+c"(count), "+S"(from)
                   : "d"(port(0)), "r"(segment)
                   : "memory");
}

/* Moves `count` sectors; the status for AH, and in *done how many. */
static u8 transfer(u8 command, u32 lba, u16 count, u16 segment, u16 offset, bool store, u8 *done) {
  u16 i;
  *done = 0;
  if (lba >= disk.sectors || count > disk.sectors - lba) return NOT_FOUND;
  /* As a linear address, split anew: no sector wraps around its segment. */
  segment = (u16)(segment + (offset >> 4));
  offset &= 15;
  for (i = 0; i < count; i++) {
    u8 status;
    if (!issue(command, lba + i, 1)) return NOT_READY;
    status = ready();
    if (status & BUSY) return NOT_READY;
    if ((status & FAILED) || !(status & DRQ)) return CONTROLLER;
    if (command == WRITE)
      sector_out(segment, offset);
    else if (store)
      sector_in(segment, offset);
    else {
      u16 words = SECTOR / 2;
      while (words--) __asm__ volatile("inw %0, %%ax" : : "Nd"(port(0)) : "eax");
    }
    if (command == WRITE && (ready() & (BUSY | FAILED))) return CONTROLLER;
    segment = (u16)(segment + SECTOR / 16);
    (*done)++;
  }
  return OK;
}

void find_disks(void) {
  u8 i;
  u16 w;
  u32 capacity = 0;
  disk.sectors = 0;
  outb(port(DEVICE), 0xA0);
  if (inb(port(COMMAND)) == 0xFF) return; /* the bus floats: there is no drive */
  if (!issue(IDENTIFY, 0, 0) || (ready() & (BUSY | FAILED | DRQ)) != DRQ) return;
  for (w = 0; w < SECTOR / 2; w++) {
    u16 value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port(0)));
    if (w == 1) disk.cylinders = value;
    if (w == 3) disk.heads = (u8)value;
    if (w == 6) disk.sectors_per_track = (u8)value;
    if (w == 60) capacity = value;
    if (w == 61) capacity |= (u32)value << 16;
  }
  disk.sectors = capacity;
  for (i = 0; i < sizeof floppies / sizeof floppies[0]; i++)
    if (floppies[i].sectors == capacity) {
      disk.floppy_type = floppies[i].type;
      disk.cylinders = floppies[i].cylinders;
      disk.heads = floppies[i].heads;
      disk.sectors_per_track = floppies[i].sectors_per_track;
    }
  if (disk.heads == 0 || disk.sectors_per_track == 0) disk.heads = 16, disk.sectors_per_track = 63;
  if (disk.cylinders > 1024) disk.cylinders = 1024;
  poke8(BDA, DISK_COUNT, disk.floppy_type ? 0 : 1);
}

static u8 the_drive(void) { return disk.floppy_type ? 0x00 : 0x80; }
bool read_boot_sector(u8 *drive) {
  u8 done;
  *drive = the_drive();
  return disk.sectors && transfer(READ, 0, 1, 0, 0x7C00, true, &done) == OK && peek16(0, 0x7DFE) == 0xAA55;
}

static u8 by_chs(struct frame *f, u8 command, bool store) {
  u8 sector = f->c.l & 63, count = f->a.l, done, status;
  u16 cylinder = (u16)(f->c.h | (f->c.l & 0xC0) << 2);
  u32 lba;
  f->a.l = 0;
  if (sector == 0 || sector > disk.sectors_per_track || f->d.h >= disk.heads) return NOT_FOUND;
  if (count == 0) return BAD_COMMAND;
  lba = ((u32)cylinder * disk.heads + f->d.h) * disk.sectors_per_track + sector - 1;
  status = transfer(command, lba, count, f->es, f->b.x, store, &done);
  f->a.l = done;
  return status;
}

/* DS:SI: size, 0, count, offset, segment, and the sector in 64 bits. */
static u8 by_packet(struct frame *f, u8 command, bool store) {
  u16 si = (u16)f->esi, count = peek16(f->ds, (u16)(si + 2));
  u8 done = 0, status;
  if (peek8(f->ds, si) < 16 || count > 127) return BAD_COMMAND;
  if (peek32(f->ds, (u16)(si + 12))) return NOT_FOUND;
  status = transfer(command, peek32(f->ds, (u16)(si + 8)), count, peek16(f->ds, (u16)(si + 6)),
                    peek16(f->ds, (u16)(si + 4)), store, &done);
  poke16(f->ds, (u16)(si + 2), done);
  return status;
}

static u8 parameters(struct frame *f) {
  u16 last = (u16)(disk.cylinders - 1);
  f->a.l = 0;
  f->b.l = disk.floppy_type;
  f->c.h = (u8)last;
  f->c.l = (u8)(disk.sectors_per_track | (last >> 2 & 0xC0));
  f->d.h = (u8)(disk.heads - 1);
  f->d.l = 1;
  return OK;
}

/* AH = 48h: the size in sectors, in the 26 bytes of version 1. */
static u8 extended_parameters(struct frame *f) {
  u16 si = (u16)f->esi;
  if (peek16(f->ds, si) < 26) return BAD_COMMAND;
  poke16(f->ds, si, 26);
  poke16(f->ds, (u16)(si + 2), 2);
  poke32(f->ds, (u16)(si + 4), disk.cylinders);
  poke32(f->ds, (u16)(si + 8), disk.heads);
  poke32(f->ds, (u16)(si + 12), disk.sectors_per_track);
  poke32(f->ds, (u16)(si + 16), disk.sectors);
  poke32(f->ds, (u16)(si + 20), 0);
  poke16(f->ds, (u16)(si + 24), SECTOR);
  return OK;
}

void int13(struct frame *f) {
  u8 function = f->a.h, status = BAD_COMMAND;
  if (!disk.sectors || f->d.l != the_drive()) {
    if (function == 0x08) f->d.l = 0;
    if (function == 0x15) f->a.h = 0; /* no such drive: no error either */
    if (function != 0x15) f->a.h = BAD_COMMAND;
    set_flag(f, CF, function != 0x15);
    return;
  }
  switch (function) {
    case 0x00: /* reset, seek, test, recalibrate */
    case 0x0C:
    case 0x10:
    case 0x11: status = OK; break;
    case 0x01: status = peek8(BDA, LAST_STATUS); break;
    case 0x02: status = by_chs(f, READ, true); break;
    case 0x03: status = by_chs(f, WRITE, true); break;
    case 0x04: status = by_chs(f, READ, false); break;
    case 0x08: status = parameters(f); break;
    case 0x15: /* what kind of drive: a floppy without change line, or a disk of CX:DX sectors */
      poke8(BDA, LAST_STATUS, OK);
      set_flag(f, CF, false);
      f->a.h = disk.floppy_type ? 1 : 3;
      if (!disk.floppy_type) f->c.x = (u16)(disk.sectors >> 16), f->d.x = (u16)disk.sectors;
      return;
    case 0x41:
      if (disk.floppy_type || f->b.x != 0x55AA) break;
      f->b.x = 0xAA55;
      f->c.x = 1;
      set_flag(f, CF, false);
      f->a.h = 0x01;
      return;
    case 0x42: status = by_packet(f, READ, true); break;
    case 0x43: status = by_packet(f, WRITE, true); break;
    case 0x44: status = by_packet(f, READ, false); break;
    case 0x47: status = OK; break;
    case 0x48: status = extended_parameters(f); break;
    default: break;
  }
  poke8(BDA, LAST_STATUS, status);
  f->a.h = status;
  set_flag(f, CF, status != OK);
}
