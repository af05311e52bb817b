/* System calls: check what the program gave us, then do it. Nothing here trusts a pointer or a number. */
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"

static bool readable(uint32_t address, uint32_t bytes) {
  return space_reach(&current->space, address, bytes, false);
}
static bool writable(uint32_t address, uint32_t bytes) {
  return space_reach(&current->space, address, bytes, true);
}

/* Copies a string of the program into `to`; its length, or -E. */
static int take_string(char *to, uint32_t address, uint32_t room) {
  for (uint32_t i = 0; i < room; i++) {
    if ((i == 0 || (address + i) % PAGE_BYTES == 0) && !readable(address + i, 1)) return -EFAULT;
    if ((to[i] = *(const char *)(address + i)) == 0) return i;
  }
  return -E2BIG;
}

static int sys_exec(uint32_t name_address, uint32_t argv) {
  static char arguments[ARGUMENT_BYTES]; /* one is enough: nobody sleeps before exec() has put them on the new
                                            stack */
  char name[NAME_BYTES];
  int length = take_string(name, name_address, sizeof name);
  if (length < 0) return length == -E2BIG ? -ENOENT : length;
  uint32_t used = 0;
  int count = 0;
  for (;; count++, argv += 4) {
    if (!readable(argv, 4)) return -EFAULT;
    uint32_t argument = *(const uint32_t *)argv;
    if (!argument) break;
    if (count == ARGUMENT_COUNT) return -E2BIG;
    length = take_string(arguments + used, argument, sizeof arguments - used);
    if (length < 0) return length;
    used += length + 1;
  }
  return exec(name, arguments, count);
}

static int sys_wait(uint32_t status_address) {
  int status, pid = process_wait(&status);
  if (pid > 0 && status_address) {
    if (!writable(status_address, sizeof status)) return -EFAULT;
    *(int *)status_address = status;
  }
  return pid;
}

static int sys_open(uint32_t name_address, uint32_t flags) {
  char name[NAME_BYTES];
  int length = take_string(name, name_address, sizeof name);
  return length < 0 ? -ENOENT : file_open(name, flags);
}

static int sys_remove(uint32_t name_address) {
  char name[NAME_BYTES];
  int length = take_string(name, name_address, sizeof name);
  return length < 0 ? -ENOENT : fs_remove(name);
}

static int sys_break(uint32_t bytes) {
  struct address_space *space = &current->space;
  uint32_t old = space->heap_end;
  if (bytes > HEAP_LIMIT - old) return -ENOMEM;
  space->heap_end += bytes; /* the pages come when they are touched */
  return old;
}

static int sys_processes(uint32_t address, uint32_t count) {
  if (count > MAX_PROCESSES) count = MAX_PROCESSES;
  if (!writable(address, count * sizeof(struct process_info))) return -EFAULT;
  return process_list((struct process_info *)address, count);
}

int system_call(uint32_t number, uint32_t a, uint32_t b, uint32_t c, struct trap_frame *frame) {
  switch (number) {
    case SYS_EXIT: process_exit(a & 0xFF);
    case SYS_FORK: return process_fork(frame);
    case SYS_WAIT: return sys_wait(a);
    case SYS_EXEC: return sys_exec(a, b);
    case SYS_OPEN: return sys_open(a, b);
    case SYS_CLOSE: return file_close(a);
    case SYS_READ: return writable(b, c) ? file_read(a, (void *)b, c) : -EFAULT;
    case SYS_WRITE: return readable(b, c) ? file_write(a, (const void *)b, c) : -EFAULT;
    case SYS_PIPE: return writable(a, 8) ? file_pipe((int *)a) : -EFAULT;
    case SYS_DUPLICATE: return file_duplicate(a, b);
    case SYS_SEEK: return file_seek(a, b);
    case SYS_REMOVE: return sys_remove(a);
    case SYS_BREAK: return sys_break(a);
    case SYS_PID: return current->pid;
    case SYS_SLEEP: return sleep_ticks(a < 1000000 ? (a * TICKS_PER_SECOND + 999) / 1000 : a);
    case SYS_TICKS: return ticks_now();
    case SYS_KILL: return process_kill(a);
    case SYS_PROCESSES: return sys_processes(a, b);
    default: return -ENOSYS;
  }
}
