/* From boot to power-off.
 *
 * kernel_main() starts everything and becomes the first process, init. Init checks that the machine ticks,
 * mounts the file system, starts a shell with the commands of the command line, and when that has ended
 * switches the machine off. */
#include "guests/common/text.h"
#include "guests/kernel/kernel.h"

void print(const char *format, ...) {
  char text[160];
  va_list values;
  va_start(values, format);
  size_t length = format_list(text, sizeof text, format, values);
  va_end(values);
  machine_console_write(text, length);
}

void panic(const char *format, ...) {
  char text[160];
  irq_save();
  va_list values;
  va_start(values, format);
  format_list(text, sizeof text, format, values);
  va_end(values);
  print("\nkernel: panic: %s\n", text);
  machine_power_off(1);
}

/* ---- the command line
 * ---------------------------------------------------------------------------------------------- */

static const char default_commands[] =
    "echo Hello from the shell,ls,cat readme | wc,ps,syscalls,forkwait,pagetouch,pingpong,preempt,diskio "
    "4096 64,"
    "echo Numbers: > note,primes >> note,cat < note,crash,sleep 100";

static const char *commands = default_commands; /* separated by commas */

/* "run=COMMAND,COMMAND,..." takes the rest of the line, so commands may have arguments; "interactive" as a
 * word asks for a shell that reads the console. */
static void read_command_line(const char *line) {
  for (const char *at = line; *at; at++) {
    if (at != line && at[-1] != ' ') continue;
    if (memcmp(at, "run=", 4) == 0) {
      commands = at + 4;
      break;
    }
    if (memcmp(at, "interactive", 11) == 0) commands = "sh";
  }
  if (strcmp(commands, "sh") == 0) commands = "";
}

/* ---- a machine that can be trusted
 * --------------------------------------------------------------------------------- */

/* Turns interrupts off and on again the way the whole kernel does it, and then expects a tick. */
static void check_interrupts(void) {
  enum { PATIENCE = 30000000 }; /* loops: several ticks on anything that this runs on */
  irq_enable();
  irq_restore(irq_save());
  uint32_t before = ticks_now();
  for (uint32_t i = 0; i < PATIENCE; i++)
    if (ticks_now() != before) return;
  irq_state flags = irq_save();
  print("kernel: no timer tick arrives any more since interrupts were turned off for a moment.\n");
  print("kernel: %s should have turned them on again. The flags say that interrupts are %s.\n",
        machine_irq_restore_means, flags & 0x200 ? "on" : "off");
  print("kernel: this processor has silently ignored a sensitive instruction. I cannot work here.\n");
  machine_power_off(1);
}

/* ---- the first two processes
 * --------------------------------------------------------------------------------------- */

/* The second process: becomes the shell. */
static void start_shell(void) {
  static char arguments[ARGUMENT_BYTES];
  irq_enable();
  for (int fd = 0; fd < 3; fd++) file_open_console();
  text_copy(arguments, "sh", sizeof arguments);
  text_copy(arguments + 3, commands, sizeof arguments - 3);
  int result = exec("sh", arguments, *commands ? 2 : 1);
  if (result < 0) panic("cannot start the shell: error %d", -result);
  enter_program(process_frame(current));
}

static void init(void) __attribute__((noreturn));
static void init(void) {
  check_interrupts();
  disk_start();
  if (fs_start() < 0) {
    print("kernel: %s holds no file system of mine\n", disk_name());
    disk_use_ram();
    if (fs_start() < 0) panic("the built-in disk image is damaged");
  }
  print("kernel: files are on %s\n", disk_name());
  struct process *shell = process_start("sh", start_shell);
  int status, pid;
  while ((pid = process_wait(&status)) > 0) {
    if (pid != (int)shell->pid) continue; /* an orphan */
    print("kernel: the shell has ended, status %d. Power off.\n", status);
    machine_power_off(status);
  }
  panic("the shell is lost");
}

void kernel_main(const struct boot_info *boot) {
  read_command_line(boot->command_line);
  print("Ringside teaching kernel\n");
  frames_start(boot);
  current = process_start("init", init);
  machine_start();
  /* The boot stack is left for good. */
  void *unused;
  machine_switch_to(current->space.directory, current->stack + PAGE_BYTES);
  context_switch(&unused, current->context);
  panic("back on the boot stack");
}
