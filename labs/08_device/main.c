/* Lab 08: the guest around driver.c. Its command line says which step it tries and with which numbers. */
#include "driver.h"

enum { BLOCK = 0xFEB00000, LINE = 5, VECTOR = 0x25, SECTOR = 512, BUFFERS = 0x200000 };
enum {
  DRIVER_FEATURES_SELECT = 0x24,
  DRIVER_FEATURES = 0x20,
  QUEUE_SIZE = 0x38,
  QUEUE_READY = 0x44,
  QUEUE_NOTIFY = 0x50
};
enum {
  INTERRUPT_STATUS = 0x60,
  INTERRUPT_ACK = 0x64,
  STATUS = 0x70,
  DESCRIPTORS = 0x80,
  AVAILABLE = 0x90,
  USED = 0xA0
};
enum { POLL = 0x1F0, EVENT_IDX = 1u << 29, VERSION_1 = 1 };

volatile struct ring_memory ring;
static volatile u32 notifications, interrupts;

static volatile u32 *reg(u32 offset) { return (volatile u32 *)(BLOCK + offset); }
void notify(void) {
  notifications++;
  *reg(QUEUE_NOTIFY) = 0;
}

void tell(const char *text, u32 bytes) {
  for (u32 i = 0; i < bytes; i++) out8(0xE9, text[i]);
}

static const char *line; /* the command line */
static u32 given(const char *key) { return option(line, key); }

/* ---- the interrupt of the disk */

__asm__(
    ".text; interrupt_entry: pushal; cld; call interrupt; popal; iret\n"
    "other_entry: iret\n");
extern char interrupt_entry[], other_entry[];

__attribute__((used)) void interrupt(void) {
  interrupts++;
  *reg(INTERRUPT_ACK) = *reg(INTERRUPT_STATUS);
  out8(0x20, 0x20);
}

struct table {
  u16 limit;
  u32 base;
} __attribute__((packed));

static void interrupts_start(void) {
  static u32 idt[48][2];
  static const u32 gdt[3][2] = {{0, 0}, {0x0000FFFF, 0x00CF9B00}, {0x0000FFFF, 0x00CF9300}}; /* flat */
  enum { CODE = 8, DATA = 16 };
  const struct table descriptors = {sizeof gdt - 1, (u32)gdt}, interrupts = {sizeof idt - 1, (u32)idt};
  __asm__ volatile("lgdt %0; ljmp %1, $1f; 1: mov %2, %%ds; mov %2, %%es; mov %2, %%ss"
                   :
                   : "m"(descriptors), "i"(CODE), "r"(DATA));
  for (u32 i = 0; i < 48; i++) {
    const u32 entry = (u32)(i == VECTOR ? interrupt_entry : other_entry);
    idt[i][0] = (u32)CODE << 16 | (entry & 0xFFFF);
    idt[i][1] = (entry & 0xFFFF0000) | 0x8E00;
  }
  __asm__ volatile("lidt %0" : : "m"(interrupts));
  static const u8 words[][2] = {{0x20, 0x11}, {0x21, 0x20}, {0x21, 4}, {0x21, 1}, {0x21, (u8) ~(1 << LINE)}};
  for (u32 i = 0; i < sizeof words / 2; i++) out8(words[i][0], words[i][1]);
}

/* ---- the device */

static int device_start(void) {
  memset((void *)&ring, 0, sizeof ring);
  driver_start();
  u32 status = 3;
  *reg(STATUS) = 0;
  *reg(STATUS) = status;
  *reg(DRIVER_FEATURES_SELECT) = 0;
  *reg(DRIVER_FEATURES) = EVENT_IDX;
  *reg(DRIVER_FEATURES_SELECT) = 1;
  *reg(DRIVER_FEATURES) = VERSION_1;
  *reg(STATUS) = status |= 8;
  *reg(QUEUE_SIZE) = RING;
  *reg(DESCRIPTORS) = (u32)ring.descriptor;
  *reg(AVAILABLE) = (u32)&ring.available;
  *reg(USED) = (u32)&ring.used;
  *reg(QUEUE_READY) = 1;
  *reg(STATUS) = status | 4;
  const u32 poll = given("poll");
  if (poll) *reg(POLL) = poll;
  return (*reg(STATUS) & 64) == 0;
}

static u8 *buffer(u32 n) { return (u8 *)(BUFFERS + n * SECTOR); }
/* Every sector of the lab's disk begins with a word of its own. */
static u32 expected(u32 sector) { return sector * 2654435761u ^ given("seed"); }

/* Waits for what is finished: for the interrupt, or by looking again and again. */
static int wait_for_one(int by_interrupt) {
  for (u32 tries = 0; tries < 200000; tries++) {
    int number = request_take();
    if (number >= 0) return number;
    if (!by_interrupt) continue;
    __asm__ volatile("cli");
    interrupts_wanted(1);
    number = request_take(); /* what came before */
    if (number >= 0) {
      __asm__ volatile("sti");
      return number;
    }
    __asm__ volatile("sti; hlt; cli; sti");
  }
  return -1;
}

/* `count` requests, `depth` of them at a time; how many came back right. */
static u32 transfer(u32 type, u32 count, u32 depth, int by_interrupt) {
  const u32 sectors = given("sectors");
  u32 right = 0, sector_of[RING];
  for (u32 started = 0, done = 0; done < count;) {
    u32 first = started;
    for (; started < count && started - done < depth; started++) {
      const u32 sector = (started * 7 + 3) % sectors;
      u32 *data = (u32 *)buffer(started % depth);
      *data = type == WRITE ? expected(sector) + 1 : 0;
      const int number = request_add(type, sector, data, SECTOR);
      if (number < 0 || number >= RING) break;
      sector_of[started % RING] = sector;
    }
    if (by_interrupt) interrupts_wanted(0);
    if (started != first) request_announce();
    if (started == done) return right; /* nothing could be added */
    for (first = done; done < started; done++) {
      const int number = wait_for_one(by_interrupt);
      if (number < 0) return right;
      const u32 sector = sector_of[done % RING];
      if (request_status(number) == OK && *(u32 *)buffer(done % depth) == expected(sector) + (type == WRITE))
        right++;
    }
  }
  return right;
}

u32 main(const u32 *multiboot) {
  line = multiboot[0] & 4 ? (const char *)multiboot[4] : "";
  const u32 step = given("step"), count = given("count"), depth = given("depth");
  interrupts_start();
  if (!device_start()) {
    say("the device is broken", 1);
    return 1;
  }
  if (step == 4) __asm__ volatile("sti");
  say("right", transfer(READ, count, depth, step == 4));
  say("notifications", notifications);
  say("interrupts", interrupts);
  interrupts_wanted(0);
  const u32 before = interrupts;
  say("right without", transfer(READ, count, depth, 0));
  say("interrupts while off", interrupts - before);
  say("the device is broken", (*reg(STATUS) & 64) != 0);
  return 0;
}
