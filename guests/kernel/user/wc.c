/* wc: counts the lines, words and characters of its input. */
#include "guests/kernel/user/lib.h"

int main(void) {
  static char buffer[1024];
  uint32_t lines = 0, words = 0, characters = 0;
  bool in_word = false;
  int n;
  while ((n = read(0, buffer, sizeof buffer)) > 0)
    for (int i = 0; i < n; i++) {
      bool blank = buffer[i] == ' ' || buffer[i] == '\n' || buffer[i] == '\t';
      if (buffer[i] == '\n') lines++;
      if (!blank && !in_word) words++;
      in_word = !blank;
      characters++;
    }
  print("%u lines, %u words, %u characters\n", lines, words, characters);
  return n < 0;
}
