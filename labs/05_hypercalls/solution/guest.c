/* The guest that asks: hypercalls, batches of them, and an interrupt flag that is a byte in memory. */
#include "guest.h"

int hypercall(u32 number, u32 b, u32 c, u32 d) {
  int result;
  __asm__ volatile("call *%1"
                   : "=a"(result)
                   : "0"(hypercall_page + number * HYPERCALL_BYTES), "b"(b), "c"(c), "d"(d)
                   : "memory", "cc");
  return result;
}

void print(const char *text) {
  enum { MOST = 4096 };
  while (*text) {
    u32 length = 0;
    while (length < MOST && text[length]) length++;
    hypercall(HC_CONSOLE_WRITE, (u32)text, length, 0);
    text += length;
  }
}

/* ---- page-table entries: many of them are one hypercall */

static struct mmu_update queue[QUEUE];
static u32 queued, refused;

static void submit(void) {
  for (u32 done = 0; done < queued;) {
    const int result = hypercall(HC_MMU_UPDATE, (u32)&queue[done], queued - done, 0);
    const u32 made = result > 0 ? result : 0;
    done += made;
    if (done < queued) done++, refused++; /* the next one is what the monitor did not want */
  }
  queued = 0;
}

void set_entry(u32 address, u32 value) {
  queue[queued++] = (struct mmu_update){address, value};
  if (queued == QUEUE) submit();
}

u32 flush_entries(void) {
  submit();
  const u32 told = refused;
  refused = 0;
  return told;
}

/* ---- events */

void events_off(void) {
  shared->upcall_mask = 1;
  __asm__ volatile("" : : : "memory");
}

void events_on(void) {
  __asm__ volatile("" : : : "memory");
  shared->upcall_mask = 0;
  if (shared->upcall_pending) hypercall(HC_VERSION, 0, 0, 0); /* the upcall comes on the way back from it */
}

void events(void) {
  static u64 seen;
  shared->upcall_pending = 0;
  u32 taken = 0; /* XCHG: an event that comes meanwhile is either taken or left, never lost */
  __asm__ volatile("xchg %0, %1" : "+r"(taken), "+m"(shared->event_pending) : : "memory");
  if (taken & 1u << EVENT_TIMER) {
    const u64 now = shared->ticks;
    on_timer((u32)(now - seen));
    seen = now;
  }
}
