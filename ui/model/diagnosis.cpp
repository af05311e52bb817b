#include "ui/model/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "hypervisor/accounting/run_report.h"
#include "hypervisor/machine_layout.h"
#include "hypervisor/text/describe_state.h"
#include "ui/model/disassembler.h"

namespace ringside::model {
namespace {

constexpr std::size_t kInstructions = 4, kCallers = 8, kPlaces = 8;
constexpr u32 kStackWords = 256;
constexpr u8 kHltOpcode = 0xF4;

/// The guest's memory by linear address, without side effects.
class GuestBytes {
 public:
  explicit GuestBytes(VirtualMachine& vm) : vm_(vm) {}
  std::optional<u8> byte(u32 linear) const {
    const auto physical = vm_.monitor().translate(LinearAddr(linear));
    const u8* at = physical ? vm_.host().memory.at(*physical, 1) : nullptr;
    return at ? std::optional(*at) : std::nullopt;
  }
  std::size_t fetch(u32 address, std::span<u8> bytes) const {
    std::size_t n = 0;
    for (; n < bytes.size(); ++n) {
      const auto b = byte(address + static_cast<u32>(n));
      if (!b) break;
      bytes[n] = *b;
    }
    return n;
  }

 private:
  VirtualMachine& vm_;
};

Diagnosis::Place place(const VirtualMachine& vm, u32 address) {
  return {address, symbol_name(vm.image(), address)};
}

std::vector<Diagnosis::CodeRow> code_at(VirtualMachine& vm, u32 address, bool code32) {
  const GuestBytes memory(vm);
  std::vector<Diagnosis::CodeRow> rows;
  for (const DisassemblyRow& row : Disassembler().rows(
           address, kInstructions, code32, [&](u32 a, std::span<u8> b) { return memory.fetch(a, b); },
           vm.image()))
    rows.push_back(
        {row.address, row.bytes, row.operands.empty() ? row.mnemonic : row.mnemonic + " " + row.operands});
  return rows;
}

std::vector<Diagnosis::Place> callers(VirtualMachine& vm, const CpuState& s) {
  const GuestBytes memory(vm);
  std::vector<Diagnosis::Place> found;
  for (u32 i = 0; i < kStackWords && found.size() < kCallers && !vm.image().symbols.empty(); ++i) {
    u32 word = 0;
    for (u32 k = 0; k < 4; ++k)
      word |= u32{memory.byte(s.seg[SS].base + s.gpr[ESP] + 4 * i + k).value_or(0)} << 8 * k;
    // No return address is a function's first.
    const Diagnosis::Place at = place(vm, word);
    if (at.symbol.find('+') != std::string::npos) found.push_back(at);
  }
  return found;
}

const char* exception_name(u8 v) {
  static constexpr const char* kNames[] = {"#DE", "#DB",   "NMI",   "#BP", "#OF",   "#BR", "#UD",
                                           "#NM", "#DF",   nullptr, "#TS", "#NP",   "#SS", "#GP",
                                           "#PF", nullptr, "#MF",   "#AC", nullptr, "#XM"};
  return v < std::size(kNames) ? kNames[v] : nullptr;
}

std::string event_text(const Event& e, u32 cr2) {
  const char* known = exception_name(e.vector);
  const bool exception = e.type == EventType::HardwareException && known;
  std::string text = exception ? known : fmt::format("interrupt {:02X}h", e.vector);
  if (e.has_error_code) text += fmt::format(" with error code {:04X}h", e.error_code);
  if (exception && e.vector == vector::PF) text += fmt::format(" at {:08X}", cr2);
  // A selector error code with its IDT bit names the vector whose gate was no good.
  if (e.has_error_code && e.vector != vector::PF && e.error_code & 2)
    text += fmt::format(" (the gate of vector {:02X}h)", e.error_code >> 3);
  return text;
}

std::vector<UnclaimedAccess> unanswered(VirtualMachine& vm) {
  std::vector<UnclaimedAccess> all = vm.host().machine.devices().unclaimed.places();
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.last > b.last; });
  if (all.size() > kPlaces) all.resize(kPlaces);
  for (const CpuNotes::MissingMsr& m : notes(vm.host().cpu).missing_msrs)
    all.push_back({.space = AddressSpace::Msr, .address = m.index, .reads = m.reads, .writes = m.writes});
  return all;
}

