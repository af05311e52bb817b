/* File descriptors. A `struct file` is what open() made; descriptors of several processes may share it. */
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"

enum { MAX_FILES = 64 };
static struct file files[MAX_FILES];

static struct file *allocate(void) {
  for (struct file *file = files; file < files + MAX_FILES; file++)
    if (file->references == 0) {
      *file = (struct file){.references = 1};
      return file;
    }
  return NULL;
}

static int descriptor_for(struct file *file) {
  for (int fd = 0; fd < MAX_OPEN; fd++)
    if (!current->files[fd]) {
      current->files[fd] = file;
      return fd;
    }
  return -ENFILE;
}

static struct file *lookup(uint32_t fd) { return fd < MAX_OPEN ? current->files[fd] : NULL; }

void file_share(struct file *file) { file->references++; }

void file_release(struct file *file) {
  if (--file->references > 0) return;
  switch (file->type) {
    case FILE_PIPE_READ: pipe_close(file->pipe, false); break;
    case FILE_PIPE_WRITE: pipe_close(file->pipe, true); break;
    case FILE_DISK: fs_let_go(file->node); break;
    default: break;
  }
  file->type = FILE_FREE;
}

/* Puts `file` into the table of descriptors, or gives it up. */
static int install(struct file *file) {
  int fd = descriptor_for(file);
  if (fd < 0) file_release(file);
  return fd;
}

int file_open_console(void) {
  struct file *file = allocate();
  if (!file) return -ENFILE;
  file->type = FILE_CONSOLE;
  file->writable = true;
  return install(file);
}

int file_open(const char *name, uint32_t flags) {
  struct file *file = allocate();
  if (!file) return -ENFILE;
  if (strcmp(name, "/") == 0) {
    file->type = FILE_DIRECTORY;
    return install(file);
  }
  int node = fs_find(name);
  if (node == -ENOENT && (flags & OPEN_CREATE)) node = fs_create(name);
  if (node < 0) {
    file_release(file);
    return node;
  }
  file->type = FILE_DISK;
  file->node = node;
  file->writable = flags & OPEN_WRITE;
  fs_hold(node);
  if (flags & OPEN_TRUNCATE) fs_truncate(node);
  if (flags & OPEN_APPEND) file->offset = fs_bytes(node);
  return install(file);
}

int file_close(uint32_t fd) {
  struct file *file = lookup(fd);
  if (!file) return -EBADF;
  current->files[fd] = NULL;
  file_release(file);
  return 0;
}

/* Whole entries of the directory, as many as fit. The offset counts nodes. */
static int directory_read(struct file *file, struct directory_entry *to, uint32_t bytes) {
  uint32_t n = 0;
  for (; (int)file->offset < fs_nodes() && (n + 1) * sizeof *to <= bytes; file->offset++) {
    const char *name = fs_name(file->offset);
    if (!name) continue;
    text_copy(to[n].name, name, NAME_BYTES);
    to[n++].bytes = fs_bytes(file->offset);
  }
  return n * sizeof *to;
}

int file_read(uint32_t fd, void *to, uint32_t bytes) {
  struct file *file = lookup(fd);
  if (!file) return -EBADF;
  switch (file->type) {
    case FILE_CONSOLE: return console_read(to, bytes);
    case FILE_PIPE_READ: return pipe_read(file->pipe, to, bytes);
    case FILE_DIRECTORY: return directory_read(file, to, bytes);
    case FILE_DISK: {
      int done = fs_read(file->node, file->offset, to, bytes);
      if (done > 0) file->offset += done;
      return done;
    }
    default: return -EBADF;
  }
}

int file_write(uint32_t fd, const void *from, uint32_t bytes) {
  struct file *file = lookup(fd);
  if (!file) return -EBADF;
  switch (file->type) {
    case FILE_CONSOLE: machine_console_write(from, bytes); return bytes;
    case FILE_PIPE_WRITE: return pipe_write(file->pipe, from, bytes);
    case FILE_DISK: {
      if (!file->writable) return -EBADF;
      int done = fs_write(file->node, file->offset, from, bytes);
      if (done > 0) file->offset += done;
      return done;
    }
    default: return -EBADF;
  }
}

int file_seek(uint32_t fd, uint32_t offset) {
  struct file *file = lookup(fd);
  if (!file || file->type != FILE_DISK) return -EBADF;
  file->offset = offset;
  return 0;
}

int file_duplicate(uint32_t fd, uint32_t onto) {
  struct file *file = lookup(fd);
  if (!file || onto >= MAX_OPEN) return -EBADF;
  if (fd == onto) return onto;
  file_share(file);
  file_close(onto);
  current->files[onto] = file;
  return onto;
}

int file_pipe(int fds[2]) {
  struct pipe *pipe = pipe_create();
  if (!pipe) return -ENOMEM;
  struct file *reader = allocate();
  struct file *writer = allocate();
  if (reader) reader->type = FILE_PIPE_READ, reader->pipe = pipe;
  if (writer) writer->type = FILE_PIPE_WRITE, writer->pipe = pipe;
  int read_fd = reader ? descriptor_for(reader) : -ENFILE;
  int write_fd = writer ? descriptor_for(writer) : -ENFILE;
  if (read_fd >= 0 && write_fd >= 0) {
    fds[0] = read_fd, fds[1] = write_fd;
    return 0;
  }
  if (read_fd >= 0) current->files[read_fd] = NULL;
  if (write_fd >= 0) current->files[write_fd] = NULL;
  if (reader)
    file_release(reader);
  else
    pipe_close(pipe, false);
  if (writer)
    file_release(writer);
  else
    pipe_close(pipe, true);
  return -ENFILE;
}
