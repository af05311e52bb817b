  .text
  .global umip_on
umip_on:
  mov %cr4, %eax
  or $0x800, %eax
  mov %eax, %cr4
  ret