const char* name(AddressSpace space) {
  switch (space) {
    case AddressSpace::Port: return "port";
    case AddressSpace::Memory: return "memory";
    case AddressSpace::Msr: return "MSR";
  }
  return "";
}

std::string in(const Diagnosis::Place& p) { return p.symbol.empty() ? std::string() : " in " + p.symbol; }

}  // namespace

void ExitTrail::follow(VirtualMachine& vm) {
  if (vm.mode() == Mode::Kvm) return;
  vm.observe_exits([this](const ExitRecord& exit) {
    if (exits_.size() == kLength) exits_.pop_front();
    exits_.push_back(exit);
  });
}

Diagnosis diagnose(VirtualMachine& vm, const ExitTrail& trail) {
  const CpuState s = vm.monitor().virtual_state();
  const u32 eip = s.seg[CS].base + s.eip;
  Diagnosis d;
  d.at = place(vm, eip);
  // A processor that is halted stands behind its HLT.
  const bool halted = vm.ended() && GuestBytes(vm).byte(eip - 1) == kHltOpcode;
  d.code = code_at(vm, halted ? eip - 1 : eip, s.seg[CS].big());
  d.registers = describe(s);
  if (const auto& shutdown = notes(vm.host().cpu).shutdown)
    d.faults = {event_text(shutdown->first, shutdown->first_cr2), "#DF",
                event_text(shutdown->last, shutdown->last_cr2)};
  d.stack = callers(vm, s);
  for (const ExitRecord& e : trail.exits())
    d.exits.push_back({e.instruction, e.reason, place(vm, e.eip), exit_detail(e.reason, e.detail)});
  d.not_modelled = unanswered(vm);
  d.unanswered = vm.host().machine.devices().unclaimed.total();
  return d;
}

std::vector<Diagnosis::Place> short_loop(VirtualMachine& vm) {
  constexpr int kSteps = 512;
  constexpr std::size_t kShort = 24;
  if (vm.mode() == Mode::Kvm || vm.ended()) return {};
  std::set<u32> seen;
  for (int i = 0; i < kSteps && seen.size() <= kShort; ++i) {
    const CpuState s = vm.monitor().virtual_state();
    seen.insert(s.seg[CS].base + s.eip);
    if (!vm.step(1, false)) break;
  }
  if (seen.size() > kShort) return {};
  std::vector<Diagnosis::Place> places;
  for (u32 address : seen) places.push_back(place(vm, address));
  return places;
}

std::string exit_detail(ExitReason reason, u32 detail) {
  switch (reason) {
    case ExitReason::IoInstruction: {
      for (const PortRange& row : kPortMap)
        if (detail - row.first < row.count) return fmt::format("port {:X}h, {}", detail, row.name);
      const std::string_view usual = usual_device(AddressSpace::Port, detail);
      return fmt::format("port {:X}h{}", detail, usual.empty() ? "" : fmt::format(", {}", usual));
    }
    case ExitReason::CrAccess: return fmt::format("CR{}", detail);
    case ExitReason::Invlpg:
    case ExitReason::EptViolation:
    case ExitReason::Mmio:
    case ExitReason::ShadowPageFault:
    case ExitReason::ShadowPageTableWrite:
    case ExitReason::TruePageFault: return fmt::format("address {:08x}", detail);
    case ExitReason::Syscall:
    case ExitReason::ExternalInterrupt:
    case ExitReason::ExceptionOrNmi:
    case ExitReason::GuestException:
      return detail < 32 && exception_name(static_cast<u8>(detail))
                 ? fmt::format("vector {:x}h, {}", detail, exception_name(static_cast<u8>(detail)))
                 : fmt::format("vector {:x}h", detail);
    default: return {};
  }
}

