/* The programs' library. All functions that can fail return -ERROR (abi.h). */
#ifndef KERNEL_USER_LIB_H
#define KERNEL_USER_LIB_H

#include "guests/common/text.h"
#include "guests/kernel/abi.h"

int system_call(uint32_t number, uint32_t a, uint32_t b, uint32_t c); /* start.S */

static inline void __attribute__((noreturn)) exit(int status) {
  system_call(SYS_EXIT, status, 0, 0);
  __builtin_unreachable();
}
static inline int fork(void) { return system_call(SYS_FORK, 0, 0, 0); }
static inline int wait(int *status) { return system_call(SYS_WAIT, (uint32_t)status, 0, 0); }
static inline int exec(const char *name, char **argv) {
  return system_call(SYS_EXEC, (uint32_t)name, (uint32_t)argv, 0);
}
static inline int open(const char *name, int flags) {
  return system_call(SYS_OPEN, (uint32_t)name, flags, 0);
}
static inline int close(int fd) { return system_call(SYS_CLOSE, fd, 0, 0); }
static inline int read(int fd, void *to, uint32_t bytes) {
  return system_call(SYS_READ, fd, (uint32_t)to, bytes);
}
static inline int write(int fd, const void *from, uint32_t bytes) {
  return system_call(SYS_WRITE, fd, (uint32_t)from, bytes);
}
static inline int pipe(int fds[2]) { return system_call(SYS_PIPE, (uint32_t)fds, 0, 0); }
static inline int duplicate(int fd, int onto) { return system_call(SYS_DUPLICATE, fd, onto, 0); }
static inline int seek(int fd, uint32_t offset) { return system_call(SYS_SEEK, fd, offset, 0); }
static inline int remove(const char *name) { return system_call(SYS_REMOVE, (uint32_t)name, 0, 0); }
static inline char *more_heap(uint32_t bytes) {
  return (char *)system_call(SYS_BREAK, bytes, 0, 0);
} /* (char *)-ENOMEM */
static inline int pid(void) { return system_call(SYS_PID, 0, 0, 0); }
static inline int sleep_milliseconds(uint32_t n) { return system_call(SYS_SLEEP, n, 0, 0); }
static inline uint32_t ticks(void) { return system_call(SYS_TICKS, 0, 0, 0); }
static inline int kill(int pid) { return system_call(SYS_KILL, pid, 0, 0); }
static inline int processes(struct process_info *to, uint32_t count) {
  return system_call(SYS_PROCESSES, (uint32_t)to, count, 0);
}

/* To descriptor 1, or to `fd`; one write per call. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_to(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Says so on descriptor 2 and ends the program with status 1. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* wait() for one child; ends the program if there is none. */
int status_of_child(void);

#endif
