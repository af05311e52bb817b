/* The console behind rings: a whole text costs one notification; typed characters arrive in buffers. */
#include "guests/common/ring.h"
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"
#include "guests/kernel/machine/native.h"

enum { RECEIVE, TRANSMIT, BUFFERS = 4, BUFFER_BYTES = 64, TEXT_BYTES = 1024 };

static struct ring receive, transmit;
static struct ring_memory receive_memory, transmit_memory;
static char typed[BUFFERS][BUFFER_BYTES]; /* by the number of the request */
static char text_out[TEXT_BYTES];

static void offer(uint32_t n) {
  const struct ring_piece piece = {typed[n], BUFFER_BYTES, true};
  ring_add(&receive, &piece, 1);
}

bool native_ring_console_start(void) {
  if (!ring_device_reset(RS_VIRTIO_CONSOLE, RS_VIRTIO_ID_CONSOLE)) return false;
  ring_start(&receive, &receive_memory, RS_VIRTIO_CONSOLE, RECEIVE, KERNEL_BASE);
  ring_start(&transmit, &transmit_memory, RS_VIRTIO_CONSOLE, TRANSMIT, KERNEL_BASE);
  ring_interrupts(&transmit, false);
  ring_device_go(RS_VIRTIO_CONSOLE, native_io == IO_POLL ? POLL_MICROSECONDS : 0);
  for (uint32_t i = 0; i < BUFFERS; i++) offer(i);
  ring_announce(&receive);
  native_unmask(RS_IRQ_VIRTIO_CONSOLE);
  return true;
}

void native_ring_console_interrupt(void) {
  ring_acknowledge(RS_VIRTIO_CONSOLE);
  uint32_t bytes;
  for (int n; (n = ring_take(&receive, &bytes)) >= 0; offer(n))
    for (uint32_t i = 0; i < bytes && i < BUFFER_BYTES; i++) console_receive(typed[n][i]);
  ring_interrupts(&receive, true);
  ring_announce(&receive);
}

void native_ring_console_write(const char *text, size_t bytes) {
  while (bytes > 0) {
    const size_t part = bytes < TEXT_BYTES ? bytes : TEXT_BYTES;
    irq_state state = irq_save(); /* an interrupt may echo what is typed */
    memcpy(text_out, text, part);
    const struct ring_piece piece = {text_out, part, false};
    ring_add(&transmit, &piece, 1);
    ring_announce(&transmit);
    while (ring_take(&transmit, NULL) < 0) continue;
    irq_restore(state);
    text += part;
    bytes -= part;
  }
}
