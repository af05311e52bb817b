/* sh: the shell.
 *
 *   sh                    reads commands from descriptor 0 until it ends, or `exit`
 *   sh COMMAND,COMMAND    runs these, saying each one first; status 1 if one of them failed
 *
 * A command is words with `<file`, `>file`, `>>file` and `|` between. '...' and "..." keep spaces and commas.
 */
#include "guests/kernel/user/lib.h"

enum { LINE_BYTES = 512, MAX_STAGES = 4 };

struct stage { /* one program of a pipeline */
  char *words[ARGUMENT_COUNT + 1];
  int count;
  char *input, *output;
  bool append;
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

static bool is_operator(char c) { return c == '|' || c == '<' || c == '>'; }

/* Copies the next word of *line to *room, without its quotes, and moves both on. Returns the copy, or NULL at
 * the end and before an operator. */
static char *next_word(const char **line, char **room) {
  const char *from = *line;
  while (is_blank(*from)) from++;
  *line = from;
  if (!*from || is_operator(*from)) return NULL;
  char *word = *room, *to = word, quote = 0;
  for (; *from && (quote || (!is_blank(*from) && !is_operator(*from))); from++) {
    if (*from == quote)
      quote = 0;
    else if (!quote && (*from == '\'' || *from == '"'))
      quote = *from;
    else
      *to++ = *from;
  }
  *to++ = 0;
  *line = from;
  *room = to;
  return word;
}

/* Splits `line` into stages; how many, or -1 after a message. */
static int parse(const char *line, struct stage *stages) {
  static char words[2 * LINE_BYTES]; /* each has a zero of its own, so they may be longer than the line */
  char *room = words;
  int n = 0;
  memset(stages, 0, MAX_STAGES * sizeof *stages);
  for (;;) {
    struct stage *stage = &stages[n];
    char *word = next_word(&line, &room);
    if (word) {
      if (stage->count == ARGUMENT_COUNT) return print_to(2, "sh: too many words\n"), -1;
      stage->words[stage->count++] = word;
      continue;
    }
    char operator= * line;
    if (!operator) break;
    line++;
    if (operator== '|') {
      if (stage->count == 0 || ++n == MAX_STAGES) return print_to(2, "sh: cannot make sense of |\n"), -1;
      continue;
    }
    bool append = operator== '>' && * line == '>';
    if (append) line++;
    word = next_word(&line, &room);
    if (!word) return print_to(2, "sh: a file name is missing after %c\n", operator), -1;
    if (operator== '<')
      stage->input = word;
    else
      stage->output = word, stage->append = append;
  }
  if (n > 0 && stages[n].count == 0) return print_to(2, "sh: a command is missing after |\n"), -1;
  return stages[n].count ? n + 1 : 0;
}

static void redirect(const char *file, int flags, int onto) {
  int fd = open(file, flags);
  if (fd < 0) fail("sh: cannot open %s: error %d\n", file, -fd);
  duplicate(fd, onto);
  close(fd);
}

/* In the child: becomes the program. */
static void become(struct stage *stage, int input, int output) {
  if (input != 0) duplicate(input, 0), close(input);
  if (output != 1) duplicate(output, 1), close(output);
  if (stage->input) redirect(stage->input, OPEN_READ, 0);
  if (stage->output)
    redirect(stage->output, OPEN_WRITE | OPEN_CREATE | (stage->append ? OPEN_APPEND : OPEN_TRUNCATE), 1);
  int error = -exec(stage->words[0], stage->words);
  if (error == ENOENT) fail("sh: there is no program %s\n", stage->words[0]);
  fail("sh: cannot run %s: error %d\n", stage->words[0], error);
}

/* Runs a pipeline; the status of its last program. */
static int run(struct stage *stages, int n) {
  int input = 0, last = -1, status = 1;
  for (int i = 0; i < n; i++) {
    int ends[2] = {0, 1};
    if (i + 1 < n && pipe(ends) < 0) return print_to(2, "sh: no pipe left\n"), 1;
    int child = fork();
    if (child == 0) {
      if (i + 1 < n) close(ends[0]);
      become(&stages[i], input, ends[1]);
    }
    if (child < 0) print_to(2, "sh: cannot fork: error %d\n", -child);
    if (input != 0) close(input);
    if (i + 1 < n) close(ends[1]);
    input = ends[0];
    last = child;
  }
  for (int ended, result; (ended = wait(&result)) > 0;)
    if (ended == last) status = result;
  return status;
}

/* Runs one line. */
static int command(const char *line) {
  static struct stage stages[MAX_STAGES];
  int n = parse(line, stages);
  if (n <= 0) return n < 0;
  if (n == 1 && strcmp(stages[0].words[0], "exit") == 0) exit(number_or(stages[0].words[1], 0));
  int status = run(stages, n);
  if (status == KILLED_BY_REQUEST)
    print_to(2, "sh: killed\n");
  else if (status > KILLED_BY)
    print_to(2, "sh: killed by exception %d\n", status - KILLED_BY);
  return status;
}

/* The command at *list, up to a comma outside quotes. */
static char *next_command(char **list) {
  char *begin = *list, *at = begin, quote = 0;
  for (; *at && (quote || *at != ','); at++) {
    if (*at == quote)
      quote = 0;
    else if (!quote && (*at == '\'' || *at == '"'))
      quote = *at;
  }
  *list = *at ? at + 1 : at;
  *at = 0;
  return begin;
}

static int run_list(char *list) {
  int failures = 0;
  while (*list) {
    char line[LINE_BYTES];
    text_copy(line, next_command(&list), sizeof line);
    print("$ %s\n", line);
    int status = command(line);
    if (status == 0) continue;
    print_to(2, "sh: status %d\n", status);
    failures++;
  }
  return failures > 0;
}

int main(int argc, char **argv) {
  static char line[LINE_BYTES];
  if (argc > 1) return run_list(argv[1]);
  print("This is the shell. `ls` shows the programs, `exit` leaves.\n");
  for (;;) {
    print("$ ");
    int length = read(0, line, sizeof line - 1);
    if (length <= 0) return 0;
    line[length] = 0;
    command(line);
  }
}
