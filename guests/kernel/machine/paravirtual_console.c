/* The console: a page shared with the monitor, a ring in each direction. A whole line costs one hypercall. */
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"
#include "guests/kernel/machine/paravirtual.h"

static volatile struct rs_console_ring *ring(void) {
  return (struct rs_console_ring *)start_info->console_ring;
}

void machine_console_write(const char *text, size_t bytes) {
  volatile struct rs_console_ring *console = ring();
  while (bytes > 0) {
    uint32_t at = console->out_producer;
    for (; bytes > 0 && at - console->out_consumer < sizeof console->out; at++, bytes--)
      console->out[at % sizeof console->out] = *text++;
    console->out_producer = at;
    hypercall(RS_HC_EVENT_SEND, RS_EVENT_CONSOLE, 0, 0);
  }
}

void paravirtual_console_event(void) {
  volatile struct rs_console_ring *console = ring();
  while (console->in_consumer != console->in_producer) {
    char c = console->in[console->in_consumer % sizeof console->in];
    console->in_consumer++;
    console_receive(c);
  }
}
