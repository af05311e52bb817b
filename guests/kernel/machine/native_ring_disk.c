/* The disk behind a ring: one request and one interrupt a transfer, whatever its size. */
#include "guests/common/ring.h"
#include "guests/kernel/kernel.h"
#include "guests/kernel/machine/native.h"

static struct ring requests;
static struct ring_memory memory;
static struct rs_virtio_block_header header;
static volatile uint8_t status;

uint32_t native_ring_disk_sectors(void) {
  if (!ring_device_reset(RS_VIRTIO_BLOCK, RS_VIRTIO_ID_BLOCK)) return 0;
  ring_start(&requests, &memory, RS_VIRTIO_BLOCK, 0, KERNEL_BASE);
  ring_interrupts(&requests, false);
  ring_device_go(RS_VIRTIO_BLOCK, native_io == IO_POLL ? POLL_MICROSECONDS : 0);
  native_unmask(RS_IRQ_VIRTIO_BLOCK);
  return ring_register(RS_VIRTIO_BLOCK, RS_VIRTIO_REG_CONFIG);
}

void native_ring_disk_interrupt(void) {
  ring_acknowledge(RS_VIRTIO_BLOCK);
  wake(&requests);
}

int native_ring_disk_transfer(bool write, uint32_t sector, void *buffer, uint32_t count) {
  header = (struct rs_virtio_block_header){.type = write ? RS_VIRTIO_BLOCK_OUT : RS_VIRTIO_BLOCK_IN,
                                           .sector = sector};
  const struct ring_piece pieces[] = {
      {&header, sizeof header, false}, {buffer, count * SECTOR_BYTES, !write}, {&status, 1, true}};
  ring_add(&requests, pieces, 3);
  ring_announce(&requests);
  if (native_io == IO_POLL) {
    while (ring_take(&requests, NULL) < 0) continue;
  } else {
    irq_state state = irq_save();
    ring_interrupts(&requests, true);
    while (ring_take(&requests, NULL) < 0) sleep_on(&requests);
    ring_interrupts(&requests, false);
    irq_restore(state);
  }
  return status == RS_VIRTIO_BLOCK_OK ? 0 : -EIO;
}
