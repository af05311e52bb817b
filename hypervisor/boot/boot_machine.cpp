#include "hypervisor/boot/boot_machine.h"

#include "hypervisor/boot/mp_tables.h"

namespace ringside {

CpuState boot_machine(const Image& image, Host& host, const std::string& command_line) {
  CpuState s = boot_bare(image, host.machine.ram(), command_line);
  s.apic_base = host.machine.apic_base();
  write_mp_tables(host);
  return s;
}

}  // namespace ringside
