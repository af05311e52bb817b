/* pagetables: edits its own page tables at random, `edits=N` times from `seed=S`, and accesses memory through
 * them from ring 0 and ring 3. What it sees (values, page faults with error code and address, accessed and
 * dirty bits) goes into a checksum, which is the same on every processor and under every technique that is
 * right.
 *
 * The world is closed: every frame in it, data or table, holds random entries in words FIRST to FIRST+USED-1,
 * and every entry names frames of this world. So data frames become page tables and back, tables and
 * directories are mapped as data and edited through their mappings, directories serve as their own tables,
 * frames have many aliases, 4 MiB pages cover the data frames and are split, and some entries have reserved
 * bits set.
 *
 * After an edit it flushes what the architecture says must be flushed and nothing else: INVLPG or CR3;
 * nothing where the old entry was not present. Now and then it does not flush and looks at what it sees: it
 * must be the old translation or the new one.
 */
#include "guests/pagetables/pagetables.h"

#include "guests/common/pc.h"

enum { PAGE = 4096, P = 1, W = 2, U = 4, A = 32, D = 64, PS = 128 };
enum { FIRST = 4, USED = 8 };             /* words of each frame, and entries of each table, that take part */
enum { DATA = 8 << 20, LARGE = 4 << 20 }; /* data frames: FIRST.. of the 4 MiB page at 8 MiB */
enum { TABLES = 5, DIRECTORIES = 2, FRAMES = USED + TABLES + DIRECTORIES };
enum { CR0_WP = 1 << 16, CR0_PG = 1u << 31, CR4_PSE = 1 << 4 };

extern char page_fault_handler[], leave_handler[];
extern uint32_t probe_address, probe_value, probe_error, probe_fault_address, probe_faulted;
void probe_load(void), probe_store(void), in_ring3(void (*code)(void));

static uint32_t tables[TABLES + DIRECTORIES][PAGE / 4] __attribute__((aligned(PAGE)));
static uint32_t image_table[PAGE / 4] __attribute__((aligned(PAGE)));
static uint32_t data_table[PAGE / 4] __attribute__((aligned(PAGE)));

/* On a page of their own: a monitor that watches writes to descriptor tables sees none but those. */
static uint64_t gdt[PAGE / 8] __attribute__((aligned(PAGE))), idt[VECTOR_LEAVE + 1];
static struct task_state tss;
static uint8_t trap_stack[PAGE];

static uint32_t current; /* which directory */
static bool showing; /* `show=N`: print every step from edit N on, to find out where two techniques part */
static uint32_t random_state, checksum = 2166136261u, faults, accesses, stale_errors;

static uint32_t random(uint32_t below) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state % below;
}
static void note(uint32_t value) { checksum = (checksum ^ value) * 16777619u; }

static uint32_t *frame(uint32_t n) {
  return n < USED ? (uint32_t *)(DATA + (FIRST + n) * PAGE) : tables[n - USED];
}
static uint32_t *directory(uint32_t n) { return tables[TABLES + n]; }

static void load_cr3(void) { asm volatile("mov %0, %%cr3" : : "r"(directory(current)) : "memory"); }
static void invlpg(uint32_t linear) { asm volatile("invlpg (%0)" : : "r"(linear) : "memory"); }
static void toggle_cr0(uint32_t bits) {
  uint32_t value;
  asm volatile("mov %%cr0, %0" : "=r"(value));
  asm volatile("mov %0, %%cr0" : : "r"(value ^ bits) : "memory");
}
static void toggle_cr4(uint32_t bits) {
  uint32_t value;
  asm volatile("mov %%cr4, %0" : "=r"(value));
  asm volatile("mov %0, %%cr4" : : "r"(value ^ bits) : "memory");
}

static uint32_t random_entry(void) {
  uint32_t flags = (random(8) ? P : 0) | (random(4) ? W : 0) | (random(4) ? U : 0) | (random(2) ? A : 0) |
                   (random(2) ? D : 0);
  if (random(10) == 0) return DATA | PS | flags | (random(8) ? 0 : 1 << 14); /* bit 14 is reserved */
  return (uint32_t)frame(random(FRAMES)) | flags;
}
static uint32_t linear_of(uint32_t table, uint32_t page, uint32_t word) {
  return table << 22 | page << 12 | word * 4;
}
static uint32_t random_linear(void) {
  return linear_of(FIRST + random(USED), FIRST + random(USED), FIRST + random(USED));
}

