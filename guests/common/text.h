/* Memory and text helpers for all guests written in C. */
#ifndef GUESTS_COMMON_TEXT_H
#define GUESTS_COMMON_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
/* Copies at most `room` - 1 characters and always ends with a zero. */
void text_copy(char *to, const char *from, size_t room);
/* A decimal number at the start of `s`; `otherwise` if there is none. */
uint32_t number_or(const char *s, uint32_t otherwise);

/* Formats %d %u %x %c %s %% with an optional width, '-' for left-justified and '0' for zero-filled. Returns
 * the length written, never more than `room` - 1. */
size_t format_list(char *to, size_t room, const char *format, va_list values);

#endif
