#include "guests/kernel/user/lib.h"

static void print_list(int fd, const char *format, va_list values) {
  char text[512];
  write(fd, text, format_list(text, sizeof text, format, values));
}

void print(const char *format, ...) {
  va_list values;
  va_start(values, format);
  print_list(1, format, values);
  va_end(values);
}

void print_to(int fd, const char *format, ...) {
  va_list values;
  va_start(values, format);
  print_list(fd, format, values);
  va_end(values);
}

void fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  print_list(2, format, values);
  va_end(values);
  exit(1);
}

int status_of_child(void) {
  int status, child = wait(&status);
  if (child < 0) fail("wait: error %d\n", -child);
  return status;
}
