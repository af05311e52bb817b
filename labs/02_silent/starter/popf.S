/* Called in ring 0 (or what believes to be) with interrupts on. Turn them off by POPF, and return in EAX what PUSHF then
 * says of IF: 0 or 1. */
  .text
  .global try_popf
try_popf:
  mov $2, %eax
  ret
