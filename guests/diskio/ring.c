/* The ring disk: up to 64 transfers of any size wait in the ring; one notification starts all that were
 * added, one interrupt may finish several. With io=poll there is neither. */
#include "guests/common/ring.h"

#include "guests/common/interrupts.h"
#include "guests/common/pc.h"
#include "guests/diskio/diskio.h"

enum { PIECES = 3, MOST = RING_SIZE / PIECES, POLL_MICROSECONDS = 2 };

static struct ring ring;
static struct ring_memory memory;
static struct rs_virtio_block_header header[RING_SIZE]; /* by request number, as is status */
static volatile uint8_t status[RING_SIZE];
static uint32_t started, done;
static bool polling;

static uint32_t ring_disk_start(enum io io) {
  polling = io == IO_POLL;
  if (!ring_device_reset(RS_VIRTIO_BLOCK, RS_VIRTIO_ID_BLOCK)) return 0;
  ring_start(&ring, &memory, RS_VIRTIO_BLOCK, 0, 0);
  ring_interrupts(&ring, false);
  ring_device_go(RS_VIRTIO_BLOCK, polling ? POLL_MICROSECONDS : 0);
  interrupts_unmask(RS_IRQ_VIRTIO_BLOCK);
  return ring_register(RS_VIRTIO_BLOCK, RS_VIRTIO_REG_CONFIG);
}

static bool submit(bool write, uint32_t sector, void *data, uint32_t bytes) {
  if (started - done >= MOST) return false;
  /* The first descriptor of a request gives it its number, and with it a header and a status byte. */
  const uint16_t number = ring.free;
  header[number] = (struct rs_virtio_block_header){.type = write ? RS_VIRTIO_BLOCK_OUT : RS_VIRTIO_BLOCK_IN,
                                                   .sector = sector};
  const struct ring_piece pieces[PIECES] = {
      {&header[number], sizeof *header, false}, {data, bytes, !write}, {&status[number], 1, true}};
  ring_add(&ring, pieces, PIECES);
  started++;
  return true;
}

static void announce(void) { ring_announce(&ring); }

static bool take_all(bool *any) {
  bool good = true;
  for (int n; (n = ring_take(&ring, NULL)) >= 0; done++, *any = true)
    if (status[n] != RS_VIRTIO_BLOCK_OK) good = false;
  return good;
}

static bool complete(void) {
  bool any = false, good = take_all(&any);
  while (!any) {
    if (!polling) {
      ring_interrupts(&ring, true);
      good = take_all(&any) && good; /* what came before interrupts were on */
      if (any) break;
      interrupts_wait(RS_IRQ_VIRTIO_BLOCK);
      ring_acknowledge(RS_VIRTIO_BLOCK);
    }
    good = take_all(&any) && good;
  }
  return good;
}

static uint32_t completed(void) { return done; }

const struct driver ring_driver = {ring_disk_start, submit, announce, complete, completed};
