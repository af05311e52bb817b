#include "hypervisor/accounting/sensitive.h"

#include <algorithm>
#include <array>

namespace ringside {
namespace {

constexpr std::array<SensitiveInstruction, 18> kList{{
    {"sgdt", "shows the guest the monitor's descriptor table"},
    {"sidt", "shows the guest the monitor's interrupt table"},
    {"sldt", "shows the guest the monitor's local descriptor table"},
    {"smsw", "shows the guest the real CR0"},
    {"pushf", "shows the guest the real interrupt flag, which is always on"},
    {"popf", "drops the interrupt flag: the guest believes that it has turned interrupts off or on"},
    {"lar", "answers by the lowered privilege of the guest kernel"},
    {"lsl", "answers by the lowered privilege of the guest kernel"},
    {"verr", "answers by the lowered privilege of the guest kernel"},
    {"verw", "answers by the lowered privilege of the guest kernel"},
    {"pop", "loads a segment register with ring 1 where the guest means ring 0"},
    {"push", "shows the guest that its kernel runs in ring 1"},
    {"call", "checks gates against the lowered privilege"},
    {"jmp", "checks gates against the lowered privilege"},
    {"int", "checks gates against the lowered privilege"},
    {"ret", "returns to ring 1 where the guest means ring 0"},
    {"str", "shows the guest the monitor's task register"},
    {"mov", "shows the guest that its kernel runs in ring 1"},
}};

struct Encoding {
  u16 opcode;
  i8 modrm_reg;  ///< -1 = any
  std::string_view mnemonic;
};
constexpr Encoding kEncodings[] = {
    {0x0F01, 0, "sgdt"},  {0x0F01, 1, "sidt"}, {0x0F00, 0, "sldt"}, {0x0F01, 4, "smsw"}, {0x9C, -1, "pushf"},
    {0x9D, -1, "popf"},   {0x0F02, -1, "lar"}, {0x0F03, -1, "lsl"}, {0x0F00, 4, "verr"}, {0x0F00, 5, "verw"},
    {0x07, -1, "pop"},    {0x17, -1, "pop"},   {0x1F, -1, "pop"},   {0x0FA1, -1, "pop"}, {0x0FA9, -1, "pop"},
    {0x06, -1, "push"},   {0x0E, -1, "push"},  {0x16, -1, "push"},  {0x1E, -1, "push"},  {0x0FA0, -1, "push"},
    {0x0FA8, -1, "push"}, {0x9A, -1, "call"},  {0xFF, 3, "call"},   {0xEA, -1, "jmp"},   {0xFF, 5, "jmp"},
    {0xCD, -1, "int"},    {0xCA, -1, "ret"},   {0xCB, -1, "ret"},   {0x0F00, 1, "str"},  {0x8C, -1, "mov"},
    {0x8E, -1, "mov"},
};

}  // namespace

std::span<const SensitiveInstruction> sensitive_instructions() { return kList; }

const SensitiveInstruction* find_sensitive(u16 opcode, u8 modrm_reg) {
  // Not in the list, which takes IRET for privileged; yet between rings 1 and 3 it is as silent as POPF.
  static constexpr SensitiveInstruction kIret{
      "iret", "drops the interrupt flag: interrupts stay off for a guest that returns with them on"};
  if (opcode == 0xCF) return &kIret;
  for (const Encoding& e : kEncodings) {
    if (e.opcode != opcode || (e.modrm_reg >= 0 && e.modrm_reg != modrm_reg)) continue;
    return std::find_if(kList.begin(), kList.end(),
                        [&](const SensitiveInstruction& row) { return row.mnemonic == e.mnemonic; });
  }
  return nullptr;
}

}  // namespace ringside
