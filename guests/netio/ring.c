/* The ring card: buffers wait in one ring to be filled, frames in another to be sent. Any number of frames
 * cost one notification, and one interrupt brings several. With io=poll there is neither. */
#include "guests/common/ring.h"

#include "guests/common/interrupts.h"
#include "guests/common/pc.h"
#include "guests/netio/netio.h"

enum { HEADER = sizeof(struct rs_virtio_net_header), BUFFER = HEADER + FRAME_BYTES };
enum { RECEIVE = 64, POLL_MICROSECONDS = 2 };

static struct ring receive_ring, transmit_ring;
static struct ring_memory receive_memory, transmit_memory;
/* By the number of the request, which is that of its only descriptor. */
static uint8_t receive_buffer[RING_SIZE][BUFFER], transmit_buffer[RING_SIZE][BUFFER];
static int taken = -1;
static bool polling;

static void add_buffer(void) {
  const struct ring_piece piece = {receive_buffer[receive_ring.free], BUFFER, true};
  ring_add(&receive_ring, &piece, 1);
}

static bool ring_card_start(enum io io, uint8_t station[STATION_BYTES]) {
  polling = io == IO_POLL;
  if (!ring_device_reset(RS_VIRTIO_NET, RS_VIRTIO_ID_NET)) return false;
  const uint32_t words[] = {ring_register(RS_VIRTIO_NET, RS_VIRTIO_REG_CONFIG),
                            ring_register(RS_VIRTIO_NET, RS_VIRTIO_REG_CONFIG + 4)};
  memcpy(station, words, STATION_BYTES);
  ring_start(&receive_ring, &receive_memory, RS_VIRTIO_NET, RS_VIRTIO_NET_RECEIVE, 0);
  ring_start(&transmit_ring, &transmit_memory, RS_VIRTIO_NET, RS_VIRTIO_NET_TRANSMIT, 0);
  ring_interrupts(&receive_ring, false);
  ring_interrupts(&transmit_ring, false); /* what was sent is collected when there is more to send */
  for (unsigned i = 0; i < RECEIVE; i++) add_buffer();
  ring_device_go(RS_VIRTIO_NET, polling ? POLL_MICROSECONDS : 0);
  ring_announce(&receive_ring);
  interrupts_unmask(RS_IRQ_VIRTIO_NET);
  return true;
}

static uint8_t *room(void) {
  while (ring_take(&transmit_ring, NULL) >= 0) continue;
  return transmit_ring.free_count ? transmit_buffer[transmit_ring.free] + HEADER : NULL;
}
static void send(uint32_t bytes) {
  uint8_t *buffer = transmit_buffer[transmit_ring.free];
  memset(buffer, 0, HEADER);
  const struct ring_piece piece = {buffer, HEADER + bytes, false};
  ring_add(&transmit_ring, &piece, 1);
}
static void announce(void) { ring_announce(&transmit_ring); }

static uint8_t *receive(void) {
  if (taken < 0) taken = ring_take(&receive_ring, NULL);
  return taken < 0 ? NULL : receive_buffer[taken] + HEADER;
}
static void release(void) {
  taken = -1;
  add_buffer();
  ring_announce(&receive_ring);
}

static void wait(void) {
  if (polling) return;
  ring_interrupts(&receive_ring, true);
  if (receive()) return; /* it came before interrupts were on */
  interrupts_wait(RS_IRQ_VIRTIO_NET);
  ring_acknowledge(RS_VIRTIO_NET);
}
static void flush(void) {
  while (transmit_memory.used.index != transmit_ring.announced) asm volatile("pause" : : : "memory");
}

const struct driver ring_driver = {ring_card_start, room, send, announce, receive, release, wait, flush};
