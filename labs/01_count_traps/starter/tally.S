/* Lab 01: a guest whose exits you know beforehand. The check tells you how many of each kind are yours. */
  .text
  .global main
main:
  /* Here: IN from port 80h, and MOV from CR3, as often as you were told. */
  xor %eax, %eax             /* exit status 0; start.S writes it to port F4h */
  ret
