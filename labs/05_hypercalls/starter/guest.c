/* Lab 05: the guest that asks. Read SPEC.md beside this file, guest.h and ringside/hypercalls.h. */
#include "guest.h"

/* Step 1: the stub of hypercall n is at hypercall_page + n * HYPERCALL_BYTES; arguments in EBX, ECX, EDX,
 * result in EAX. GCC's inline assembler: "a", "b", "c", "d" name the registers, "r" any. */
int hypercall(u32 number, u32 b, u32 c, u32 d) {
  (void)number, (void)b, (void)c, (void)d;
  return 0;
}

/* Step 2 */
void print(const char *text) { (void)text; }

/* Steps 3 and 4 */
void set_entry(u32 address, u32 value) { (void)address, (void)value; }
u32 flush_entries(void) { return 0; }

/* Step 5 */
void events_off(void) {}
void events_on(void) {}
void events(void) {}
