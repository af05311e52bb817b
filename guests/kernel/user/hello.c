/* hello: the first program of everybody. */
#include "guests/kernel/user/lib.h"

int main(void) {
  print("Hello from ring 3, process %d\n", pid());
  return 0;
}
