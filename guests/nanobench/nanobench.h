/* Shared by nanobench's files: selectors, vectors, lengths of the instructions that fault. */
#ifndef GUESTS_NANOBENCH_H
#define GUESTS_NANOBENCH_H

#define SELECTOR_CODE0 0x08
#define SELECTOR_DATA0 0x10
#define SELECTOR_CODE3 0x1B
#define SELECTOR_DATA3 0x23
#define SELECTOR_TSS 0x28

#define VECTOR_SYSCALL 0x80
#define VECTOR_LEAVE 0x81

#define DIVIDE_BYTES 2 /* div %ecx */
#define LOAD_BYTES 2   /* mov (%ecx), %al */
#endif
