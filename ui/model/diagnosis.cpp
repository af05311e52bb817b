#include "ui/model/diagnosis.h"

#include <fmt/format.h>

#include "hypervisor/describe_state.h"
#include "hypervisor/run_report.h"
#include "ui/model/disassembler.h"

namespace ringside::model {
namespace {

constexpr std::size_t kInstructions = 4, kCallers = 8;
constexpr u32 kStackWords = 256;

}  // namespace

std::string where_it_stands(VirtualMachine& vm) {
  const Monitor& monitor = vm.monitor();
  const CpuState s = monitor.virtual_state();
  const auto byte = [&](u32 linear) -> std::optional<u8> {
    const auto physical = monitor.translate(LinearAddr(linear));
    const u8* at = physical ? vm.host().memory.at(*physical, 1) : nullptr;
    return at ? std::optional(*at) : std::nullopt;
  };
  const auto fetch = [&](u32 address, std::span<u8> bytes) {
    std::size_t n = 0;
    for (; n < bytes.size(); ++n) {
      const auto b = byte(address + static_cast<u32>(n));
      if (!b) break;
      bytes[n] = *b;
    }
    return n;
  };
  const u32 at = s.seg[CS].base + s.eip;
  std::string text = fmt::format("Where it stands: {:08X}", at);
  if (const std::string name = symbol_name(vm.image(), at); !name.empty()) text += " in " + name;
  text += '\n';
  for (const DisassemblyRow& row : Disassembler().rows(at, kInstructions, s.seg[CS].big(), fetch, vm.image()))
    text += fmt::format("  {:08X}  {:<24} {} {}\n", row.address, row.bytes, row.mnemonic, row.operands);
  text += describe(s) + '\n';

  std::string callers;
  std::size_t found = 0;
  for (u32 i = 0; i < kStackWords && found < kCallers && !vm.image().symbols.empty(); ++i) {
    u32 word = 0;
    for (u32 k = 0; k < 4; ++k)
      word |= u32{byte(s.seg[SS].base + s.gpr[ESP] + 4 * i + k).value_or(0)} << 8 * k;
    const std::string name = symbol_name(vm.image(), word);
    if (name.find('+') == std::string::npos) continue;  // no return address is a function's first
    callers += fmt::format("  {:08X}  {}\n", word, name);
    ++found;
  }
  if (!callers.empty()) text += "On its stack, which may be return addresses:\n" + callers;
  return text;
}

}  // namespace ringside::model
