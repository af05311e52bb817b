/* Processes: created by fork, ended by exit, buried by wait. */
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"

struct process processes[MAX_PROCESSES];
struct process *current;
static uint32_t last_pid;

struct trap_frame *process_frame(struct process *process) {
  return (struct trap_frame *)(process->stack + PAGE_BYTES) - 1;
}

/* Gives back everything that an ended process still holds. */
static void bury(struct process *process) {
  space_destroy(&process->space);
  frame_release(memory_frame(process->stack));
  process->state = UNUSED;
}

/* A free place in the table, with a kernel stack whose first context_switch() goes to `entry`. The caller
 * makes it READY. */
static struct process *allocate(const char *name, void (*entry)(void)) {
  for (struct process *process = processes; process < processes + MAX_PROCESSES; process++) {
    if (process->state != UNUSED) continue;
    uint32_t stack = frame_allocate();
    if (!stack) return NULL;
    *process = (struct process){.pid = ++last_pid, .parent = current, .stack = frame_memory(stack)};
    text_copy(process->name, name, NAME_BYTES);
    /* What context_switch() pops, below the place of the trap frame. */
    uint32_t *context = (uint32_t *)process_frame(process) - 5;
    memset(context, 0, 4 * sizeof *context);
    context[4] = (uint32_t)entry;
    process->context = context;
    return process;
  }
  return NULL;
}

struct process *process_start(const char *name, void (*entry)(void)) {
  struct process *process = allocate(name, entry);
  if (!process || space_create(&process->space) < 0) panic("no memory for the process %s", name);
  space_complete(&process->space);
  process->state = READY;
  return process;
}

int process_fork(const struct trap_frame *frame) {
  struct process *child = allocate(current->name, trap_return);
  if (!child) return -EAGAIN;
  if (space_fork(&child->space, &current->space) < 0) {
    frame_release(memory_frame(child->stack));
    child->state = UNUSED;
    return -ENOMEM;
  }
  *process_frame(child) = *frame;
  process_frame(child)->eax = 0; /* what fork() returns in the child */
  for (int fd = 0; fd < MAX_OPEN; fd++)
    if ((child->files[fd] = current->files[fd])) file_share(child->files[fd]);
  child->state = READY;
  return child->pid;
}

void process_exit(int status) {
  for (int fd = 0; fd < MAX_OPEN; fd++) file_close(fd);
  for (struct process *child = processes; child < processes + MAX_PROCESSES; child++)
    if (child->state != UNUSED && child->parent == current) child->parent = &processes[0]; /* init */
  wake(&processes[0]);
  current->status = status;
  current->state = ENDED;
  wake(current->parent);
  schedule();
  panic("an ended process was scheduled");
}

int process_wait(int *status) {
  for (;;) {
    bool children = false;
    for (struct process *child = processes; child < processes + MAX_PROCESSES; child++) {
      if (child->state == UNUSED || child->parent != current) continue;
      children = true;
      if (child->state != ENDED) continue;
      int pid = child->pid;
      *status = child->status;
      bury(child);
      return pid;
    }
    if (!children) return -ECHILD;
    if (current->killed) return -EINTR;
    sleep_on(current);
  }
}

static void kill(struct process *process) {
  process->killed = true; /* it ends itself, on its way out of the kernel */
  if (process->state == SLEEPING) process->state = READY;
}

int process_kill(uint32_t pid) {
  for (struct process *process = processes + 1; process < processes + MAX_PROCESSES;
       process++) { /* not init */
    if (process->state == UNUSED || process->state == ENDED || process->pid != pid) continue;
    kill(process);
    return 0;
  }
  return -ESRCH;
}

void process_kill_programs(void) {
  for (struct process *process = processes + 1; process < processes + MAX_PROCESSES; process++)
    if ((process->state == READY || process->state == SLEEPING) && process->parent != &processes[0])
      kill(process);
}

int process_list(struct process_info *to, uint32_t count) {
  uint32_t n = 0;
  for (const struct process *process = processes; process < processes + MAX_PROCESSES && n < count;
       process++) {
    if (process->state == UNUSED) continue;
    struct process_info *info = &to[n++];
    *info = (struct process_info){
        .pid = process->pid,
        .parent = process->parent ? process->parent->pid : 0,
        .state = "?RSZ"[process->state],
        .pages = process->space.pages,
        .preemptions = process->preemptions,
    };
    memcpy(info->name, process->name, NAME_BYTES);
  }
  return n;
}
