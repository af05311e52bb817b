/* The terminal: collects typed characters into lines and echoes them. */
#include "guests/kernel/kernel.h"

enum {
  LINE_ROOM = 512,
  INTERRUPT = 3,
  END_OF_FILE = 4,
  BACKSPACE = 8,
  DELETE = 127
}; /* Ctrl-C, Ctrl-D, ... */

/* A ring. [consumed, complete) are finished lines, [complete, produced) is the one being typed. */
static char ring[LINE_ROOM];
static volatile uint32_t consumed, complete;
static uint32_t produced;

static void echo(const char *text, uint32_t bytes) { machine_console_write(text, bytes); }

void console_receive(char c) {
  if (c == '\r') c = '\n';
  if (c == INTERRUPT) {
    echo("^C\n", 3);
    produced = complete;
    process_kill_programs();
    return;
  }
  if (c == BACKSPACE || c == DELETE) {
    if (produced == complete) return;
    produced--;
    echo("\b \b", 3);
    return;
  }
  /* The last place is kept for the end of the line. */
  if (produced - consumed >= LINE_ROOM - (c == '\n' ? 0 : 1)) return;
  ring[produced++ % LINE_ROOM] = c;
  if (c != END_OF_FILE) echo(&c, 1);
  if (c != '\n' && c != END_OF_FILE) return;
  complete = produced;
  wake(ring);
}

int console_read(char *to, uint32_t bytes) {
  uint32_t done = 0;
  irq_state state = irq_save();
  while (consumed == complete && !current->killed) sleep_on(ring);
  while (done < bytes && consumed != complete) {
    char c = ring[consumed % LINE_ROOM];
    if (c == END_OF_FILE && done > 0) break; /* the next read gets it, and with it nothing */
    consumed++;
    if (c == END_OF_FILE) break;
    to[done++] = c;
    if (c == '\n') break;
  }
  irq_restore(state);
  return current->killed ? -EINTR : (int)done;
}
