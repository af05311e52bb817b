/* Page tables, natively: they are memory, and the processor looks at them by itself. */
#include "guests/kernel/machine/native.h"
#include "hypervisor/abi/virtio.h"

page_entry native_directory[1024] __attribute__((aligned(PAGE_BYTES)));
/* All of RAM from KERNEL_BASE up. The boot code fills the first table. */
page_entry native_direct_tables[MAX_FRAMES / 1024][1024] __attribute__((aligned(PAGE_BYTES)));

/* Devices are mapped where they are, above all RAM: from the memory-mapped ports to the last ring device. */
static page_entry device_table[1024] __attribute__((aligned(PAGE_BYTES)));
enum {
  FIRST_DEVICE = RS_MMIO_PORTS / PAGE_BYTES,
  LAST_DEVICE = RS_VIRTIO_CONSOLE / PAGE_BYTES,
  PAGE_UNCACHED = 0x10,
};
_Static_assert(FIRST_DEVICE / 1024 == LAST_DEVICE / 1024, "one table maps them all");

static page_entry *kernel_slots(page_entry *directory) { return directory + KERNEL_BASE / PAGE_BYTES / 1024; }

void mmu_flush(void) {
  uint32_t directory;
  asm volatile("mov %%cr3, %0\n mov %0, %%cr3" : "=r"(directory) : : "memory");
}

void native_map_ram(uint32_t frames) {
  for (uint32_t frame = 1024; frame < frames; frame++)
    native_direct_tables[frame / 1024][frame % 1024] = mmu_entry(frame, PAGE_PRESENT | PAGE_WRITABLE);
  for (uint32_t i = 0; i * 1024 < frames; i++)
    kernel_slots(native_directory)[i] = mmu_entry(
        ((uint32_t)native_direct_tables[i] - KERNEL_BASE) / PAGE_BYTES, PAGE_PRESENT | PAGE_WRITABLE);
  for (uint32_t page = FIRST_DEVICE; page <= LAST_DEVICE; page++)
    device_table[page % 1024] = mmu_entry(page, PAGE_PRESENT | PAGE_WRITABLE | PAGE_UNCACHED);
  native_directory[FIRST_DEVICE / 1024] =
      mmu_entry(((uint32_t)device_table - KERNEL_BASE) / PAGE_BYTES, PAGE_PRESENT | PAGE_WRITABLE);
  native_directory[0] = 0; /* the boot code's identity mapping */
  mmu_flush();
}

page_entry mmu_entry(uint32_t frame, uint32_t flags) { return frame * PAGE_BYTES | flags; }
uint32_t mmu_frame(page_entry entry) { return entry / PAGE_BYTES; }

void mmu_set(page_entry *slot, page_entry value) { *(volatile page_entry *)slot = value; }

void mmu_remap(uint32_t linear, page_entry *slot, page_entry value) {
  page_entry old = *slot;
  mmu_set(slot, value);
  if (old & PAGE_PRESENT) /* what was not present is in no TLB */
    asm volatile("invlpg (%0)" : : "r"(linear) : "memory");
}

void mmu_share_kernel_half(page_entry *directory) {
  for (uint32_t i = KERNEL_BASE / PAGE_BYTES / 1024; i < 1024; i++) directory[i] = native_directory[i];
}

/* Stores can neither be batched nor refused. */
void mmu_batch_begin(void) {}
void mmu_batch_end(void) {}
void mmu_directory_live(uint32_t frame) { (void)frame; }
void mmu_table_live(uint32_t frame) { (void)frame; }
void mmu_directory_dead(uint32_t frame) { (void)frame; }
