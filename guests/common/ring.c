#include "guests/common/ring.h"

#include "guests/common/text.h"

/* The device sees stores in the order in which they are made: it runs on the same memory bus. */
#define ORDERED() asm volatile("" : : : "memory")

bool ring_device_reset(uint32_t registers, uint32_t id) {
  if (ring_register(registers, RS_VIRTIO_REG_MAGIC) != RS_VIRTIO_MAGIC) return false;
  if (ring_register(registers, RS_VIRTIO_REG_DEVICE) != id) return false;
  ring_set_register(registers, RS_VIRTIO_REG_STATUS, 0);
  uint32_t status = RS_VIRTIO_STATUS_ACKNOWLEDGE | RS_VIRTIO_STATUS_DRIVER;
  ring_set_register(registers, RS_VIRTIO_REG_STATUS, status);
  ring_set_register(registers, RS_VIRTIO_REG_DRIVER_FEATURES_SELECT, 0);
  ring_set_register(registers, RS_VIRTIO_REG_DRIVER_FEATURES, 1u << RS_VIRTIO_FEATURE_EVENT_IDX);
  ring_set_register(registers, RS_VIRTIO_REG_DRIVER_FEATURES_SELECT, 1);
  ring_set_register(registers, RS_VIRTIO_REG_DRIVER_FEATURES, 1u << (RS_VIRTIO_FEATURE_VERSION_1 - 32));
  status |= RS_VIRTIO_STATUS_FEATURES_OK;
  ring_set_register(registers, RS_VIRTIO_REG_STATUS, status);
  return ring_register(registers, RS_VIRTIO_REG_STATUS) & RS_VIRTIO_STATUS_FEATURES_OK;
}

void ring_start(struct ring *ring, struct ring_memory *memory, uint32_t registers, uint32_t queue,
                uint32_t offset) {
  memset(memory, 0, sizeof *memory);
  *ring = (struct ring){
      .memory = memory, .registers = registers, .queue = queue, .offset = offset, .free_count = RING_SIZE};
  for (uint32_t i = 0; i < RING_SIZE; i++) memory->descriptor[i].next = i + 1;
  const uint32_t physical = (uint32_t)memory - offset;
  ring_set_register(registers, RS_VIRTIO_REG_QUEUE_SELECT, queue);
  ring_set_register(registers, RS_VIRTIO_REG_QUEUE_SIZE, RING_SIZE);
  ring_set_register(registers, RS_VIRTIO_REG_QUEUE_DESC, physical + offsetof(struct ring_memory, descriptor));
  ring_set_register(registers, RS_VIRTIO_REG_QUEUE_DRIVER,
                    physical + offsetof(struct ring_memory, available));
  ring_set_register(registers, RS_VIRTIO_REG_QUEUE_DEVICE, physical + offsetof(struct ring_memory, used));
  ring_set_register(registers, RS_VIRTIO_REG_QUEUE_READY, 1);
}

void ring_device_go(uint32_t registers, uint32_t poll_microseconds) {
  ring_set_register(registers, RS_VIRTIO_REG_STATUS,
                    RS_VIRTIO_STATUS_ACKNOWLEDGE | RS_VIRTIO_STATUS_DRIVER | RS_VIRTIO_STATUS_FEATURES_OK |
                        RS_VIRTIO_STATUS_DRIVER_OK);
  if (poll_microseconds) ring_set_register(registers, RS_VIRTIO_REG_POLL, poll_microseconds);
}

int ring_add(struct ring *ring, const struct ring_piece *pieces, uint32_t count) {
  if (count == 0 || count > ring->free_count) return -1;
  const uint16_t head = ring->free;
  for (uint32_t i = 0; i < count; i++) {
    volatile struct rs_vring_descriptor *d = &ring->memory->descriptor[ring->free];
    d->address = (uint32_t)pieces[i].memory - ring->offset;
    d->length = pieces[i].bytes;
    d->flags = (pieces[i].device_writes ? RS_VRING_WRITE : 0) | (i + 1 < count ? RS_VRING_NEXT : 0);
    ring->free = d->next;
  }
  ring->free_count -= count;
  ring->memory->available.ring[ring->added++ % RING_SIZE] = head;
  return head;
}

void ring_announce(struct ring *ring) {
  const uint16_t before = ring->announced, now = ring->added;
  if (before == now) return;
  ORDERED();
  ring->memory->available.index = ring->announced = now;
  ORDERED();
  if (ring->memory->used.flags & RS_VRING_USED_NO_NOTIFY) return;
  /* "before <= event < now", modulo 2^16 */
  const uint16_t event = ring->memory->used.available_event;
  if ((uint16_t)(now - event - 1) < (uint16_t)(now - before))
    ring_set_register(ring->registers, RS_VIRTIO_REG_QUEUE_NOTIFY, ring->queue);
}

int ring_take(struct ring *ring, uint32_t *bytes) {
  if (ring->memory->used.index == ring->taken) return -1;
  ORDERED();
  const volatile struct rs_vring_used_element *done = &ring->memory->used.ring[ring->taken++ % RING_SIZE];
  const uint16_t head = done->id;
  if (bytes) *bytes = done->length;
  uint16_t last = head;
  for (ring->free_count++; ring->memory->descriptor[last].flags & RS_VRING_NEXT; ring->free_count++)
    last = ring->memory->descriptor[last].next;
  ring->memory->descriptor[last].next = ring->free;
  ring->free = head;
  return head;
}

void ring_interrupts(struct ring *ring, bool on) {
  enum { NEVER = 0x7FFF }; /* far ahead of whatever may come */
  ring->memory->available.used_event = on ? ring->taken : ring->taken + NEVER;
  ORDERED();
}

void ring_acknowledge(uint32_t registers) {
  ring_set_register(registers, RS_VIRTIO_REG_INTERRUPT_ACK,
                    ring_register(registers, RS_VIRTIO_REG_INTERRUPT_STATUS));
}
