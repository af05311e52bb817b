/* What the labs' guests in C have instead of a C library; GCC itself calls memset() and memcpy(). */
#include "lab.h"

void *memset(void *to, int value, __SIZE_TYPE__ count) {
  for (u8 *p = to; count > 0; count--) *p++ = value;
  return to;
}
void *memcpy(void *to, const void *from, __SIZE_TYPE__ count) {
  const u8 *q = from;
  for (u8 *p = to; count > 0; count--) *p++ = *q++;
  return to;
}

void say(const char *what, u32 value) {
  char text[80];
  u32 at = 0;
  while (*what) text[at++] = *what++;
  text[at++] = ' ';
  u32 power = 1;
  while (value / power >= 10) power *= 10;
  for (; power > 0; power /= 10) text[at++] = '0' + value / power % 10;
  text[at++] = '\n';
  tell(text, at);
}

u32 option(const char *line, const char *key) {
  for (const char *at = line; *at; at++) {
    const char *k = key, *p = at;
    while (*k && *k == *p) k++, p++;
    if (*k || *p != '=') continue;
    u32 value = 0;
    for (p++; *p >= '0' && *p <= '9'; p++) value = value * 10 + *p - '0';
    return value;
  }
  return 0;
}
