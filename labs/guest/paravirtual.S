/* From the paravirtual monitor to main(): ring 1, paging on, all of RAM mapped from linear 0 up, a stack, events off.
 * And where events arrive, on their way to event(). */
  .section .note.ringside, "a", @note
.macro note type, value
  .long 9, 4, \type             /* bytes of the name, bytes of the value */
  .asciz "Ringside"
  .balign 4
  .long \value
.endm
  note 1, paravirtual_start
  note 2, 0
  note 3, hypercall_page

  .text
  .global paravirtual_start, upcall, hypercall_page
paravirtual_start:
  cld
  push %esi                     /* struct start_info * */
  call main
  jmp .

upcall:                         /* EIP, CS, EFLAGS are on the stack */
  pushal
  cld
  call events
  popal
  jmp hypercall_page + 11 * 32  /* HC_IRET */

  .balign 4096
hypercall_page:                 /* the monitor writes the stubs */
  .skip 4096

  .section .note.GNU-stack, "", @progbits
