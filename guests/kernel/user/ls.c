/* ls: the files, in the directory's order. With -l also their sizes. */
#include "guests/kernel/user/lib.h"

int main(int argc, char **argv) {
  static struct directory_entry entries[16];
  bool sizes = argc > 1 && strcmp(argv[1], "-l") == 0;
  int directory = open("/", OPEN_READ), bytes, column = 0;
  while ((bytes = read(directory, entries, sizeof entries)) > 0) {
    for (struct directory_entry *entry = entries; (char *)entry < (char *)entries + bytes; entry++) {
      if (sizes)
        print("%8u %s\n", entry->bytes, entry->name);
      else
        print(column++ % 8 == 7 ? "%s\n" : "%-10s", entry->name);
    }
  }
  if (column % 8) print("\n");
  return bytes < 0;
}
