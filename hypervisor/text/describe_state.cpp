#include "hypervisor/text/describe_state.h"

#include <fmt/format.h>

namespace ringside {

std::string describe(const CpuState& s) {
  const auto& r = s.gpr;
  const char* mode = !s.protected_mode() ? "real mode"
                     : s.virtual_8086()  ? "virtual-8086 mode"
                                         : "protected mode";
  return fmt::format(
      "  {}, ring {}, paging {}\n"
      "  CS:EIP {:04X}:{:08X}  SS:ESP {:04X}:{:08X}  EFLAGS {:08X}\n"
      "  EAX {:08X}  EBX {:08X}  ECX {:08X}  EDX {:08X}\n"
      "  ESI {:08X}  EDI {:08X}  EBP {:08X}\n"
      "  CR0 {:08X}  CR2 {:08X}  CR3 {:08X}  CR4 {:08X}\n"
      "  GDT {:08X}+{:04X}  IDT {:08X}+{:04X}  TR {:04X}",
      mode, s.cpl(), s.paging() ? "on" : "off", s.seg[CS].selector, s.eip, s.seg[SS].selector, r[ESP],
      s.eflags, r[EAX], r[EBX], r[ECX], r[EDX], r[ESI], r[EDI], r[EBP], s.cr0, s.cr2, s.cr3, s.cr4,
      s.gdtr.base, s.gdtr.limit, s.idtr.base, s.idtr.limit, s.tr.selector);
}

}  // namespace ringside
