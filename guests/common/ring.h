/* The driver's side of the ring devices in hypervisor/abi/virtio.h: what a disk, a console and a network
 * driver have in common.
 *
 * A request is a chain of pieces of memory, some for the device to read, then some for it to write.
 * ring_add() only puts it into the ring; ring_announce() shows the device everything added since, and
 * notifies it if it wants that. So any number of requests cost one notification, and with a device that
 * polls, none.
 *
 * Memory that the device sees must be contiguous at `linear - offset`. */
#ifndef GUESTS_COMMON_RING_H
#define GUESTS_COMMON_RING_H

#include <stdbool.h>

#include "hypervisor/abi/virtio.h"

enum { RING_SIZE = RS_VRING_MAX };

struct ring_memory {
  struct rs_vring_descriptor descriptor[RING_SIZE];
  struct {
    uint16_t flags, index, ring[RING_SIZE], used_event;
  } available;
  struct {
    uint16_t flags, index;
    struct rs_vring_used_element ring[RING_SIZE];
    uint16_t available_event;
  } used;
} __attribute__((aligned(16)));

struct ring {
  volatile struct ring_memory *memory;
  uint32_t registers, queue, offset;
  uint16_t free, free_count; /* a chain of descriptors */
  uint16_t added,
      announced;  /* free-running: what is in the available ring, what the device was shown of it */
  uint16_t taken; /* of the used ring */
};

struct ring_piece {
  const volatile void *memory;
  uint32_t bytes;
  bool device_writes; /* never before one that it reads */
};

static inline uint32_t ring_register(uint32_t registers, uint32_t offset) {
  return *(volatile uint32_t *)(registers + offset);
}
static inline void ring_set_register(uint32_t registers, uint32_t offset, uint32_t value) {
  *(volatile uint32_t *)(registers + offset) = value;
}

/* Resets the device at `registers`; false if there is none of this kind. */
bool ring_device_reset(uint32_t registers, uint32_t id);
/* Sets up one of its queues; `offset`: linear less physical addresses. */
void ring_start(struct ring *ring, struct ring_memory *memory, uint32_t registers, uint32_t queue,
                uint32_t offset);
/* All queues are set up. `poll_microseconds`: how often the device looks for work by itself; 0 = it is
 * notified. */
void ring_device_go(uint32_t registers, uint32_t poll_microseconds);

/* The request's number, or -1 if there is no room. */
int ring_add(struct ring *ring, const struct ring_piece *pieces, uint32_t count);
void ring_announce(struct ring *ring);
/* The number of a request that is done, or -1; `bytes` (may be NULL): how many the device wrote. */
int ring_take(struct ring *ring, uint32_t *bytes);
/* Whether the next completed request interrupts. */
void ring_interrupts(struct ring *ring, bool on);
/* In the interrupt handler, before ring_take(): the device may interrupt again. */
void ring_acknowledge(uint32_t registers);

#endif
