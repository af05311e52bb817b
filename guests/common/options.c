#include "guests/common/pc.h"

uint32_t option(const struct multiboot_info *info, const char *name, uint32_t otherwise) {
  if (!(info->flags & MULTIBOOT_HAS_COMMAND_LINE)) return otherwise;
  size_t length = strlen(name);
  for (const char *at = (const char *)info->command_line; *at; at++)
    if (memcmp(at, name, length) == 0 && at[length] == '=') return number_or(at + length + 1, otherwise);
  return otherwise;
}

uint32_t choice(const struct multiboot_info *info, const char *const words[], uint32_t count) {
  uint32_t chosen = 0;
  if (!(info->flags & MULTIBOOT_HAS_COMMAND_LINE)) return chosen;
  for (const char *at = (const char *)info->command_line; *at; at++)
    for (uint32_t i = 0; i < count; i++)
      if (memcmp(at, words[i], strlen(words[i])) == 0) chosen = i;
  return chosen;
}
