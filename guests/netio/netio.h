/* The drivers of netio, behind one interface: frames are put into the card's own buffers, and taken out of
 * them. */
#ifndef GUESTS_NETIO_H
#define GUESTS_NETIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_BYTES = 1514, STATION_BYTES = 6 };

/* How the guest reaches the card: the command line's `io=`. */
enum io { IO_PORTS, IO_MEMORY, IO_RING, IO_POLL, IO_WAYS };

struct driver {
  bool (*start)(enum io io, uint8_t station[STATION_BYTES]); /* false = there is no such card */
  uint8_t *(*room)(void);       /* where the next frame to send goes; NULL = no buffer is free */
  void (*send)(uint32_t bytes); /* the frame in room() is complete */
  void (*announce)(void);       /* everything sent is to begin */
  uint8_t *(*receive)(void);    /* a frame, until release(); NULL = none has come */
  void (*release)(void);
  void (*wait)(void);  /* until something has come or gone */
  void (*flush)(void); /* until everything sent is on the cable */
};
extern const struct driver lance_driver, ring_driver;

/* The one that goes that way; a paravirtual guest has only its own. */
const struct driver *choose_driver(enum io io);

#endif