static void access(uint32_t linear, bool user, bool write, uint32_t value) {
  probe_address = linear;
  probe_value = value;
  probe_faulted = 0;
  void (*code)(void) = write ? probe_store : probe_load;
  if (user)
    in_ring3(code);
  else
    code();
  accesses++;
}

/* An entry of a table was changed: the translations that came from it are dropped, if it was present. */
static void flush(const uint32_t *entry, uint32_t old) {
  if (!(old & P)) return;
  if (random(2)) return load_cr3();
  const uint32_t *table = (const uint32_t *)((uint32_t)entry & -PAGE);
  const uint32_t index = (uint32_t)entry % PAGE / 4;
  for (uint32_t i = FIRST; i < FIRST + USED; i++) {
    const uint32_t pde = directory(current)[i];
    if ((pde & P) && (pde & -PAGE) == (uint32_t)table) invlpg(linear_of(i, index, 0));
    if (table == directory(current)) invlpg(linear_of(index, i, 0));
  }
}

static void edit(void) {
  uint32_t *entry = &frame(random(FRAMES))[FIRST + random(USED)], old = *entry;
  const uint32_t kind = random(8);
  switch (kind) {
    case 0: *entry = 0; break;
    case 1: *entry ^= random(2) ? W : U; break;
    case 2: *entry &= ~(random(2) ? A : D); break;
    case 3: { /* a large page is split: a table that maps the same frames takes its place */
      uint32_t *table = tables[random(TABLES)];
      for (uint32_t i = FIRST; i < FIRST + USED; i++) {
        uint32_t *small = &table[i], before = *small;
        *small = (DATA + i * PAGE) | (old & (P | W | U | A | D));
        flush(small, before);
      }
      *entry = (uint32_t)table | (old & (P | W | U | A));
      break;
    }
    default: *entry = random_entry();
  }
  if (showing) print("edit %x: %x -> %x\n", (uint32_t)entry, old, *entry);
  flush(entry, old);
}

/* A random access; a store may hit a table and is followed by the flush that this asks for. */
static void use(void) {
  const uint32_t linear = random_linear();
  const bool user = random(2), write = random(2);
  const uint32_t value = random_entry();
  access(linear, user, write, value);
  if (showing)
    print("%s %s %x: %s%x\n", user ? "user" : "kernel", write ? "writes" : "reads", linear,
          probe_faulted ? "fault " : "", probe_faulted ? probe_error : probe_value);
  note(probe_faulted);
  if (probe_faulted) {
    faults++;
    note(probe_error);
    note(probe_fault_address);
  } else if (write) {
    load_cr3();
  } else {
    note(probe_value);
  }
}

/* What a load by ring 0 finds now if nothing is cached: false for a fault. A and D bits apart. */
static bool fresh_load(uint32_t linear, uint32_t *value) {
  const uint32_t pde = directory(current)[linear >> 22];
  if (!(pde & P) || (pde & PS)) return false;
  const uint32_t pte = ((const uint32_t *)(pde & -PAGE))[linear >> 12 & 1023];
  if (!(pte & P)) return false;
  *value = *(const uint32_t *)((pte & -PAGE) + linear % PAGE) & ~(A | D);
  return true;
}

/* An entry changes under a translation that has just been used, and is not flushed at once. */
static void use_stale(void) {
  const uint32_t linear = random_linear();
  uint32_t *pde = &directory(current)[linear >> 22];
  if (!(*pde & P) || (*pde & PS)) return;
  uint32_t *table = (uint32_t *)(*pde & -PAGE);
  if (table == directory(0) || table == directory(1)) return; /* keep the way there as it is */
  uint32_t *pte = &table[linear >> 12 & 1023];
  access(linear, false, false, 0);
  if (probe_faulted) return note(1);
  const uint32_t before = probe_value & ~(A | D), entry = random_entry();
  const uint32_t way = *pde;
  *pte = entry;
  uint32_t expected = 0;
  const bool expect_value = fresh_load(linear, &expected);
  access(linear, false, false, 0);
  const bool as_before = !probe_faulted && (probe_value & ~(A | D)) == before;
  const bool as_now = probe_faulted ? !expect_value : expect_value && (probe_value & ~(A | D)) == expected;
  /* A load through a stale entry from a word that the edit changed sees the new word. */
  const bool word_changed = (uint32_t)pte % PAGE == linear % PAGE;
  if (!as_before && !as_now && !word_changed) stale_errors++;
  *pte = entry;
  *pde = way | A;
  load_cr3();
}

