/* Called in ring 0: turn CR4.UMIP on. */
  .text
  .global umip_on
umip_on:
  ret
