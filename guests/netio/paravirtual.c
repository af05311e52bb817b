/* netio as a paravirtual guest: a network card that is two rings of buffers in a shared page, and hypercalls
 * in place of the serial port, the power switch and HLT. It has no upcall: between two waits it looks for
 * itself what has happened. */
#include "hypervisor/abi/paravirtual.h"

#include "guests/common/pc.h"
#include "guests/netio/netio.h"

enum { RING = RS_NET_RING_SIZE, BUFFER = 2048, PAGE = 4096 };

/* `number` must be a constant: the call goes to its place in the hypercall page. */
#define HYPERCALL(number, a, b)                                           \
  ({                                                                      \
    int result;                                                           \
    asm volatile("call hypercall_page + %c1"                              \
                 : "=a"(result)                                           \
                 : "i"((number)*RS_HC_STUB_BYTES), "b"(a), "c"(b), "d"(0) \
                 : "memory", "cc");                                       \
    result;                                                               \
  })

static const struct rs_start_info *start_info;
static volatile struct rs_shared_info *shared;
static volatile struct rs_net_ring *ring;
/* Two to a page, so that none lies across a boundary. */
static uint8_t receive_buffer[RING][BUFFER] __attribute__((aligned(PAGE)));
static uint8_t send_buffer[RING][BUFFER] __attribute__((aligned(PAGE)));
static uint32_t sent, posted, taken;

/* ---- what a PC has devices for */

void print(const char *format, ...) {
  char text[256];
  va_list values;
  va_start(values, format);
  const size_t bytes = format_list(text, sizeof text, format, values);
  va_end(values);
  HYPERCALL(RS_HC_CONSOLE_WRITE, text, bytes);
}

void power_off(int status) {
  HYPERCALL(RS_HC_SCHED_OP, RS_SCHED_SHUTDOWN, status == 0 ? RS_EXIT_SUCCESS : RS_EXIT_FAILURE);
  for (;;) continue;
}

/* ---- the card */

static struct rs_net_buffer describe(const uint8_t *memory, uint32_t bytes) {
  const uint32_t address = (uint32_t)memory, *frames = (const uint32_t *)start_info->frame_list;
  return (struct rs_net_buffer){frames[address / PAGE], address % PAGE, bytes};
}

static void post(void) {
  const struct rs_net_buffer b = describe(receive_buffer[posted % RING], BUFFER);
  volatile struct rs_net_buffer *slot = &ring->receive[posted++ % RING];
  slot->machine_frame = b.machine_frame;
  slot->offset = b.offset;
  slot->bytes = b.bytes;
}

static void announce(void) {
  ring->receive_producer = posted;
  ring->send_producer = sent;
  HYPERCALL(RS_HC_EVENT_SEND, RS_EVENT_NET, 0);
}

static bool start(enum io io, uint8_t station[STATION_BYTES]) {
  (void)io;
  if (!start_info->net_ring) return false;
  memcpy(station, start_info->station, STATION_BYTES);
  while (posted < RING) post();
  announce();
  return true;
}

static uint8_t *room(void) { return sent - ring->send_consumer < RING ? send_buffer[sent % RING] : NULL; }
static void send(uint32_t bytes) {
  const struct rs_net_buffer b = describe(send_buffer[sent % RING], bytes);
  volatile struct rs_net_buffer *slot = &ring->send[sent++ % RING];
  slot->machine_frame = b.machine_frame;
  slot->offset = b.offset;
  slot->bytes = b.bytes;
}

static uint8_t *receive(void) {
  return taken != ring->receive_consumer ? receive_buffer[taken % RING] : NULL;
}
static void release(void) {
  taken++;
  post();
  ring->receive_producer = posted;
  if (ring->starved) announce();
}

static void wait(void) {
  /* What comes from here on makes the monitor return from the wait at once. */
  shared->upcall_pending = 0;
  shared->event_pending = 0;
  ring->receive_event = taken + 1;
  if (ring->receive_consumer != taken) return;
  HYPERCALL(RS_HC_SCHED_OP, RS_SCHED_BLOCK, 0);
}
static void flush(void) {} /* all has left when announce() returns */

static const struct driver paravirtual_driver = {start, room, send, announce, receive, release, wait, flush};

const struct driver *choose_driver(enum io io) {
  (void)io;
  return &paravirtual_driver;
}

/* ---- the start */

int main(const struct multiboot_info *info);
void paravirtual_main(const struct rs_start_info *info);
void paravirtual_main(const struct rs_start_info *info) {
  start_info = info;
  shared = (volatile struct rs_shared_info *)info->shared_info;
  ring = (volatile struct rs_net_ring *)info->net_ring;
  const struct multiboot_info boot = {.flags = MULTIBOOT_HAS_COMMAND_LINE,
                                      .command_line = (uint32_t)info->command_line};
  power_off(main(&boot));
}
