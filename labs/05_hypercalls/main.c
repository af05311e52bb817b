/* Lab 05: the guest around guest.c. Its command line says which step it tries and with which numbers. What it
 * says itself goes by an INT 82h of its own, so that it does not depend on guest.c. */
#include "guest.h"

struct start_info {
  char magic[16];
  u32 ram_pages, page_directory, page_table_pages, first_free_page, frame_list, machine_to_guest,
      machine_frames, shared_info, console_ring, disk_ring, disk_sectors;
  char command_line[512];
};

extern char upcall[];
volatile struct shared_info *shared;
static const struct start_info *start;
static u32 ticks_told;

void on_timer(u32 periods) { ticks_told += periods; }

/* ---- what the lab itself says */

static int own_hypercall(u32 number, u32 b, u32 c, u32 d) {
  int result;
  __asm__ volatile("int $0x82" : "=a"(result) : "a"(number), "b"(b), "c"(c), "d"(d) : "memory", "cc");
  return result;
}

void tell(const char *text, u32 bytes) { own_hypercall(HC_CONSOLE_WRITE, (u32)text, bytes, 0); }

static u32 given(const char *key) { return option(start->command_line, key); }

/* ---- the steps */

static void try_calls(void) {
  say("version", hypercall(HC_VERSION, 0, 0, 0));
  say("unknown", -hypercall(77, 0, 0, 0));
  say("no such page", -hypercall(HC_CONSOLE_WRITE, 0x7FFFF000, 4, 0));
  static const char word[] = "three arguments\n";
  say("printed", hypercall(HC_CONSOLE_WRITE, (u32)word, sizeof word - 1, 0));
  u32 b, c, d;
  struct mmu_update none = {0, 0};
  b = (u32)&none, c = 0, d = 1;
  say("an empty batch", hypercall(HC_MMU_UPDATE, b, c, d));
}

static void try_print(void) {
  static char text[8000];
  u32 lines = given("lines"), length = given("length");
  for (u32 i = 0; i < lines; i++) print("a line is one hypercall\n");
  for (u32 i = 0; i < length; i++) text[i] = i % 64 == 63 ? '\n' : 'a' + i % 26;
  print(text);
  print("");
}

enum { AREA = 0x40000000, PRESENT = 1, WRITABLE = 2, USER = 4 };

static u32 machine(u32 linear) {
  return ((const u32 *)start->frame_list)[linear / 4096] * 4096 + linear % 4096;
}

/* A page table for the 4 MiB from AREA on; its address. */
static u32 make_table(void) {
  u32 table = start->first_free_page * 4096;
  memset((void *)table, 0, 4096);
  own_hypercall(HC_UPDATE_VA_MAPPING, table, machine(table) | PRESENT, UVMF_INVLPG); /* we may only read it */
  struct mmu_update update = {machine(start->page_directory + AREA / 0x400000 * 4),
                              machine(table) | PRESENT | WRITABLE | USER};
  own_hypercall(HC_MMU_UPDATE, (u32)&update, 1, 0);
  return table;
}

static u32 page(u32 n) { return (start->first_free_page + 1 + n) * 4096; }

static void try_entries(u32 foreign) {
  const u32 pages = given("pages"), table = make_table();
  for (u32 i = 0; i < pages; i++)
    set_entry(machine(table + i * 4),
              i == foreign ? PRESENT | WRITABLE : machine(page(i)) | PRESENT | WRITABLE);
  say("refused", flush_entries());
  say("refused since", flush_entries());
  u32 right = 0;
  for (u32 i = 0; i < pages; i++) {
    const u32 entry = ((volatile u32 *)table)[i];
    if ((entry & ~0x60u) != (machine(page(i)) | PRESENT | WRITABLE)) continue;
    *(volatile u32 *)(AREA + i * 4096) = 0x1000 + i;
    right += *(volatile u32 *)page(i) == 0x1000 + i;
  }
  say("mapped", right);
}

static void try_events(void) {
  const u32 pairs = given("pairs"), periods = given("periods");
  own_hypercall(HC_SET_CALLBACK, (u32)upcall, 0, 0);
  own_hypercall(HC_SET_TIMER, 100, 0, 0);
  events_on();
  for (u32 spin = 0; spin < 4000000 && ticks_told == 0; spin++) __asm__ volatile("" : : : "memory");
  say("events arrive", ticks_told > 0);
  events_off();
  const u32 before = ticks_told;
  const u64 ticks = shared->ticks;
  for (u32 spin = 0; spin < 4000000 && shared->ticks < ticks + periods; spin++)
    __asm__ volatile("" : : : "memory");
  say("while they were off", ticks_told - before);
  events_on();
  say("at once when on again", ticks_told - before >= periods);
  events_off();
  own_hypercall(HC_SET_TIMER, 0, 0, 0);
  say("periods that were lost or invented",
      (u32)(shared->ticks > ticks_told ? shared->ticks - ticks_told : ticks_told - shared->ticks));
  for (u32 i = 0; i < pairs; i++) events_on(), events_off();
}

void main(const struct start_info *info) {
  start = info;
  shared = (struct shared_info *)info->shared_info;
  const u32 step = given("step"), foreign = given("foreign");
  if (step == 1) try_calls();
  if (step == 2) try_print();
  if (step == 3) try_entries(~0u);
  if (step == 4) try_entries(foreign);
  if (step == 5) try_events();
  own_hypercall(HC_SCHED_OP, SCHED_SHUTDOWN, 0, 0);
}
