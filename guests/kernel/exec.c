/* The program loader: an ELF file becomes an address space. */
#include "guests/common/text.h"
#include "guests/kernel/elf.h"
#include "guests/kernel/kernel.h"

enum { MAX_SEGMENTS = 8 };

/* How a program begins: its segments' descriptions follow the header at once. */
struct beginning {
  struct elf_header header;
  struct elf_segment segments[MAX_SEGMENTS];
};

static bool is_program(const struct elf_header *header) {
  return memcmp(header->magic, "\177ELF\1", 5) == 0 && header->type == ELF_EXECUTABLE &&
         header->machine == ELF_I386 && header->segment_bytes == sizeof(struct elf_segment) &&
         header->segments <= MAX_SEGMENTS && header->segments_offset == sizeof *header;
}

/* Reads the part of `segment` that lies in each of its pages. What the file does not give stays zero. */
static int load_segment(struct address_space *space, int node, const struct elf_segment *segment) {
  uint32_t begin = segment->linear, end = begin + segment->memory_bytes,
           file_end = begin + segment->file_bytes;
  if (begin < IMAGE_BEGIN || end < begin || end > HEAP_LIMIT || segment->file_bytes > segment->memory_bytes)
    return -ENOEXEC;
  bool writable = segment->flags & ELF_WRITABLE;
  for (uint32_t at = begin; at < file_end;) {
    uint32_t page = at & ~(PAGE_BYTES - 1),
             stop = page + PAGE_BYTES < file_end ? page + PAGE_BYTES : file_end;
    uint8_t *memory = space_new_page(space, page, writable);
    if (!memory) return -ENOMEM;
    if (fs_read(node, segment->offset + (at - begin), memory + at % PAGE_BYTES, stop - at) !=
        (int)(stop - at))
      return -ENOEXEC;
    at = stop;
  }
  if (writable && begin < space->writable_begin) space->writable_begin = begin & ~(PAGE_BYTES - 1);
  end = (end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  if (end > space->heap_end) space->heap_end = end;
  return 0;
}

/* main(argc, argv)'s view of the arguments, at the end of the stack's first page. */
static int build_stack(struct address_space *space, const char *arguments, int count, uint32_t *esp) {
  uint8_t *page = space_new_page(space, STACK_END - PAGE_BYTES, true);
  if (!page) return -ENOMEM;
  uint32_t bytes = 0;
  for (int i = 0; i < count; i++) bytes += strlen(arguments + bytes) + 1;
  uint32_t strings = (PAGE_BYTES - bytes) & ~3u;
  memcpy(page + strings, arguments, bytes);

  uint32_t *top = (uint32_t *)(page + strings) - (count + 1); /* argv[], with its final NULL */
  uint32_t linear = STACK_END - PAGE_BYTES;
  for (int i = 0, offset = 0; i < count; offset += strlen(arguments + offset) + 1, i++)
    top[i] = linear + strings + offset;
  top[-1] = linear + ((uint8_t *)top - page); /* argv */
  top[-2] = count;                            /* argc */
  *esp = linear + ((uint8_t *)(top - 2) - page);
  return 0;
}

static int load(struct address_space *space, int node, uint32_t *entry) {
  struct beginning file;
  memset(&file, 0, sizeof file);
  int bytes = fs_read(node, 0, &file, sizeof file);
  if (bytes < (int)sizeof file.header || !is_program(&file.header)) return bytes < 0 ? bytes : -ENOEXEC;
  *entry = file.header.entry;
  space->writable_begin = HEAP_LIMIT;
  for (int i = 0; i < file.header.segments; i++) {
    const struct elf_segment *segment = &file.segments[i];
    if (segment->type != ELF_LOAD || segment->memory_bytes == 0) continue;
    int result = load_segment(space, node, segment);
    if (result < 0) return result;
  }
  if (space->writable_begin > space->heap_end) space->writable_begin = space->heap_end; /* no variables */
  return 0;
}

int exec(const char *name, const char *arguments, int count) {
  int node = fs_find(name);
  if (node < 0) return node;
  struct address_space space;
  if (space_create(&space) < 0) return -ENOMEM;
  uint32_t entry, esp;
  int result =
      build_stack(&space, arguments, count, &esp); /* first: it does not sleep, and `arguments` are shared */
  if (result == 0) {
    fs_hold(node);
    result = load(&space, node, &entry);
    fs_let_go(node);
  }
  if (result < 0) {
    space_destroy(&space);
    return result;
  }
  space_complete(&space);
  struct address_space old = current->space;
  current->space = space;
  machine_switch_to(space.directory, current->stack + PAGE_BYTES);
  space_destroy(&old);
  text_copy(current->name, name, NAME_BYTES);
  machine_user_frame(process_frame(current), entry, esp);
  return 0;
}
