/* From the monitor to C, paravirtually. There is little to do: we are entered in ring 1 with paging on, RAM mapped from
 * PARAVIRTUAL_BASE up (the notes ask for it), and a stack. The C flags define PARAVIRTUAL_BASE; 0 makes linear addresses
 * guest-physical ones. */
#include "hypervisor/abi/paravirtual.h"

  .section .note.ringside, "a", @note
.macro note type, value
  .long 9, 4, \type             /* bytes of the name, bytes of the value */
  .asciz "Ringside"
  .balign 4
  .long \value
.endm
  note RS_NOTE_ENTRY, paravirtual_start
  note RS_NOTE_VIRT_BASE, PARAVIRTUAL_BASE
  note RS_NOTE_HYPERCALL_PAGE, hypercall_page

  .text
  .global paravirtual_start
paravirtual_start:
  cld
  push %esi                     /* struct rs_start_info * */
  call paravirtual_main         /* does not return */

  .balign 4096
  .global hypercall_page
hypercall_page:                 /* the monitor writes the stubs */
  .skip 4096
