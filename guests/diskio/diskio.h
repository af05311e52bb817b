/* The two drivers of diskio, behind one interface: requests are started, and finish in order. */
#ifndef GUESTS_DISKIO_H
#define GUESTS_DISKIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SECTOR = 512 };

/* How the guest reaches the disk: the command line's `io=`. */
enum io { IO_PORTS, IO_MEMORY, IO_RING, IO_POLL, IO_WAYS };

struct driver {
  uint32_t (*start)(enum io io); /* the disk's sectors; 0 = there is no such device */
  /* Starts a transfer; false if the device takes no more at once. */
  bool (*submit)(bool write, uint32_t sector, void *memory, uint32_t bytes);
  void (*announce)(void);      /* everything submitted is to begin */
  bool (*complete)(void);      /* waits until at least one transfer is done; false if one failed */
  uint32_t (*completed)(void); /* transfers done since the start */
};
extern const struct driver ide_driver, ring_driver;

#endif
