  .text
  .global try_popf
try_popf:
  pushf
  andl $~0x200, (%esp)
  popf
  pushf
  pop %eax
  shr $9, %eax
  and $1, %eax
  ret
