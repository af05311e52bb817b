/* Interrupts for small guests: descriptor tables, the 8259 pair, and waiting for a device. */
#ifndef GUESTS_COMMON_INTERRUPTS_H
#define GUESTS_COMMON_INTERRUPTS_H

#include <stdint.h>

/* Every line is masked, the interrupt flag is off. */
void interrupts_start(void);
void interrupts_unmask(unsigned irq);
/* Halts until `irq` has interrupted since the last call for it; any number of times counts as one. */
void interrupts_wait(unsigned irq);

#endif
