/* The kernel's own interfaces, file by file: its table of contents. Reading order = order here.
 *
 * Modelled on the first Unix: one processor, a kernel that is not preempted (the timer takes the processor
 * away from programs only), processes in a fixed table, everything is a file descriptor. Simplified: one
 * directory, no users, no signals but kill, programs are loaded whole. */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "guests/kernel/abi.h"
#include "guests/kernel/machine/machine.h"

/* ---- main.c: from boot to power-off
 * ------------------------------------------------------------------------------ */

void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says why and switches the machine off, status 1. */
void panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ---- frames.c: page frames, counted
 * ------------------------------------------------------------------------------ */

void frames_start(const struct boot_info *boot);
uint32_t frame_allocate(void); /* with one reference; 0 = out of memory */
uint32_t frame_allocate_zeroed(void);
void frame_share(uint32_t frame);   /* one reference more */
void frame_release(uint32_t frame); /* one less; without any it is free */
bool frame_is_shared(uint32_t frame);
static inline void *frame_memory(uint32_t frame) { return (void *)(KERNEL_BASE + frame * PAGE_BYTES); }
static inline uint32_t memory_frame(const void *memory) {
  return ((uint32_t)memory - KERNEL_BASE) / PAGE_BYTES;
}

/* ---- address_space.c: what a process sees; demand-zero, copy-on-write
 * ---------------------------------------------- */

enum {
  IMAGE_BEGIN = 0x00400000, /* programs are linked for this address */
  HEAP_LIMIT = 0x40000000,
  STACK_BEGIN = 0xBFFF0000, /* 64 KiB, filled from its end down */
  STACK_END = 0xC0000000,
};
struct address_space {
  uint32_t directory;      /* a frame; 0 = no address space */
  bool live;               /* has been completed; see machine.h on who may write tables */
  uint32_t writable_begin; /* in the image: code and constants below, variables from here */
  uint32_t heap_end;
  uint32_t pages; /* mapped */
};
int space_create(struct address_space *space);
/* For the program loader: a new zeroed page of a space that is not live yet; how the kernel reaches it, or
 * NULL. */
void *space_new_page(struct address_space *space, uint32_t linear, bool writable);
void space_complete(struct address_space *space);
int space_fork(struct address_space *child, struct address_space *parent);
void space_destroy(struct address_space *space);
/* Repairs a page fault of the running process if the access was legal; false if not. */
bool space_fault(struct address_space *space, uint32_t linear, bool write);
/* Makes sure that the kernel can read (and write) this range of the running process. */
bool space_reach(struct address_space *space, uint32_t linear, uint32_t bytes, bool write);

/* ---- process.c: the table, and the life of a process
 * ---------------------------------------------------------------- */

enum { MAX_PROCESSES = 32, MAX_OPEN = 16 };
enum process_state { UNUSED, READY, SLEEPING, ENDED };
struct process {
  enum process_state state;
  uint32_t pid;
  struct process *parent;
  char name[NAME_BYTES];
  struct address_space space;
  uint8_t *stack;                 /* one page: the kernel's stack for this process */
  void *context;                  /* its stack pointer while it does not run */
  const volatile void *waits_for; /* while SLEEPING */
  bool killed;
  int status; /* once ENDED */
  uint32_t preemptions;
  struct file *files[MAX_OPEN];
};
extern struct process *current;
extern struct process processes[MAX_PROCESSES];

/* A process that begins in the kernel, at `entry`. */
struct process *process_start(const char *name, void (*entry)(void));
struct trap_frame *process_frame(struct process *process); /* where its last trap from user mode is */
int process_fork(const struct trap_frame *frame);
void process_exit(int status) __attribute__((noreturn));
int process_wait(int *status);
int process_kill(uint32_t pid);
void process_kill_programs(void); /* all but init and what it has started: the shell */
int process_list(struct process_info *to, uint32_t count);

/* ---- schedule.c: who runs, who sleeps, time
 * -------------------------------------------------------------------------- */

void schedule(void); /* lets others run; returns when it is our turn again */
void sleep_on(const volatile void *
                  what); /* until wake(what). Whoever is woken by an interrupt calls it with interrupts off */
void wake(const volatile void *what);
int sleep_ticks(uint32_t ticks); /* 0, or -EINTR if killed */
uint32_t ticks_now(void);
void timer_tick(void); /* machine: once per tick */
void preempt(void);    /* lets others run if the running process has used up its slice */

/* ---- trap.c: exceptions, interrupts, system calls
 * -------------------------------------------------------------------- */

int system_call(uint32_t number, uint32_t a, uint32_t b, uint32_t c,
                struct trap_frame *frame); /* syscall.c */

/* ---- exec.c: programs
 * ------------------------------------------------------------------------------------------------- */

/* Replaces the running process's program. `arguments`: `count` strings, one after another. Returns only on
 * failure; after success the process's next return to user mode enters the new program. */
int exec(const char *name, const char *arguments, int count);

/* ---- file.c, pipe.c, console.c: descriptors
 * ---------------------------------------------------------------------------- */

struct pipe;
struct file {
  enum { FILE_FREE, FILE_CONSOLE, FILE_PIPE_READ, FILE_PIPE_WRITE, FILE_DISK, FILE_DIRECTORY } type;
  uint32_t references;
  bool writable;
  uint32_t offset;
  int node; /* FILE_DISK */
  struct pipe *pipe;
};
int file_open(const char *name, uint32_t flags);
int file_close(uint32_t fd);
int file_read(uint32_t fd, void *to, uint32_t bytes);
int file_write(uint32_t fd, const void *from, uint32_t bytes);
int file_seek(uint32_t fd, uint32_t offset);
int file_duplicate(uint32_t fd, uint32_t onto);
int file_pipe(int fds[2]);
void file_share(struct file *file);
void file_release(struct file *file);
int file_open_console(void); /* the first descriptors of the first program */

struct pipe *pipe_create(void);
int pipe_read(struct pipe *pipe, char *to, uint32_t bytes);
int pipe_write(struct pipe *pipe, const char *from, uint32_t bytes);
void pipe_close(struct pipe *pipe, bool write_end);

int console_read(char *to, uint32_t bytes); /* one line at most */
void console_receive(char c);               /* machine: a character came in */

/* ---- ringfs.c, disk.c: the file system and what it lies on
 * --------------------------------------------------------------- */

int fs_start(void);              /* 0, or -EINVAL if there is no file system */
int fs_find(const char *name);   /* a node, or -ENOENT */
int fs_create(const char *name); /* a node, or -ENOSPC */
int fs_remove(const char *name);
int fs_truncate(int node);
uint32_t fs_bytes(int node);
const char *fs_name(int node); /* NULL: unused, or no such node */
int fs_nodes(void);
int fs_read(int node, uint32_t offset, void *to, uint32_t bytes);
int fs_write(int node, uint32_t offset, const void *from, uint32_t bytes);
void fs_hold(int node);   /* open files cannot be removed */
void fs_let_go(int node); /* writes back what is known about the file */

void disk_start(void);
const char *disk_name(void);
uint32_t disk_sectors(void);
void disk_use_ram(void);
/* `buffer` as for machine_disk_transfer(). */
int disk_transfer(bool write, uint32_t sector, void *buffer, uint32_t count);

#endif
