/* The driver of a disk behind a ring: any number of requests for one notification, and one interrupt. */
#include "driver.h"

/* The device reads memory when it likes: stores before this are made before stores behind it. */
#define ORDERED() __asm__ volatile("" : : : "memory")

static struct header header[RING]; /* by request number, as is status */
static volatile u8 status[RING];
static u16 free_first, free_count; /* a list through `next` */
static u16 added, announced, taken;

void driver_start(void) {
  for (u32 i = 0; i < RING; i++) ring.descriptor[i].next = i + 1;
  free_first = added = announced = taken = 0;
  free_count = RING;
}

static u16 piece(volatile void *memory, u32 bytes, u16 flags) {
  const u16 n = free_first;
  volatile struct descriptor *d = &ring.descriptor[n];
  d->address = (u32)memory;
  d->length = bytes;
  d->flags = flags;
  free_first = d->next; /* which is also where the chain goes on */
  free_count--;
  return n;
}

int request_add(u32 type, u32 sector, void *data, u32 bytes) {
  if (free_count < 3) return -1;
  const u16 number = free_first;
  header[number] = (struct header){.type = type, .sector = sector};
  status[number] = 0xFF;
  piece(&header[number], sizeof *header, NEXT);
  piece(data, bytes, NEXT | (type == READ ? DEVICE_WRITES : 0));
  piece(&status[number], 1, DEVICE_WRITES);
  ring.available.ring[added++ % RING] = number;
  return number;
}

void request_announce(void) {
  const u16 before = announced;
  ORDERED();
  ring.available.index = announced = added;
  ORDERED();
  if (ring.used.flags & NO_NOTIFY) return;
  /* before <= event < added, modulo 2^16 */
  if ((u16)(added - ring.used.available_event - 1) < (u16)(added - before)) notify();
}

int request_take(void) {
  if (ring.used.index == taken) return -1;
  ORDERED();
  const u16 number = ring.used.ring[taken++ % RING].id;
  u16 last = number;
  for (free_count++; ring.descriptor[last].flags & NEXT; free_count++) last = ring.descriptor[last].next;
  ring.descriptor[last].next = free_first;
  free_first = number;
  return number;
}

u8 request_status(int number) { return status[number]; }

void interrupts_wanted(int on) {
  ring.available.used_event = on ? taken : taken + 0x7FFF; /* far ahead of whatever may come */
  ORDERED();
}
