/* nanobench: the nanobenchmarks of Adams & Agesen, "A Comparison of Software and Hardware Techniques for x86
 * Virtualization" (ASPLOS 2006), section 6.3: what one operation costs that virtualization touches.
 *
 *   syscall             INT 80h from ring 3 and back (theirs: SYSCALL)
 *   in                  IN from port 80h, the POST code
 *   cr3wr               MOV CR3 with the value that it has (theirs: CR8, which 32-bit code has not)
 *   callret             a call and its return
 *   pgfault             a load in ring 3 from a page that is not there; the handler skips it
 *   divzero             a division by zero in ring 3; the handler skips it
 *   ptemod_unchanged    a page-table entry is written with the value that it has
 *   ptemod_p_np         ... from present to not present, for a page that has just been used
 *   ptemod_np_p         ... from not present to present
 *
 * Each line is "name cycles": the mean over `iterations=N` (1000) by RDTSC, less what the empty loop costs.
 */
#include "guests/nanobench/nanobench.h"

#include "guests/common/pc.h"

enum {
  PAGE = 4096,
  SLOTS = 1024,
  PRESENT_WRITABLE_USER = 7,
  WINDOW = 4 << 20, /* 4 MiB of linear space behind the image, for pages that come and go */
  ABSENT = WINDOW + (SLOTS - 1) * PAGE,
};

extern char system_call_handler[], divide_error_handler[], page_fault_handler[], leave_handler[];
void in_ring3(void (*code)(void)); /* traps.S */

static uint32_t directory[SLOTS] __attribute__((aligned(PAGE)));
static uint32_t image_table[SLOTS] __attribute__((aligned(PAGE)));
static volatile uint32_t window_table[SLOTS] __attribute__((aligned(PAGE)));
static uint8_t window_page[PAGE] __attribute__((aligned(PAGE)));

static uint64_t gdt[6], idt[VECTOR_LEAVE + 1];
static struct task_state tss;
static uint8_t trap_stack[PAGE];

static uint32_t iterations;
static uint32_t cycles; /* what the last measurement took */

