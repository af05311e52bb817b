/* The IDE drive, programmed I/O: one transfer at a time, one interrupt and 512 bytes through the data port
 * for each sector. By IN and OUT, or where the ports are mapped into memory. */
#include "guests/common/interrupts.h"
#include "guests/common/pc.h"
#include "guests/diskio/diskio.h"
#include "hypervisor/abi/virtio.h"

enum { DATA = RS_PORT_IDE_DATA, COUNT = DATA + 2, ADDRESS = DATA + 3, DRIVE = DATA + 6, COMMAND = DATA + 7 };
enum { LBA = 0xE0, READ_SECTORS = 0x20, WRITE_SECTORS = 0x30, IDENTIFY = 0xEC };
enum { ERROR = 0x21, DATA_REQUEST = 8, BUSY = 0x80, MOST_SECTORS = 256, WORDS = SECTOR / 4 };

static bool mapped;
static uint32_t done;

static volatile uint8_t *register8(uint16_t port) { return (volatile uint8_t *)(RS_MMIO_PORTS + port); }
static void set(uint16_t port, uint8_t value) {
  if (mapped)
    *register8(port) = value;
  else
    out8(port, value);
}
static uint8_t get(uint16_t port) { return mapped ? *register8(port) : in8(port); }

static uint32_t *words_in(uint32_t *to) {
  uint32_t words = WORDS;
  if (!mapped)
    asm volatile("rep insl" : "+D"(to), "+c"(words) : "d"(DATA) : "memory");
  else
    while (words-- > 0) *to++ = *(volatile uint32_t *)register8(DATA);
  return to;
}
static uint32_t *words_out(uint32_t *from) {
  uint32_t words = WORDS;
  if (!mapped)
    asm volatile("rep outsl" : "+S"(from), "+c"(words) : "d"(DATA) : "memory");
  else
    while (words-- > 0) *(volatile uint32_t *)register8(DATA) = *from++;
  return from;
}

static uint8_t wait_while_busy(void) {
  uint8_t status;
  do status = get(COMMAND);
  while (status & BUSY);
  return status;
}
static uint8_t wait_for_interrupt(void) {
  interrupts_wait(RS_IRQ_IDE);
  return get(COMMAND); /* and the drive takes its interrupt back */
}

static uint32_t ide_start(enum io io) {
  static uint32_t identity[WORDS];
  mapped = io == IO_MEMORY;
  set(DRIVE, LBA);
  const uint8_t status = get(COMMAND);
  if (status == 0 || status == 0xFF) return 0;
  interrupts_unmask(RS_IRQ_IDE);
  set(COMMAND, IDENTIFY);
  if (!(wait_for_interrupt() & DATA_REQUEST)) return 0;
  words_in(identity);
  return identity[30];
}

static bool command(bool write, uint32_t sector, uint32_t **memory, uint32_t count) {
  wait_while_busy();
  set(DRIVE, LBA | (sector >> 24 & 15));
  set(COUNT, count % MOST_SECTORS);
  for (unsigned i = 0; i < 3; i++) set(ADDRESS + i, sector >> 8 * i);
  set(COMMAND, write ? WRITE_SECTORS : READ_SECTORS);
  if (write) { /* the first sector is asked for without an interrupt */
    if (!(wait_while_busy() & DATA_REQUEST)) return false;
    *memory = words_out(*memory);
  }
  for (; count > 0; count--) {
    if (wait_for_interrupt() & ERROR) return false;
    if (!write)
      *memory = words_in(*memory);
    else if (count > 1)
      *memory = words_out(*memory);
  }
  return true;
}

static bool failed;

static bool ide_submit(bool write, uint32_t sector, void *memory, uint32_t bytes) {
  uint32_t *at = memory;
  for (uint32_t left = bytes / SECTOR; left > 0 && !failed;) {
    const uint32_t count = left < MOST_SECTORS ? left : MOST_SECTORS;
    if (!command(write, sector, &at, count)) failed = true;
    sector += count;
    left -= count;
  }
  done++;
  return true;
}
static void ide_announce(void) {}
static bool ide_complete(void) { return !failed; }
static uint32_t ide_completed(void) { return done; }

const struct driver ide_driver = {ide_start, ide_submit, ide_announce, ide_complete, ide_completed};
