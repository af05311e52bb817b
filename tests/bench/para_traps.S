/* ITERATIONS hypercalls that do nothing, from ring 1, then the end: the paravirtual round trip. An ELF at 1 MiB, linear
 * addresses above 3 GiB. */
#include "hypervisor/abi/paravirtual.h"

#define VIRT_BASE 0xC0000000

  .macro note type, value
  .long 9, 4, \type
  .asciz "Ringside"
  .balign 4
  .long \value
  .endm
  .section .note.ringside, "a", @note
  note RS_NOTE_ENTRY, _start
  note RS_NOTE_VIRT_BASE, VIRT_BASE
  note RS_NOTE_HYPERCALL_PAGE, hypercall_page

  .text
  .globl _start
_start:
  movl $ITERATIONS, %edi
1:
  call hypercall_page + RS_HC_VERSION * RS_HC_STUB_BYTES
  decl %edi
  jnz 1b
  movl $RS_SCHED_SHUTDOWN, %ebx
  xorl %ecx, %ecx
  call hypercall_page + RS_HC_SCHED_OP * RS_HC_STUB_BYTES

  .balign 4096
hypercall_page:
  .skip 4096
