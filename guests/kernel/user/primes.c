/* primes: counts the primes below N (450000) by trial division. Nothing but user-mode computing: the program
 * that no technique of virtualization should slow down. */
#include "guests/kernel/user/lib.h"

static bool is_prime(uint32_t n) {
  if (n % 2 == 0) return n == 2;
  for (uint32_t d = 3; d * d <= n; d += 2)
    if (n % d == 0) return false;
  return n > 1;
}

int main(int argc, char **argv) {
  uint32_t limit = number_or(argc > 1 ? argv[1] : NULL, 450000), count = 0, largest = 0;
  for (uint32_t n = 0; n < limit; n++)
    if (is_prime(n)) count++, largest = n;
  print("%u primes below %u, the largest is %u\n", count, limit, largest);
  return 0;
}
