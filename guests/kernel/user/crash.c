/* crash: children do what programs may not do; the kernel must end them and nobody else. */
#include "guests/kernel/user/lib.h"

static void divide_by_zero(void) { asm volatile("div %%ecx" : : "a"(1), "d"(0), "c"(0)); }
static void turn_interrupts_off(void) { asm volatile("cli"); }
static void undefined_instruction(void) { asm volatile("ud2"); }
static void store(uint32_t address) { asm volatile("movl $0, (%0)" : : "r"(address) : "memory"); }
static void write_to_kernel(void) { store(0xC0100000); }
static void write_to_own_code(void) { store(0x00400000); }
static void write_to_nothing(void) { store(16); }
static void bad_pointer_to_kernel(void) {
  if (write(1, (const void *)0xC0100000, 16) == -EFAULT) exit(77);
}

static const struct {
  const char *what;
  void (*how)(void);
  int status;
} attempts[] = {
    {"divides by zero", divide_by_zero, KILLED_BY + 0},
    {"turns interrupts off", turn_interrupts_off, KILLED_BY + 13},
    {"executes nonsense", undefined_instruction, KILLED_BY + 6},
    {"writes to the kernel", write_to_kernel, KILLED_BY + 14},
    {"writes to its own code", write_to_own_code, KILLED_BY + 14},
    {"writes where nothing is", write_to_nothing, KILLED_BY + 14},
    {"has the kernel read itself", bad_pointer_to_kernel, 77},
};

int main(void) {
  int wrong = 0;
  for (unsigned i = 0; i < sizeof attempts / sizeof *attempts; i++) {
    int child = fork();
    if (child < 0) fail("crash: cannot fork: error %d\n", -child);
    if (child == 0) {
      attempts[i].how();
      exit(0);
    }
    int status = status_of_child();
    print("a child %s: ", attempts[i].what);
    if (status >= KILLED_BY)
      print("killed by exception %d\n", status - KILLED_BY);
    else
      print("status %d\n", status);
    if (status != attempts[i].status) wrong++;
  }
  return wrong > 0;
}
