/* A boot sector that every PC emulator starts: a known number of instructions in 32-bit protected mode, then the end by
 * whichever exit the emulator has. ITERATIONS of seven instructions each. */
  .code16
  .text
  .globl _start
_start:
  cli
  xorw %ax, %ax
  movw %ax, %ds
  lgdtl gdt_register
  movl %cr0, %eax
  orb $1, %al
  movl %eax, %cr0
  ljmp $8, $1f
  .code32
1:
  movw $0x10, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movl $0x10000, %esi
  movl $0, (%esi)
  movl $ITERATIONS, %ecx
  .balign 16
2:
  addl %eax, %ebx
  xorl %ebx, %edx
  movl %edx, (%esi)
  addl (%esi), %eax
  roll $3, %eax
  decl %ecx
  jnz 2b

  xorl %eax, %eax             /* isa-debug-exit */
  movw $0xF4, %dx
  outl %eax, %dx
  movl $shutdown, %esi        /* Bochs */
  movw $0x8900, %dx
3:
  lodsb
  outb %al, %dx
  testb %al, %al
  jnz 3b
4:
  hlt
  jmp 4b
shutdown:
  .asciz "Shutdown"
  .balign 8
gdt:
  .quad 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF
gdt_register:
  .word 23
  .long gdt
  .org 510
  .word 0xAA55
