/* Pipes: a ring of bytes in one page. A reader sleeps while it is empty, a writer while it is full. */
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"

enum { PIPE_BYTES = 2048 };
struct pipe {
  uint32_t produced, consumed; /* free-running */
  bool has_reader, has_writer;
  char ring[PIPE_BYTES];
};

struct pipe *pipe_create(void) {
  uint32_t frame = frame_allocate();
  if (!frame) return NULL;
  struct pipe *pipe = frame_memory(frame);
  pipe->produced = pipe->consumed = 0;
  pipe->has_reader = pipe->has_writer = true;
  return pipe;
}

/* The ring from `position` on, without wrapping round. */
static uint32_t run_length(uint32_t position, uint32_t wanted) {
  uint32_t until_end = PIPE_BYTES - position % PIPE_BYTES;
  return wanted < until_end ? wanted : until_end;
}

int pipe_read(struct pipe *pipe, char *to, uint32_t bytes) {
  while (pipe->produced == pipe->consumed) {
    if (!pipe->has_writer || bytes == 0) return 0;
    if (current->killed) return -EINTR;
    sleep_on(pipe);
  }
  uint32_t ready = pipe->produced - pipe->consumed, done = 0;
  if (bytes > ready) bytes = ready;
  while (done < bytes) {
    uint32_t n = run_length(pipe->consumed, bytes - done);
    memcpy(to + done, pipe->ring + pipe->consumed % PIPE_BYTES, n);
    pipe->consumed += n;
    done += n;
  }
  wake(pipe);
  return done;
}

int pipe_write(struct pipe *pipe, const char *from, uint32_t bytes) {
  uint32_t done = 0;
  while (done < bytes) {
    if (!pipe->has_reader) return -EPIPE;
    uint32_t room = PIPE_BYTES - (pipe->produced - pipe->consumed);
    if (room == 0) {
      if (current->killed) return -EINTR;
      sleep_on(pipe);
      continue;
    }
    uint32_t n = run_length(pipe->produced, bytes - done < room ? bytes - done : room);
    memcpy(pipe->ring + pipe->produced % PIPE_BYTES, from + done, n);
    pipe->produced += n;
    done += n;
    wake(pipe);
  }
  return done;
}

void pipe_close(struct pipe *pipe, bool write_end) {
  if (write_end)
    pipe->has_writer = false;
  else
    pipe->has_reader = false;
  if (pipe->has_reader || pipe->has_writer)
    wake(pipe);
  else
    frame_release(memory_frame(pipe));
}
