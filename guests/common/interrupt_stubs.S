/* One entry for each interrupt line: calls interrupt(irq) with all registers kept. */
  .text
  .macro line irq
stub\irq:
  pusha
  push $\irq
  jmp common
  .endm

  .irp irq, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  line \irq
  .endr

common:
  cld
  call interrupt
  add $4, %esp
  popa
  iret

  .section .rodata
  .global interrupt_stubs
interrupt_stubs:
  .irp irq, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  .long stub\irq
  .endr
