/* Shared by the files of pagetables: selectors, vectors, and the length of the two instructions that may
 * fault. */
#ifndef GUESTS_PAGETABLES_H
#define GUESTS_PAGETABLES_H

#define SELECTOR_CODE0 0x08
#define SELECTOR_DATA0 0x10
#define SELECTOR_CODE3 0x1B
#define SELECTOR_DATA3 0x23
#define SELECTOR_TSS 0x28

#define VECTOR_LEAVE 0x81

#define PROBE_BYTES 2 /* mov (%ecx), %eax and mov %eax, (%ecx) */
#endif
