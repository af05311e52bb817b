/* From the monitor to C, paravirtually. There is little to do: we are entered in ring 1 with paging on, RAM mapped where
 * the notes below ask for it, and a stack. */
#include "guests/kernel/machine/paravirtual.h"

  .section .note.ringside, "a", @note
.macro note type, value
  .long 9, 4, \type             /* bytes of the name, bytes of the value */
  .asciz "Ringside"
  .balign 4
  .long \value
.endm
  note RS_NOTE_ENTRY, paravirtual_start
  note RS_NOTE_VIRT_BASE, KERNEL_BASE
  note RS_NOTE_HYPERCALL_PAGE, hypercall_page

  .text
  .global paravirtual_start
paravirtual_start:
  cld
  push %esi                     /* struct rs_start_info * */
  call paravirtual_main         /* paravirtual_cpu.c; does not return */

  .balign PAGE_BYTES
  .global hypercall_page
hypercall_page:                 /* the monitor writes the stubs */
  .skip PAGE_BYTES
