/* Interrupts without the 8259: the 8254 through the I/O APIC, the local APIC's own timer, an interrupt to itself that the
 * task priority holds back. Prints a letter for each thing that it has seen, in an order that is the same everywhere. */
#include "guest.h"
  apic = 0xFEE00000
  io_apic = 0xFEC00000
_start:
  movl $0x90000, %esp
  load_tables
  set_gate 0x40, pit_tick
  set_gate 0x50, apic_tick
  set_gate 0x31, itself
  set_gate 0xFF, spurious
  start_timer 60                    /* about 20,000 a second */
  movb $0xFF, %al
  outb %al, $RS_PORT_PIC_MASTER + 1 /* and not through the 8259 */

  movl $1, %eax
  cpuid
  btl $9, %edx                      /* CPUID promises a local APIC */
  jnc fail
  movl $0x1B, %ecx
  rdmsr
  cmpl $apic + 0x900, %eax
  jne fail
  print_char 'C'

  movl $0x1FF, apic + 0xF0          /* on, spurious interrupt FFh */
  movl $0x10000, apic + 0x350       /* no virtual wire */
  movl $0x60, apic + 0x80           /* priority above what comes now */
  movl $0x40031, apic + 0x300       /* interrupt 31h to itself */
  sti
  nop
  cli
  testl $1 << 17, apic + 0x210      /* it waits in the IRR */
  jz fail
  cmpl $0, from_itself
  jne fail
  print_char 'T'
  movl $0, apic + 0x80
  sti
  nop
  cli
  cmpl $1, from_itself
  jne fail
  print_char 'I'

  movl $0x14, io_apic               /* redirection entry 2: the 8254, edge-triggered, to vector 40h */
  movl $0x40, io_apic + 0x10
  sti
1:
  cmpl $20, from_pit
  jb 1b
  print_char 'P'
2:
  sti
  hlt
  cmpl $40, from_pit
  jb 2b
  movl $0x10040, io_apic + 0x10     /* masked */
  print_char 'H'

  movl $0xB, apic + 0x3E0           /* divided by 1 */
  movl $0x20050, apic + 0x320       /* periodic */
  movl $100000, apic + 0x380
3:
  cmpl $10, from_apic
  jb 3b
4:
  hlt
  cmpl $20, from_apic
  jb 4b
  movl $0, apic + 0x380
  cli
  print_char 'L'

  movl $0x1B, %ecx                  /* off: CPUID does not promise it any more, the 8259 is back */
  rdmsr
  andl $~0x800, %eax
  wrmsr
  movl $1, %eax
  cpuid
  btl $9, %edx
  jc fail
  cmpl $-1, apic + 0x30
  jne fail
  set_gate 0x20, pic_tick
  movb $0xFE, %al
  outb %al, $RS_PORT_PIC_MASTER + 1
5:
  sti
  hlt
  cmpl $10, from_pic
  jb 5b
  print_char 'O'
  print_char '.'
  guest_exit
fail:
  print_char '!'
  guest_exit

itself:
  incl from_itself
  movl $0, apic + 0xB0
  iret
pit_tick:
  incl from_pit
  movl $0, apic + 0xB0
  iret
apic_tick:
  incl from_apic
  movl $0, apic + 0xB0
  iret
pic_tick:
  incl from_pic
  pushl %eax
  movb $0x20, %al
  outb %al, $RS_PORT_PIC_MASTER
  popl %eax
  iret
spurious:
  iret
  .balign 4
from_itself: .long 0
from_pit: .long 0
from_apic: .long 0
from_pic: .long 0
  guest_tables
