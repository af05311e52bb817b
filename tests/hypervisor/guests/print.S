/* Prints 100 letters by OUT and 26 by OUTS with REP. */
#include "guest.h"
_start:
  movl $100, %ecx
1:
  print_char 'x'
  loop 1b
  movl $letters, %esi
  movl $26, %ecx
  movw $RS_PORT_DEBUG_CONSOLE, %dx
  rep outsb
  guest_exit
letters:
  .ascii "abcdefghijklmnopqrstuvwxyz"
