/* What the kernel and its programs agree on: system calls, flags, errors, records.
 *
 * A system call is INT 80h with the number in EAX and arguments in EBX, ECX, EDX; EAX returns a value or
 * -ERROR. */
#ifndef KERNEL_ABI_H
#define KERNEL_ABI_H

#define SYSCALL_VECTOR 0x80

#define SYS_EXIT 1       /* (status) */
#define SYS_FORK 2       /* () -> child's pid, 0 in the child */
#define SYS_WAIT 3       /* (int *status) -> pid of a child that ended, or -ECHILD */
#define SYS_EXEC 4       /* (name, argv) */
#define SYS_OPEN 5       /* (name, OPEN_*) -> fd */
#define SYS_CLOSE 6      /* (fd) */
#define SYS_READ 7       /* (fd, buffer, bytes) -> bytes, 0 at the end */
#define SYS_WRITE 8      /* (fd, buffer, bytes) -> bytes */
#define SYS_PIPE 9       /* (int fds[2]): fds[0] to read, fds[1] to write */
#define SYS_DUPLICATE 10 /* (fd, onto) -> onto */
#define SYS_SEEK 11      /* (fd, offset from the start) */
#define SYS_REMOVE 12    /* (name) */
#define SYS_BREAK 13     /* (bytes to add) -> the old end of the heap */
#define SYS_PID 14       /* () */
#define SYS_SLEEP 15     /* (milliseconds) */
#define SYS_TICKS 16     /* () -> timer ticks since the start */
#define SYS_KILL 17      /* (pid) */
#define SYS_PROCESSES 18 /* (struct process_info *, count) -> how many were filled in */
#define SYS_COUNT 19

#define OPEN_READ 0
#define OPEN_WRITE 1
#define OPEN_CREATE 2   /* makes the file if there is none */
#define OPEN_TRUNCATE 4 /* empties it */
#define OPEN_APPEND 8   /* starts at its end */

#define ENOENT 2
#define ESRCH 3
#define EINTR 4
#define EIO 5
#define E2BIG 7
#define ENOEXEC 8
#define EBADF 9
#define ECHILD 10
#define EAGAIN 11
#define ENOMEM 12
#define EFAULT 14
#define EBUSY 16
#define EINVAL 22
#define ENFILE 23
#define EFBIG 27
#define ENOSPC 28
#define EPIPE 32
#define ENOSYS 38

#define NAME_BYTES 24 /* of a file or a process, with the final zero */
#define ARGUMENT_COUNT 16
#define ARGUMENT_BYTES 1024 /* all arguments of one exec together */

/* How a process ended, as wait() tells it: its exit status, or KILLED_BY + the exception that killed it. */
#define KILLED_BY 128
#define KILLED_BY_REQUEST (KILLED_BY + 32) /* by kill() */

#ifndef __ASSEMBLER__
#include <stdint.h>

struct process_info {
  uint32_t pid, parent;
  char state; /* R ready or running, S sleeping, Z ended */
  char name[NAME_BYTES];
  uint32_t pages;       /* of its own address space, shared ones included */
  uint32_t preemptions; /* how often the timer took the processor away */
};

/* What reading the directory "/" gives. */
struct directory_entry {
  char name[NAME_BYTES];
  uint32_t bytes;
};
#endif
#endif
