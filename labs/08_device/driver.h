/* Lab 08, the driver's side: what you write in driver.c, and what the lab's main.c calls. Virtio 1.2,
 * section 2.7. */
#ifndef LAB08_DRIVER_H
#define LAB08_DRIVER_H

#include "lab.h"

enum { RING = 32, NEXT = 1, DEVICE_WRITES = 2, NO_NOTIFY = 1 };
enum { READ = 0, WRITE = 1, OK = 0 };

struct descriptor {
  u64 address; /* guest-physical; there is no paging, so it is the pointer */
  u32 length;
  u16 flags, next;
};
struct available {
  u16 flags, index, ring[RING], used_event;
};
struct used_element {
  u32 id, length;
};
struct used {
  u16 flags, index;
  struct used_element ring[RING];
  u16 available_event;
};

/* What the device sees; all zeroes when driver_start() is called. */
struct ring_memory {
  struct descriptor descriptor[RING] __attribute__((aligned(16)));
  struct available available;
  struct used used __attribute__((aligned(4)));
};
extern volatile struct ring_memory ring;

struct header { /* a request begins with it; then the data; then one byte of status, written by the device */
  u32 type, reserved;
  u64 sector;
};

/* Step 1. Before the first request. */
void driver_start(void);
/* Step 1: puts a request into the ring without showing it to the device: three descriptors. Its number, which
 * is that of its first descriptor; -1 if there is no room. */
int request_add(u32 type, u32 sector, void *data, u32 bytes);
/* Step 1: shows the device all that was added. Step 3: and calls notify() if the device wants that. */
void request_announce(void);
/* Step 1: the number of a finished request, -1 if there is none. Step 2: its descriptors are free again. */
int request_take(void);
/* The status byte of a request that was taken. */
u8 request_status(int number);
/* Step 4: on: the device interrupts when the next request is finished. Off: not before long. */
void interrupts_wanted(int on);

/* main.c: writes the device's register. */
void notify(void);

#endif
