/* What netio needs of a PC. */
#include "guests/common/interrupts.h"
#include "guests/netio/netio.h"

const struct driver *choose_driver(enum io io) {
  interrupts_start();
  return io < IO_RING ? &lance_driver : &ring_driver;
}
