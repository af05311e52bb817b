/* The LANCE: two rings of descriptors in memory, and two 16-bit ports. Every access to one of its registers
 * takes two to the ports: one selects it. By IN and OUT, or where the ports are mapped into memory. */
#include "hypervisor/abi/lance.h"
#include "guests/common/interrupts.h"
#include "guests/common/pc.h"
#include "guests/netio/netio.h"
#include "hypervisor/abi/virtio.h"

enum { LOG2_RECEIVE = 6, LOG2_TRANSMIT = 4, RECEIVE = 1 << LOG2_RECEIVE, TRANSMIT = 1 << LOG2_TRANSMIT };
enum { BUFFER = 1536, SIGNATURE = 0x57 };
enum {
  CAUSES = RS_LANCE_IDON | RS_LANCE_TINT | RS_LANCE_RINT | RS_LANCE_MERR | RS_LANCE_MISS | RS_LANCE_BABL
};

static volatile struct rs_lance_descriptor receive_ring[RECEIVE] __attribute__((aligned(8)));
static volatile struct rs_lance_descriptor transmit_ring[TRANSMIT] __attribute__((aligned(8)));
static uint8_t receive_buffer[RECEIVE][BUFFER], transmit_buffer[TRANSMIT][BUFFER];
static struct rs_lance_init_block init;
static uint32_t next_received, next_sent;
static bool mapped;

static void set16(uint16_t offset, uint16_t value) {
  const uint16_t port = RS_LANCE_PORTS + offset;
  if (mapped)
    *(volatile uint16_t *)(RS_MMIO_PORTS + port) = value;
  else
    asm volatile("outw %0, %1" : : "a"(value), "d"(port));
}
static uint16_t get16(uint16_t offset) {
  const uint16_t port = RS_LANCE_PORTS + offset;
  uint16_t value;
  if (mapped) return *(volatile uint16_t *)(RS_MMIO_PORTS + port);
  asm volatile("inw %1, %0" : "=a"(value) : "d"(port));
  return value;
}
static uint8_t get8(uint16_t offset) {
  const uint16_t port = RS_LANCE_PORTS + offset;
  return mapped ? *(volatile uint8_t *)(RS_MMIO_PORTS + port) : in8(port);
}

static void set_csr(uint16_t csr, uint16_t value) {
  set16(RS_LANCE_SELECT, csr);
  set16(RS_LANCE_DATA, value);
}
static uint16_t get_csr0(void) {
  set16(RS_LANCE_SELECT, 0);
  return get16(RS_LANCE_DATA);
}

static void describe(volatile struct rs_lance_descriptor *d, const uint8_t *data, uint32_t bytes,
                     uint8_t flags) {
  d->low = (uint32_t)data;
  d->high = (uint32_t)data >> 16;
  d->bytes = 0xF000 | (-bytes & 0xFFF);
  asm volatile("" : : : "memory"); /* the card looks at the flags first */
  d->flags = flags;
}

static bool lance_start(enum io io, uint8_t station[STATION_BYTES]) {
  mapped = io == IO_MEMORY;
  if (get8(14) != SIGNATURE || get8(15) != SIGNATURE) return false;
  for (unsigned i = 0; i < STATION_BYTES; i++) init.address[i] = station[i] = get8(i);
  for (unsigned i = 0; i < RECEIVE; i++) describe(&receive_ring[i], receive_buffer[i], BUFFER, RS_LANCE_OWN);
  init.receive_ring = (uint32_t)receive_ring | (uint32_t)LOG2_RECEIVE << 29;
  init.transmit_ring = (uint32_t)transmit_ring | (uint32_t)LOG2_TRANSMIT << 29;
  set_csr(0, RS_LANCE_STOP);
  set_csr(1, (uint32_t)&init);
  set_csr(2, (uint32_t)&init >> 16);
  set_csr(0, RS_LANCE_INIT);
  while (!(get_csr0() & RS_LANCE_IDON)) continue;
  interrupts_unmask(RS_IRQ_LANCE);
  set_csr(0, RS_LANCE_IDON | RS_LANCE_STRT | RS_LANCE_INEA);
  return true;
}

static uint8_t *room(void) {
  const uint32_t i = next_sent % TRANSMIT;
  return transmit_ring[i].flags & RS_LANCE_OWN ? NULL : transmit_buffer[i];
}
static void send(uint32_t bytes) {
  const uint32_t i = next_sent++ % TRANSMIT;
  describe(&transmit_ring[i], transmit_buffer[i], bytes, RS_LANCE_OWN | RS_LANCE_FIRST | RS_LANCE_LAST);
}
static void announce(void) { set_csr(0, RS_LANCE_INEA | RS_LANCE_TDMD); }

static uint8_t *receive(void) {
  const uint32_t i = next_received % RECEIVE;
  return receive_ring[i].flags & RS_LANCE_OWN ? NULL : receive_buffer[i];
}
static void release(void) {
  const uint32_t i = next_received++ % RECEIVE;
  describe(&receive_ring[i], receive_buffer[i], BUFFER, RS_LANCE_OWN);
}

static void wait(void) {
  interrupts_wait(RS_IRQ_LANCE);
  /* The line must fall before it can rise again: until no cause is left. */
  for (uint16_t status; (status = get_csr0()) & RS_LANCE_INTR;) set_csr(0, (status & CAUSES) | RS_LANCE_INEA);
}
static void flush(void) {
  const uint32_t last = (next_sent - 1) % TRANSMIT;
  while (next_sent && transmit_ring[last].flags & RS_LANCE_OWN) wait();
}

const struct driver lance_driver = {lance_start, room, send, announce, receive, release, wait, flush};
