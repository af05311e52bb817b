/* ITERATIONS of one instruction that a monitor has to handle, TRAP, in ring 0 as the guest believes; then the end. A flat
 * image at 1 MiB. */
  .text
  .globl _start
_start:
  movl $ITERATIONS, %edi
1:
  TRAP
  decl %edi
  jnz 1b
  xorl %eax, %eax
  movw $0xF4, %dx
  outl %eax, %dx