static void start_segments(void) {
  gdt[1] = flat_segment(ACCESS_CODE);
  gdt[2] = flat_segment(ACCESS_DATA);
  gdt[3] = flat_segment(ACCESS_CODE | 3 << 5);
  gdt[4] = flat_segment(ACCESS_DATA | 3 << 5);
  gdt[5] = system_segment((uint32_t)&tss, sizeof tss - 1, ACCESS_TSS);
  tss.esp0 = (uint32_t)(trap_stack + PAGE);
  tss.ss0 = SELECTOR_DATA0;
  tss.io_map = sizeof tss;
  idt[0] = gate(SELECTOR_CODE0, (uint32_t)divide_error_handler, ACCESS_INTERRUPT_GATE);
  idt[14] = gate(SELECTOR_CODE0, (uint32_t)page_fault_handler, ACCESS_INTERRUPT_GATE);
  idt[VECTOR_SYSCALL] = gate(SELECTOR_CODE0, (uint32_t)system_call_handler, ACCESS_INTERRUPT_GATE | 3 << 5);
  idt[VECTOR_LEAVE] = gate(SELECTOR_CODE0, (uint32_t)leave_handler, ACCESS_INTERRUPT_GATE | 3 << 5);
  struct table_register gdtr = {sizeof gdt - 1, (uint32_t)gdt}, idtr = {sizeof idt - 1, (uint32_t)idt};
  asm volatile("lgdt %0" : : "m"(gdtr));
  asm volatile("lidt %0" : : "m"(idtr));
  asm volatile("ljmp %0, $1f\n1: mov %1, %%ds\n mov %1, %%es\n mov %1, %%ss"
               :
               : "i"(SELECTOR_CODE0), "r"(SELECTOR_DATA0)
               : "memory");
  asm volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

static void write_cr3(void) { asm volatile("mov %0, %%cr3" : : "r"(directory) : "memory"); }

static void start_paging(void) {
  for (uint32_t i = 0; i < SLOTS; i++) {
    image_table[i] = i * PAGE | PRESENT_WRITABLE_USER;
    window_table[i] = i * PAGE + WINDOW == ABSENT ? 0 : (uint32_t)window_page | PRESENT_WRITABLE_USER;
  }
  directory[0] = (uint32_t)image_table | PRESENT_WRITABLE_USER;
  directory[1] = (uint32_t)window_table | PRESENT_WRITABLE_USER;
  write_cr3();
  asm volatile("mov %%cr0, %%eax\n or $0x80000000, %%eax\n mov %%eax, %%cr0" : : : "eax", "memory");
}

static inline uint32_t read_tsc(void) {
  uint32_t low; /* the difference of two fits: a run is far shorter than 2^32 cycles */
  asm volatile("rdtsc" : "=a"(low) : : "edx", "memory");
  return low;
}

/* Measures `iterations` times the statement, which may use `i`. */
#define MEASURE(statement)                      \
  do {                                          \
    uint32_t start = read_tsc();                \
    for (uint32_t i = 0; i < iterations; i++) { \
      asm volatile("" : : "r"(i) : "memory");   \
      statement;                                \
    }                                           \
    cycles = read_tsc() - start;                \
  } while (0)

__attribute__((noinline)) static void nothing(void) { asm volatile(""); }

static void measure_empty(void) { MEASURE(); }
static void measure_syscall(void) { MEASURE(asm volatile("int %0" : : "i"(VECTOR_SYSCALL))); }
static void measure_in(void) { MEASURE(in8(RS_PORT_POST)); }
static void measure_cr3_write(void) { MEASURE(write_cr3()); }
static void measure_call(void) { MEASURE(nothing()); }
static void measure_page_fault(void) {
  MEASURE(asm volatile("mov (%0), %%al" : : "c"(ABSENT) : "eax", "memory"));
}
static void measure_divide_error(void) { MEASURE(asm volatile("div %0" : : "c"(0), "a"(1), "d"(0))); }
static void measure_unchanged(void) {
  *(volatile uint8_t *)WINDOW; /* a table that nobody has used is no page table to a monitor */
  MEASURE(window_table[0] = (uint32_t)window_page | PRESENT_WRITABLE_USER);
}

/* Pages go and come in rounds, because a page must have been used before its going means anything. */
static void measure_going_and_coming(uint32_t *going, uint32_t *coming) {
  enum { ROUND = 256 };
  const uint32_t wanted = iterations, entry = (uint32_t)window_page | PRESENT_WRITABLE_USER;
  *going = *coming = 0;
  for (uint32_t done = 0; done < wanted; done += iterations) {
    iterations = wanted - done < ROUND ? wanted - done : ROUND;
    for (uint32_t i = 0; i < iterations; i++) *(volatile uint8_t *)(WINDOW + i * PAGE);
    MEASURE(window_table[i] = 0);
    *going += cycles;
    write_cr3(); /* the TLB forgets them: not part of the measurement */
    MEASURE(window_table[i] = entry);
    *coming += cycles;
  }
  iterations = wanted;
}

static void report(const char *name, uint32_t total, uint32_t empty) {
  uint32_t net = total > empty ? total - empty : 0;
  print("%s %u\n", name, (net + iterations / 2) / iterations);
}

int main(const struct multiboot_info *info) {
  iterations = option(info, "iterations", 1000);
  if (iterations == 0 || iterations > 100000) iterations = 1000;
  start_segments();
  start_paging();

  static const struct {
    const char *name;
    void (*measure)(void);
    bool ring3;
  } benchmarks[] = {
      {"syscall", measure_syscall, true},
      {"in", measure_in, false},
      {"cr3wr", measure_cr3_write, false},
      {"callret", measure_call, false},
      {"pgfault", measure_page_fault, true},
      {"divzero", measure_divide_error, true},
      {"ptemod_unchanged", measure_unchanged, false},
  };
  measure_empty();
  const uint32_t empty = cycles;
  print("cycles per operation, mean of %u\n", iterations);
  for (unsigned i = 0; i < sizeof benchmarks / sizeof *benchmarks; i++) {
    if (benchmarks[i].ring3)
      in_ring3(benchmarks[i].measure);
    else
      benchmarks[i].measure();
    report(benchmarks[i].name, cycles, empty);
  }
  uint32_t going, coming;
  measure_going_and_coming(&going, &coming);
  report("ptemod_p_np", going, empty);
  report("ptemod_np_p", coming, empty);
  return 0;
}
