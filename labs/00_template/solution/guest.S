  .text
  .global main
main:
  mov $${status}, %eax
  ret
