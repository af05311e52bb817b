/* Page tables, paravirtually: they hold machine frames, the monitor has checked every entry, and we may only
 * read them.
 *
 * A table under construction is ordinary memory. When it is complete its page is made read-only for us too
 * (RAM is mapped from KERNEL_BASE up, so there is one such mapping to change) and the monitor checks it as a
 * whole: "pins" it. From then on each change is a line in a list for the monitor; in a batch, hundreds of
 * them cost one hypercall. */
#include "guests/kernel/kernel.h"
#include "guests/kernel/machine/paravirtual.h"

enum {
  SLOTS = 1024,
  KERNEL_SLOT = KERNEL_BASE / PAGE_BYTES / SLOTS,
  LAST_SLOT = SLOTS - 1 /* the monitor's */
};

static const uint32_t *machine_frames; /* by our own frame number */
static const uint32_t *our_frames;     /* by machine frame number */
static const page_entry *start_directory;
static bool is_table[MAX_FRAMES];

void paravirtual_mmu_start(void) {
  machine_frames = (const uint32_t *)start_info->frame_list;
  our_frames = (const uint32_t *)start_info->machine_to_guest;
  start_directory = (const page_entry *)start_info->page_directory;
}

page_entry mmu_entry(uint32_t frame, uint32_t flags) { return machine_frames[frame] * PAGE_BYTES | flags; }
uint32_t mmu_frame(page_entry entry) { return our_frames[entry / PAGE_BYTES]; }

uint32_t machine_address(const void *memory) {
  return machine_frames[memory_frame(memory)] * PAGE_BYTES + (uint32_t)memory % PAGE_BYTES;
}

/* ---- the batch
 * ----------------------------------------------------------------------------------------------------- */

enum { MAX_UPDATES = 512, MAX_OPERATIONS = 4 };
static struct rs_mmu_update updates[MAX_UPDATES];
static struct rs_mmuext_op operations[MAX_OPERATIONS];
static uint32_t update_count, operation_count;
static bool batching;

/* Table entries first, operations after them. */
static void submit(void) {
  struct rs_multicall calls[] = {
      {RS_HC_MMU_UPDATE, {(uint32_t)updates, update_count}, update_count},
      {RS_HC_MMUEXT_OP, {(uint32_t)operations, operation_count}, operation_count},
  };
  if (update_count && operation_count)
    hypercall(RS_HC_MULTICALL, calls, 2, 0);
  else if (update_count)
    calls[0].result = hypercall(RS_HC_MMU_UPDATE, updates, update_count, 0);
  else if (operation_count)
    calls[1].result = hypercall(RS_HC_MMUEXT_OP, operations, operation_count, 0);
  if (calls[0].result != (int)update_count || calls[1].result != (int)operation_count)
    panic("the monitor refuses a page-table change (%d of %u, %d of %u)", calls[0].result, update_count,
          calls[1].result, operation_count);
  update_count = operation_count = 0;
}

static void update(uint32_t address, page_entry value) {
  if (update_count == MAX_UPDATES) submit();
  updates[update_count++] = (struct rs_mmu_update){address, value};
}

static void operation(uint32_t command, uint32_t argument) {
  if (operation_count == MAX_OPERATIONS) submit();
  operations[operation_count++] = (struct rs_mmuext_op){command, argument};
}

static void submit_unless_batching(void) {
  if (!batching) submit();
}

void mmu_batch_begin(void) { batching = true; }

void mmu_batch_end(void) {
  batching = false;
  submit();
}

/* ---- entries
 * ------------------------------------------------------------------------------------------------------- */

void mmu_set(page_entry *slot, page_entry value) {
  if (!is_table[memory_frame(slot)]) {
    *slot = value;
    return;
  }
  update(machine_address(slot), value);
  submit_unless_batching();
}

void mmu_remap(uint32_t linear, page_entry *slot, page_entry value) {
  uint32_t flush =
      *slot & PAGE_PRESENT ? RS_UVMF_INVLPG : RS_UVMF_NONE; /* what was not present is in no TLB */
  if (hypercall(RS_HC_UPDATE_VA_MAPPING, linear, value, flush) < 0)
    panic("the monitor refuses to map %x", linear);
}

void mmu_flush(void) {
  operation(RS_MMUEXT_TLB_FLUSH, 0);
  submit_unless_batching();
}

/* ---- tables
 * -------------------------------------------------------------------------------------------------------- */

void mmu_share_kernel_half(page_entry *directory) {
  for (int i = KERNEL_SLOT; i < LAST_SLOT; i++) directory[i] = start_directory[i];
}

/* Changes how RAM's mapping shows this frame to us, and who may write to it. */
static void set_table(uint32_t frame, bool table) {
  page_entry direct_table = start_directory[KERNEL_SLOT + frame / SLOTS] & ~(PAGE_BYTES - 1);
  is_table[frame] = table;
  update(direct_table + frame % SLOTS * sizeof(page_entry),
         mmu_entry(frame, PAGE_PRESENT | (table ? 0 : PAGE_WRITABLE)));
}

static void set_tables(uint32_t directory_frame, bool table) {
  const page_entry *directory = frame_memory(directory_frame);
  for (int i = 0; i < KERNEL_SLOT; i++)
    if (directory[i] & PAGE_PRESENT) set_table(mmu_frame(directory[i]), table);
  set_table(directory_frame, table);
}

void mmu_directory_live(uint32_t frame) {
  set_tables(frame, true);
  operation(RS_MMUEXT_PIN_L2, machine_frames[frame]);
  submit_unless_batching();
}

void mmu_table_live(uint32_t frame) {
  set_table(frame, true);
  submit_unless_batching();
}

void mmu_directory_dead(uint32_t frame) {
  operation(RS_MMUEXT_UNPIN, machine_frames[frame]);
  submit();
  set_tables(frame, false);
  submit_unless_batching();
}