static void note_world(void) {
  for (uint32_t n = 0; n < FRAMES; n++)
    for (uint32_t i = FIRST; i < FIRST + USED; i++) note(frame(n)[i]);
}

static void start_segments(void) {
  gdt[1] = flat_segment(ACCESS_CODE);
  gdt[2] = flat_segment(ACCESS_DATA);
  gdt[3] = flat_segment(ACCESS_CODE | 3 << 5);
  gdt[4] = flat_segment(ACCESS_DATA | 3 << 5);
  gdt[5] = system_segment((uint32_t)&tss, sizeof tss - 1, ACCESS_TSS);
  tss.esp0 = (uint32_t)(trap_stack + PAGE);
  tss.ss0 = SELECTOR_DATA0;
  tss.io_map = sizeof tss;
  idt[14] = gate(SELECTOR_CODE0, (uint32_t)page_fault_handler, ACCESS_INTERRUPT_GATE);
  idt[VECTOR_LEAVE] = gate(SELECTOR_CODE0, (uint32_t)leave_handler, ACCESS_INTERRUPT_GATE | 3 << 5);
  struct table_register gdtr = {6 * 8 - 1, (uint32_t)gdt}, idtr = {sizeof idt - 1, (uint32_t)idt};
  asm volatile("lgdt %0" : : "m"(gdtr));
  asm volatile("lidt %0" : : "m"(idtr));
  asm volatile("ljmp %0, $1f\n1: mov %1, %%ds\n mov %1, %%es\n mov %1, %%ss"
               :
               : "i"(SELECTOR_CODE0), "r"(SELECTOR_DATA0)
               : "memory");
  asm volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

static void start_paging(void) {
  for (uint32_t i = 0; i < PAGE / 4; i++) {
    image_table[i] = i * PAGE | P | W | U;
    data_table[i] = (DATA + i * PAGE) | P | W;
  }
  for (uint32_t n = 0; n < DIRECTORIES; n++) {
    directory(n)[0] = (uint32_t)image_table | P | W | U;
    directory(n)[DATA >> 22] = (uint32_t)data_table | P | W;
  }
  toggle_cr4(CR4_PSE);
  load_cr3();
  toggle_cr0(CR0_PG | CR0_WP);
}

int main(const struct multiboot_info *info) {
  const uint32_t edits = option(info, "edits", 20000), seed = option(info, "seed", 1);
  const uint32_t show = option(info, "show", 0);
  random_state = seed ? seed : 1;
  start_segments();
  for (uint32_t n = 0; n < FRAMES; n++)
    for (uint32_t i = FIRST; i < FIRST + USED; i++) frame(n)[i] = random_entry();
  start_paging();
  for (uint32_t n = 1; n <= edits; n++) {
    showing = show && n >= show;
    edit();
    use();
    use();
    if (random(16) == 0) use_stale();
    if (random(16) == 0) {
      current = random(DIRECTORIES);
      load_cr3();
    }
    const bool write_protect = random(64) == 0, large = random(512) == 0;
    if (write_protect) toggle_cr0(CR0_WP);
    if (large) toggle_cr4(CR4_PSE);
    if (showing) print("directory %u%s%s\n", current, write_protect ? ", WP" : "", large ? ", PSE" : "");
    if (n % 64 == 0) note_world();
    if (n % (1 << 17) == 0) print("after %u edits: %08x\n", n, checksum);
  }
  print("%u edits, %u accesses, %u page faults\n", edits, accesses, faults);
  print("what was seen adds up to %08x\n", checksum);
  if (stale_errors) print("%u loads saw neither the old nor the new translation\n", stale_errors);
  return stale_errors != 0;
}
