/* What a process sees between 0 and KERNEL_BASE.
 *
 * Pages come into being in three ways: the program loader puts them there, a page fault does (heap and stack
 * start as zeroes, on demand), or fork shares them. Shared writable pages are mapped read-only and marked
 * copy-on-write in both processes; the first write of either faults, and gets a copy.
 *
 * Watch this file under the three techniques: the same mmu_set() is a plain store, a trap into a monitor that
 * keeps shadow tables, or a line in a batch of hypercalls. */
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"

enum {
  SLOTS = 1024,
  USER_TABLES = KERNEL_BASE / PAGE_BYTES / SLOTS,
  TABLE_FLAGS = PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER
};

static page_entry *directory_of(const struct address_space *space) { return frame_memory(space->directory); }
static page_entry *table_of(page_entry entry) { return frame_memory(mmu_frame(entry)); }

/* The slot that maps `linear`; NULL if there is no table and `make` is false, or no memory for one. */
static page_entry *slot_of(struct address_space *space, uint32_t linear, bool make) {
  page_entry *directory_slot = directory_of(space) + linear / PAGE_BYTES / SLOTS;
  if (!(*directory_slot & PAGE_PRESENT)) {
    uint32_t frame = make ? frame_allocate_zeroed() : 0;
    if (!frame) return NULL;
    if (space->live) mmu_table_live(frame);
    mmu_set(directory_slot, mmu_entry(frame, TABLE_FLAGS));
  }
  return table_of(*directory_slot) + linear / PAGE_BYTES % SLOTS;
}

int space_create(struct address_space *space) {
  *space = (struct address_space){.directory = frame_allocate_zeroed()};
  if (!space->directory) return -ENOMEM;
  mmu_share_kernel_half(directory_of(space));
  return 0;
}

void *space_new_page(struct address_space *space, uint32_t linear, bool writable) {
  page_entry *slot = slot_of(space, linear, true);
  if (!slot) return NULL;
  if (*slot & PAGE_PRESENT) return frame_memory(mmu_frame(*slot)); /* two segments share a page */
  uint32_t frame = frame_allocate_zeroed();
  if (!frame) return NULL;
  mmu_set(slot, mmu_entry(frame, PAGE_PRESENT | PAGE_USER | (writable ? PAGE_WRITABLE : 0)));
  space->pages++;
  return frame_memory(frame);
}

void space_complete(struct address_space *space) {
  mmu_batch_begin();
  mmu_directory_live(space->directory);
  mmu_batch_end();
  space->live = true;
}

/* Shares one table's pages with `to`; both lose the right to write. */
static void share_pages(page_entry *from, page_entry *to) {
  for (int i = 0; i < SLOTS; i++) {
    page_entry entry = from[i];
    if (!(entry & PAGE_PRESENT)) continue;
    if (entry & PAGE_WRITABLE) {
      entry = (entry & ~PAGE_WRITABLE) | PAGE_COPY_ON_WRITE;
      mmu_set(&from[i], entry);
    }
    to[i] = entry;
    frame_share(mmu_frame(entry));
  }
}

int space_fork(struct address_space *child, struct address_space *parent) {
  if (space_create(child) < 0) return -ENOMEM;
  child->writable_begin = parent->writable_begin;
  child->heap_end = parent->heap_end;
  page_entry *from = directory_of(parent), *to = directory_of(child);
  mmu_batch_begin();
  for (int i = 0; i < USER_TABLES; i++) {
    if (!(from[i] & PAGE_PRESENT)) continue;
    uint32_t table = frame_allocate_zeroed();
    if (!table) {
      mmu_batch_end();
      space_destroy(child);
      return -ENOMEM;
    }
    share_pages(table_of(from[i]), frame_memory(table));
    to[i] = mmu_entry(table, TABLE_FLAGS);
  }
  mmu_directory_live(child->directory);
  mmu_flush(); /* the parent's TLB still holds what was writable */
  mmu_batch_end();
  child->pages = parent->pages;
  child->live = true;
  return 0;
}

void space_destroy(struct address_space *space) {
  if (!space->directory) return;
  page_entry *directory = directory_of(space);
  if (space->live) {
    mmu_batch_begin();
    mmu_directory_dead(space->directory);
    mmu_batch_end();
  }
  for (int i = 0; i < USER_TABLES; i++) {
    if (!(directory[i] & PAGE_PRESENT)) continue;
    page_entry *table = table_of(directory[i]);
    for (int j = 0; j < SLOTS; j++)
      if (table[j] & PAGE_PRESENT) frame_release(mmu_frame(table[j]));
    frame_release(mmu_frame(directory[i]));
  }
  frame_release(space->directory);
  space->directory = 0;
}

/* Whether the process may have a page here that does not exist yet. */
static bool is_demand_zero(const struct address_space *space, uint32_t linear) {
  return (linear >= space->writable_begin && linear < space->heap_end) ||
         (linear >= STACK_BEGIN && linear < STACK_END);
}

/* A page that is there, and may be written as soon as nobody else shares it. */
static bool make_writable(page_entry *slot, uint32_t linear) {
  page_entry entry = *slot;
  uint32_t shared = mmu_frame(entry);
  if (!(entry & PAGE_COPY_ON_WRITE)) return false; /* code and constants */
  uint32_t flags = PAGE_PRESENT | PAGE_USER | PAGE_WRITABLE;
  if (!frame_is_shared(shared)) { /* the others have their copies already, or are gone */
    mmu_remap(linear, slot, mmu_entry(shared, flags));
    return true;
  }
  uint32_t copy = frame_allocate();
  if (!copy) return false;
  memcpy(frame_memory(copy), frame_memory(shared), PAGE_BYTES);
  mmu_remap(linear, slot, mmu_entry(copy, flags));
  frame_release(shared);
  return true;
}

bool space_fault(struct address_space *space, uint32_t linear, bool write) {
  if (linear >= KERNEL_BASE || !space->directory) return false;
  linear &= ~(PAGE_BYTES - 1);
  page_entry *slot = slot_of(space, linear, false);
  if (slot && (*slot & PAGE_PRESENT)) {
    if (!write || (*slot & PAGE_WRITABLE)) return true;
    return make_writable(slot, linear);
  }
  if (!is_demand_zero(space, linear)) return false;
  if (!slot) slot = slot_of(space, linear, true);
  uint32_t frame = slot ? frame_allocate_zeroed() : 0;
  if (!frame) return false;
  mmu_remap(linear, slot, mmu_entry(frame, PAGE_PRESENT | PAGE_USER | PAGE_WRITABLE));
  space->pages++;
  return true;
}

bool space_reach(struct address_space *space, uint32_t linear, uint32_t bytes, bool write) {
  if (bytes == 0) return true;
  if (linear >= KERNEL_BASE || bytes > KERNEL_BASE - linear) return false;
  uint32_t last = (linear + bytes - 1) / PAGE_BYTES;
  for (uint32_t page = linear / PAGE_BYTES; page <= last; page++)
    if (!space_fault(space, page * PAGE_BYTES, write)) return false;
  return true;
}
