/* Which way to the devices: ports, memory, rings. */
#include "guests/common/text.h"
#include "guests/kernel/machine/native.h"
#include "hypervisor/abi/virtio.h"

enum native_io native_io;

void native_choose_io(const char *line) {
  static const char *const words[] = {
      [IO_PORTS] = "io=pio", [IO_MEMORY] = "io=mmio", [IO_RING] = "io=ring", [IO_POLL] = "io=poll"};
  for (const char *at = line; *at; at++) {
    if (at != line && at[-1] != ' ') continue;
    if (memcmp(at, "run=", 4) == 0) return; /* the rest of the line is the shell's */
    for (uint32_t i = 0; i < sizeof words / sizeof *words; i++)
      if (memcmp(at, words[i], strlen(words[i])) == 0) native_io = (enum native_io)i;
  }
}

void device_out8(uint16_t port, uint8_t value) {
  if (native_io == IO_MEMORY)
    *(volatile uint8_t *)(RS_MMIO_PORTS + port) = value;
  else
    out8(port, value);
}

uint8_t device_in8(uint16_t port) {
  return native_io == IO_MEMORY ? *(volatile uint8_t *)(RS_MMIO_PORTS + port) : in8(port);
}