std::string diagnosis_text(const Diagnosis& d) {
  std::string text = fmt::format("Where it stands: {:08X}{}\n", d.at.address, in(d.at));
  for (const Diagnosis::CodeRow& row : d.code)
    text += fmt::format("{} {:08X}  {:<24} {}\n", row.address == d.at.address ? ">" : " ", row.address,
                        row.bytes, row.text);
  text += d.registers + '\n';
  if (!d.faults.empty())
    text += fmt::format("What could not be delivered: {}\n", fmt::join(d.faults, ", then "));
  if (!d.loop.empty()) {
    const auto [first, last] = std::minmax_element(
        d.loop.begin(), d.loop.end(), [](const auto& a, const auto& b) { return a.address < b.address; });
    text += fmt::format("It goes round in {} instructions from {:08X}{} to {:08X}{}.\n", d.loop.size(),
                        first->address, in(*first), last->address, in(*last));
  }
  if (!d.stack.empty()) text += "On its stack, which may be return addresses:\n";
  for (const Diagnosis::Place& p : d.stack) text += fmt::format("  {:08X}  {}\n", p.address, p.symbol);
  if (!d.exits.empty()) text += "Its last exits, after so many instructions:\n";
  for (const Diagnosis::ExitRow& row : d.exits) {
    std::string line = fmt::format("  {:>15}  EIP {:08X}  {:<18} {:<28} {}", row.instruction, row.at.address,
                                   info(row.reason).name, row.detail, row.at.symbol);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  if (!d.not_modelled.empty())
    text += fmt::format(
        "Not modelled, and asked for ({} accesses to ports and memory went unanswered; the last "
        "places first):\n",
        d.unanswered);
  for (const UnclaimedAccess& a : d.not_modelled) {
    const std::string_view usual = usual_device(a.space, a.address);
    text += fmt::format("  {} {:X}h{}: {} reads, {} writes\n", name(a.space), a.address,
                        usual.empty() ? "" : fmt::format(" {}", usual), a.reads, a.writes);
  }
  return text;
}

nlohmann::ordered_json diagnosis_json(const Diagnosis& d) {
  using Json = nlohmann::ordered_json;
  const auto places = [](const std::vector<Diagnosis::Place>& all) {
    Json rows = Json::array();
    for (const Diagnosis::Place& p : all) rows.push_back({{"address", p.address}, {"symbol", p.symbol}});
    return rows;
  };
  Json code = Json::array(), exits = Json::array(), missing = Json::array();
  for (const Diagnosis::CodeRow& r : d.code)
    code.push_back({{"address", r.address}, {"bytes", r.bytes}, {"text", r.text}});
  for (const Diagnosis::ExitRow& r : d.exits)
    exits.push_back({{"instruction", r.instruction},
                     {"reason", info(r.reason).name},
                     {"address", r.at.address},
                     {"symbol", r.at.symbol},
                     {"detail", r.detail}});
  for (const UnclaimedAccess& a : d.not_modelled)
    missing.push_back({{"space", name(a.space)},
                       {"address", a.address},
                       {"usual_device", usual_device(a.space, a.address)},
                       {"reads", a.reads},
                       {"writes", a.writes}});
  return {{"where", {{"address", d.at.address}, {"symbol", d.at.symbol}}},
          {"code", std::move(code)},
          {"registers", d.registers},
          {"faults", d.faults},
          {"loop", places(d.loop)},
          {"stack", places(d.stack)},
          {"exits", std::move(exits)},
          {"not_modelled", std::move(missing)},
          {"unanswered", d.unanswered}};
}

}  // namespace ringside::model
