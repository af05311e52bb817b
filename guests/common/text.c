#include "guests/common/text.h"

void *memcpy(void *to, const void *from, size_t bytes) {
  void *result = to;
  size_t words = bytes / 4;
  bytes %= 4;
  asm volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
  return result;
}

void *memmove(void *to, const void *from, size_t bytes) {
  if ((uintptr_t)to - (uintptr_t)from >= bytes) return memcpy(to, from, bytes);
  for (size_t i = bytes; i-- > 0;) ((volatile char *)to)[i] = ((const char *)from)[i];
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  void *result = to;
  uint32_t pattern = (value & 0xFF) * 0x01010101u;
  size_t words = bytes / 4;
  bytes %= 4;
  asm volatile("rep stosl" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
  asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(pattern) : "memory");
  return result;
}

int memcmp(const void *a, const void *b, size_t bytes) {
  const unsigned char *p = a, *q = b;
  for (; bytes > 0; bytes--, p++, q++)
    if (*p != *q) return *p - *q;
  return 0;
}

size_t strlen(const char *s) {
  const char *end = s;
  while (*end) end++;
  return end - s;
}

int strcmp(const char *a, const char *b) {
  for (; *a && *a == *b; a++, b++) continue;
  return (unsigned char)*a - (unsigned char)*b;
}

void text_copy(char *to, const char *from, size_t room) {
  size_t length = strlen(from);
  if (length > room - 1) length = room - 1;
  memcpy(to, from, length);
  to[length] = 0;
}

uint32_t number_or(const char *s, uint32_t otherwise) {
  if (!s || *s < '0' || *s > '9') return otherwise;
  uint32_t value = 0;
  for (; *s >= '0' && *s <= '9'; s++) value = value * 10 + (*s - '0');
  return value;
}

/* Writes `value` backwards, ending before `end`; returns where it starts. */
static char *digits(char *end, uint32_t value, uint32_t base) {
  *--end = 0;
  do *--end = "0123456789abcdef"[value % base];
  while ((value /= base) != 0);
  return end;
}

size_t format_list(char *to, size_t room, const char *format, va_list values) {
  size_t length = 0;
  for (; *format; format++) {
    char number[16], *text = number;
    bool left = false;
    char fill = ' ';
    uint32_t width = 0;
    if (*format != '%') {
      number[0] = *format, number[1] = 0;
    } else {
      for (format++; *format == '-' || *format == '0'; format++)
        if (*format == '-')
          left = true;
        else
          fill = '0';
      for (; *format >= '0' && *format <= '9'; format++) width = width * 10 + (*format - '0');
      switch (*format) {
        case 'd': {
          int value = va_arg(values, int);
          text = digits(number + sizeof number, value < 0 ? -(uint32_t)value : (uint32_t)value, 10);
          if (value < 0) *--text = '-';
          break;
        }
        case 'u': text = digits(number + sizeof number, va_arg(values, uint32_t), 10); break;
        case 'x': text = digits(number + sizeof number, va_arg(values, uint32_t), 16); break;
        case 's': text = va_arg(values, char *); break;
        case 'c': number[0] = va_arg(values, int), number[1] = 0; break;
        default: number[0] = '%', number[1] = 0; break;
      }
    }
    size_t used = strlen(text), padding = width > used ? width - used : 0;
    if (!left)
      for (; padding > 0 && length + 1 < room; padding--) to[length++] = fill;
    for (; *text && length + 1 < room; text++) to[length++] = *text;
    for (; padding > 0 && length + 1 < room; padding--) to[length++] = ' ';
  }
  to[length] = 0;
  return length;
}
