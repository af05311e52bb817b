/* stride: touches one word in each of P (256) new pages, in an order that no prefetch and no small TLB helps
 * with, R (1) times: `stride P R`. The first round is page faults, the others are TLB misses. */
#include "guests/kernel/user/lib.h"

enum { PAGE = 4096, PRIME = 7919 }; /* coprime to any smaller count of pages */

int main(int argc, char **argv) {
  const uint32_t pages = number_or(argc > 1 ? argv[1] : NULL, 256);
  const uint32_t rounds = number_or(argc > 2 ? argv[2] : NULL, 1);
  if (pages == 0 || pages >= PRIME) fail("stride: 1 to %d pages\n", PRIME - 1);
  char *memory = more_heap(pages * PAGE);
  if ((uint32_t)memory > -4096u) fail("stride: no memory\n");
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++)
    for (uint32_t i = 0, page = 0; i < pages; i++, page = (page + PRIME) % pages)
      sum += ++*(volatile uint32_t *)(memory + page * PAGE + page % 64 * 64);
  print("%u pages, %u rounds: %u\n", pages, rounds, sum);
  return sum != pages * (rounds * (rounds + 1) / 2);
}
