/* The disk: the first IDE drive, 28-bit addresses, programmed I/O. Every sector is one interrupt. Or a ring.
 */
#include "guests/kernel/kernel.h"
#include "guests/kernel/machine/native.h"
#include "hypervisor/abi/virtio.h"

enum {
  DATA = RS_PORT_IDE_DATA,
  COUNT = RS_PORT_IDE_DATA + 2,
  SECTOR_LOW,
  SECTOR_MIDDLE,
  SECTOR_HIGH,
  DRIVE, /* and the address's top four bits */
  COMMAND,
  STATUS = COMMAND,
  CONTROL = RS_PORT_IDE_CONTROL,
};
enum { DRIVE0_LBA = 0xE0, READ_SECTORS = 0x20, WRITE_SECTORS = 0x30, IDENTIFY = 0xEC };
enum { ERROR = 0x01, DATA_REQUEST = 0x08, FAULT = 0x20, BUSY = 0x80 };
enum { NO_INTERRUPTS = 2 };

static volatile bool interrupted;
static uint8_t last_status;

/* Reading the status tells the drive that its interrupt has been seen. */
void native_disk_interrupt(void) {
  last_status = device_in8(STATUS);
  interrupted = true;
  wake(&interrupted);
}

static uint8_t wait_for_interrupt(void) {
  irq_state state = irq_save();
  while (!interrupted) sleep_on(&interrupted);
  interrupted = false;
  irq_restore(state);
  return last_status;
}

static uint8_t wait_while_busy(void) {
  uint8_t status;
  do status = device_in8(STATUS);
  while (status & BUSY);
  return status;
}

/* What is mapped into memory has no string form: every four bytes are a load or store of their own. */
static volatile uint32_t *mapped_data(void) { return (volatile uint32_t *)(RS_MMIO_PORTS + DATA); }

static void *words_in(void *to) {
  uint32_t words = SECTOR_BYTES / 4; /* the port takes four bytes at a time, too */
  if (native_io == IO_MEMORY) {
    uint32_t *at = to;
    while (words-- > 0) *at++ = *mapped_data();
    return at;
  }
  asm volatile("rep insl" : "+D"(to), "+c"(words) : "d"(DATA) : "memory");
  return to;
}

static void *words_out(void *from) {
  uint32_t words = SECTOR_BYTES / 4;
  if (native_io == IO_MEMORY) {
    uint32_t *at = from;
    while (words-- > 0) *mapped_data() = *at++;
    return at;
  }
  asm volatile("rep outsl" : "+S"(from), "+c"(words) : "d"(DATA) : "memory");
  return from;
}

static bool uses_ring;

uint32_t machine_disk_sectors(void) {
  if (native_io >= IO_RING) {
    const uint32_t sectors = native_ring_disk_sectors();
    uses_ring = sectors > 0;
    if (uses_ring) return sectors;
  }
  uint16_t identity[SECTOR_BYTES / 2];
  device_out8(CONTROL, NO_INTERRUPTS);
  device_out8(DRIVE, DRIVE0_LBA);
  uint8_t status = device_in8(STATUS);
  if (status == 0 || status == 0xFF) return 0; /* nobody drives the bus */
  device_out8(COMMAND, IDENTIFY);
  status = device_in8(STATUS);
  if (status == 0) return 0;
  status = wait_while_busy();
  if (!(status & DATA_REQUEST) || (status & ERROR)) return 0; /* not a disk: a CD drive, say */
  words_in(identity);
  device_out8(CONTROL, 0);
  native_unmask(RS_IRQ_IDE);
  return identity[60] | (uint32_t)identity[61] << 16;
}

int machine_disk_transfer(bool write, uint32_t sector, void *buffer, uint32_t count) {
  if (uses_ring) return native_ring_disk_transfer(write, sector, buffer, count);
  interrupted = false;
  wait_while_busy();
  device_out8(DRIVE, DRIVE0_LBA | (sector >> 24 & 0xF));
  device_out8(COUNT, count);
  device_out8(SECTOR_LOW, sector);
  device_out8(SECTOR_MIDDLE, sector >> 8);
  device_out8(SECTOR_HIGH, sector >> 16);
  device_out8(COMMAND, write ? WRITE_SECTORS : READ_SECTORS);
  if (write) { /* the first sector is asked for without an interrupt */
    if (!(wait_while_busy() & DATA_REQUEST)) return -EIO;
    buffer = words_out(buffer);
  }
  for (; count > 0; count--) {
    uint8_t status = wait_for_interrupt();
    if (status & (ERROR | FAULT)) return -EIO;
    if (!write)
      buffer = words_in(buffer);
    else if (count > 1)
      buffer = words_out(buffer);
  }
  return 0;
}
