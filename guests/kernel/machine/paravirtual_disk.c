/* The disk: requests in a ring that the monitor reads. It moves whole pages to and from our memory by itself,
 * and one hypercall announces any number of requests. */
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"
#include "guests/kernel/machine/paravirtual.h"

enum { SECTORS_PER_PAGE = PAGE_BYTES / SECTOR_BYTES };

static volatile struct rs_disk_ring *ring(void) { return (struct rs_disk_ring *)start_info->disk_ring; }

uint32_t machine_disk_sectors(void) { return start_info->disk_sectors; }

void paravirtual_disk_event(void) { wake(ring()); }

/* Whether "old < event <= new": the other side wants to know that its counterpart's producer has got that
 * far. */
static bool wants_to_know(uint32_t event, uint32_t old, uint32_t new) { return new - event < new - old; }

/* One request for as many of `count` sectors as its segments hold; how many those are. */
static uint32_t fill(volatile struct rs_disk_request *slot, bool write, uint32_t sector, uint8_t *buffer,
                     uint32_t count) {
  struct rs_disk_request request = {.operation = write ? RS_DISK_WRITE : RS_DISK_READ, .sector = sector};
  uint32_t taken = 0;
  while (taken < count && request.segments < RS_DISK_SEGMENTS) {
    uint32_t n = count - taken < SECTORS_PER_PAGE ? count - taken : SECTORS_PER_PAGE;
    request.segment[request.segments++] = (struct rs_disk_segment){
        .machine_frame = machine_address(buffer + taken * SECTOR_BYTES) / PAGE_BYTES, .last_sector = n - 1};
    taken += n;
  }
  memcpy((void *)slot, &request, sizeof request);
  return taken;
}

int machine_disk_transfer(bool write, uint32_t sector, void *buffer, uint32_t count) {
  volatile struct rs_disk_ring *disk = ring();
  uint32_t first = disk->request_producer, last = first;
  for (uint32_t done = 0; done < count; last++)
    done += fill(&disk->request[last % RS_DISK_RING_SIZE], write, sector + done,
                 (uint8_t *)buffer + done * SECTOR_BYTES, count - done);
  disk->response_event = first; /* in the past: no event, if the answers are there at once */
  disk->request_producer = last;
  if (wants_to_know(disk->request_event, first, last)) hypercall(RS_HC_EVENT_SEND, RS_EVENT_DISK, 0, 0);

  irq_state state = irq_save();
  disk->response_event = last; /* now we want to be told */
  while (disk->response_producer != last) sleep_on((const void *)disk);
  irq_restore(state);
  for (; first != last; first++)
    if (disk->response[first % RS_DISK_RING_SIZE].status != 0) return -EIO;
  return 0;
}
