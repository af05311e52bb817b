// The simulated processor against the manual's protection rules (protection_table.h), instruction by
// instruction.
#include <sstream>

#include "tests/cpu/bare_core.h"
#include "tests/cpu/protection_table.h"

using namespace ringside;
using namespace ringside::test;

namespace {

constexpr u16 kEntry = BareCore::kFree, kTarget = BareCore::kFree + 8;
constexpr u8 kVector = 0x40;
constexpr u32 kCode = 0x10000, kInside = 0x4321, kOutside = 0x10000, kLimit = 0xFFFF;

/// The machine in which a case is played: its descriptors, its code, and a VMCS that hands every exception
/// over.
class Stage {
 public:
  Stage() {
    vmcs_.enable_ept = false;
    vmcs_.exception_bitmap = ~0u;
    b.cpu.set_vmcs(&vmcs_);
  }
  ~Stage() { b.cpu.set_vmcs(nullptr); }

  /// "ok", or the fault.
  std::string play(const ProtectionCase& c) {
    b.c.s.eflags = eflags::kFixedOne;
    b.set_ring(c.cpl);
    b.c.s.eip = kCode;
    b.set_gdt(kTarget, describe(c, c.target));
    if (c.operation == Operation::Interrupt) {
      b.set_idt(kVector, describe(c, c.entry));
    } else {
      b.set_gdt(kEntry, describe(c, c.entry));
    }
    write_code(c);
    const CpuExit exit = b.cpu.run(1);
    if (const auto* e = std::get_if<exits::ExceptionOrNmi>(&exit))
      return text(e->event.vector, e->event.error_code);
    if (std::holds_alternative<exits::BudgetSpent>(exit)) return "ok";
    if (std::holds_alternative<exits::TaskSwitch>(exit))
      return "ok";  // in non-root operation, all checks done
    return "exit " + std::to_string(exit.index());
  }

  static std::string text(u8 vector, u32 error_code) {
    std::ostringstream out;
    out << "vector " << u32{vector} << " error " << std::hex << error_code;
    return out.str();
  }

 private:
  static u64 describe(const ProtectionCase& c, const ProtectionCase::Entry& e) {
    const u8 access = access_byte(e.dpl, e.kind & 15, e.segment(), e.present);
    // A gate of 16 bits cannot reach beyond 64 KiB: there the limit is lowered instead.
    const bool narrow = c.entry.call_gate() || c.entry.interrupt_gate() ? !(c.entry.kind & 8) : false;
    const u32 offset = c.inside || narrow ? kInside : kOutside;
    if (e.call_gate() || e.task_gate() || e.interrupt_gate()) return gate(kTarget, offset, access);
    if (!e.segment() && e.kind != 2) return descriptor(BareCore::kTss2, c.inside ? 0x67 : 0x20, access, 0);
    return descriptor(0, narrow && !c.inside ? 0xFF : kLimit, access, 4);
  }

  void write_code(const ProtectionCase& c) {
    const u16 selector = static_cast<u16>(kEntry | c.rpl);
    const u32 offset = c.inside ? kInside : kOutside;
    std::vector<u8> bytes;
    auto far = [&](u8 opcode) {
      bytes = {
          opcode, static_cast<u8>(offset),   static_cast<u8>(offset >> 8),  static_cast<u8>(offset >> 16),
          0,      static_cast<u8>(selector), static_cast<u8>(selector >> 8)};
    };
    auto frame = [&](bool flags) {
      if (c.rpl > c.cpl) b.push(BareCore::data_selector(c.rpl)), b.push(BareCore::stack_top(c.rpl));
      if (flags) b.push(eflags::kFixedOne);
      b.push(selector);
      b.push(offset);
    };
    b.c.s.gpr[EAX] = selector;
    switch (c.operation) {
      case Operation::LoadDs: bytes = {0x8E, 0xD8}; break;
      case Operation::LoadSs: bytes = {0x8E, 0xD0}; break;
      case Operation::Jump: far(0xEA); break;
      case Operation::Call: far(0x9A); break;
      case Operation::Return: bytes = {0xCB}, frame(false); break;
      case Operation::InterruptReturn: bytes = {0xCF}, frame(true); break;
      case Operation::Interrupt: bytes = {0xCD, kVector}; break;
    }
    if (bytes == code_) return;  // already there, and decoded
    code_ = bytes;
    std::memcpy(b.memory.data() + kCode, bytes.data(), bytes.size());
    b.cpu.memory_written(MachinePhys(kCode), bytes.size());
  }

  BareCore b;
  Vmcs vmcs_;
  std::vector<u8> code_;
};

std::string expected(const ProtectionRule* rule) {
  if (!rule) return "ok";
  switch (rule->names) {
    case Names::Zero: return Stage::text(rule->vector, 0);
    case Names::Entry: return Stage::text(rule->vector, kEntry);
    case Names::Target: return Stage::text(rule->vector, kTarget);
    case Names::Vector: break;
  }
  return Stage::text(rule->vector, kVector * 8 + 2);
}

}  // namespace

TEST_CASE("segment loads, far transfers, gates and task switches fault as the manual's table says",
          "[protection]") {
  Stage stage;
  u64 cases = 0, faults = 0;
  std::vector<u64> used(std::size(protection::kRules));
  for_each_protection_case([&](const ProtectionCase& c) {
    const ProtectionRule* rule = deciding_rule(c);
    const std::string result = stage.play(c);
    cases++;
    if (rule) faults++, used[static_cast<std::size_t>(rule - protection::kRules)]++;
    if (result == expected(rule)) return;
    FAIL("operation " << static_cast<int>(c.operation) << " CPL " << c.cpl << " RPL " << c.rpl
                      << " entry kind " << c.entry.kind << " DPL " << c.entry.dpl << " present "
                      << c.entry.present << " target kind " << c.target.kind << " DPL " << c.target.dpl
                      << " present " << c.target.present << " inside " << c.inside << ": expected "
                      << expected(rule) << " (" << (rule ? rule->sentence : "no rule applies") << "), got "
                      << result);
  });
  for (std::size_t n = 0; n < used.size(); n++) {
    INFO(protection::kRules[n].sentence);
    CHECK(used[n] > 0);
  }
  CHECK(cases > 50000);
  CHECK(faults < cases);
}
