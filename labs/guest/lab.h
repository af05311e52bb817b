/* What a guest in C has: ports, the debug console, and the few functions of lab.c. No C library. */
#ifndef LABS_GUEST_LAB_H
#define LABS_GUEST_LAB_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

static inline void out8(u16 port, u8 value) {
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline u8 in8(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
static inline void out32(u16 port, u32 value) {
  __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

void *memset(void *to, int value, __SIZE_TYPE__ count);
void *memcpy(void *to, const void *from, __SIZE_TYPE__ count);

/* "what 123" and the end of the line, by tell(), which is in the lab's main.c. */
void say(const char *what, u32 value);
void tell(const char *text, u32 bytes);
/* The number behind "key=" in a command line; 0 if there is none. */
u32 option(const char *line, const char *key);

#endif
