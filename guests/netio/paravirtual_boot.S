/* From the monitor to C. We are entered in ring 1 with paging on and a stack; the notes ask for RAM to be mapped where it
 * is, so that linear addresses are guest-physical ones. */
#include "hypervisor/abi/paravirtual.h"

  .section .note.ringside, "a", @note
.macro note type, value
  .long 9, 4, \type             /* bytes of the name, bytes of the value */
  .asciz "Ringside"
  .balign 4
  .long \value
.endm
  note RS_NOTE_ENTRY, paravirtual_start
  note RS_NOTE_VIRT_BASE, 0
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
