#include "hypervisor/accounting/run_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "hypervisor/accounting/sensitive.h"
#include "hypervisor/kvm/kvm_monitor.h"
#include "hypervisor/trap/trap_monitor.h"

namespace ringside {
namespace {

std::vector<SilentInstruction> silent_instructions(VirtualMachine& vm) {
  std::vector<SilentInstruction> result;
  for (const SilentSensitive& s : vm.host().cpu.silent_sensitive()) {
    const SensitiveInstruction* row = find_sensitive(s.opcode, s.modrm_reg);
    result.push_back({row ? std::string(row->mnemonic) : fmt::format("opcode {:02X}h", s.opcode),
                      row ? std::string(row->what_goes_wrong) : "depends on privilege", s.eip,
                      symbol_name(vm.image(), s.eip), s.count, s.first_instruction});
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) { return a.first_instruction < b.first_instruction; });
  return result;
}

std::string explain_silent(const RunReport& report, VirtualMachine& vm) {
  u64 executions = 0;
  for (const SilentInstruction& s : report.silent) executions += s.count;
  std::string text = fmt::format(
      "Sensitive instructions executed silently {} times at {} places, because this processor does not trap "
      "them. ",
      executions, report.silent.size());
  const auto* monitor = dynamic_cast<const TrapMonitor*>(&vm.monitor());
  if (!monitor || !monitor->first_difference())
    return text + "Each did what it would have done on bare metal.";
  const SilentDifference& first = *monitor->first_difference();
  const std::string symbol = symbol_name(vm.image(), first.eip);
  return text + fmt::format("The first that went wrong was '{}' at {:08X}h{}, after {} instructions: {}.",
                            first.disassembly, first.eip, symbol.empty() ? "" : " in " + symbol,
                            first.instruction, first.what);
}

}  // namespace

std::string_view name(RunReport::Status status) {
  switch (status) {
    case RunReport::Status::Ok: return "ok";
    case RunReport::Status::Unavailable: return "unavailable";
    case RunReport::Status::Failed: return "failed";
  }
  return "";
}

u64 RunReport::exit_samples() const {
  u64 sum = 0;
  for (const ExitStatistics& row : exits) sum += row.samples;
  return sum;
}

u64 RunReport::exit_samples(ExitReason reason) const {
  for (const ExitStatistics& row : exits)
    if (row.reason == reason) return row.samples;
  return 0;
}

u64 RunReport::exit_samples(ExitTopic topic) const {
  u64 sum = 0;
  for (const ExitStatistics& row : exits)
    if (info(row.reason).topic == topic) sum += row.samples;
  return sum;
}

u64 RunReport::exit_cycles() const {
  u64 sum = 0;
  for (const ExitStatistics& row : exits) sum += row.cycles;
  return sum;
}

RunReport make_report(VirtualMachine& vm, double wall_s) {
  RunReport report;
  report.mode = vm.mode();
  report.ending = vm.ending();
  report.status = vm.ending() == Ending::Success ? RunReport::Status::Ok : RunReport::Status::Failed;
  report.reason = vm.why();
  report.guest_status = vm.guest_status();
  report.console = vm.host().machine.console();
  report.instructions = vm.instructions();
  report.profile = &vm.host().profile;
  report.cycles = vm.host().ledger.attribution(*report.profile);
  report.exits = vm.host().ledger.exits(*report.profile);
  const CpuCounters& c = vm.host().cpu.counters();
  report.walks = {c.tlb_misses, c.walk_references, c.nested_references, c.walk_cache_hits};
  // A paravirtual kernel knows where it runs: what it leaves to chance, it means to.
  if (vm.mode() == Mode::Trap) report.silent = silent_instructions(vm);
  if (!report.silent.empty()) {
    if (!report.reason.empty()) report.reason += ". ";
    report.reason += explain_silent(report, vm);
  }
  if (vm.mode() == Mode::Kvm) report.measured.kvm = static_cast<KvmMonitor&>(vm.monitor()).measurements();
  report.measured.wall_s = wall_s;
  report.measured.mips = wall_s > 0 ? static_cast<double>(report.instructions) / wall_s / 1e6 : 0;
  return report;
}

RunReport make_report(MachinePair& pair, double wall_s) {
  RunReport report = make_report(pair.first(), wall_s);
  auto peer = std::make_shared<RunReport>(make_report(pair.second(), wall_s));
  if (report.status == RunReport::Status::Ok && peer->status != RunReport::Status::Ok) {
    report.status = peer->status;
    report.ending = peer->ending;
    report.reason = "the machine at the other end of the network: " + peer->reason;
  }
  const NatPort* nat = pair.nat();
  report.network = RunReport::Network{.card = pair.statistics(0),
                                      .translated = nat ? nat->translated() : 0,
                                      .untranslatable = nat ? nat->dropped() : 0,
                                      .peer = std::move(peer)};
  return report;
}

RunReport unavailable(Mode mode, std::string why) {
  RunReport report;
  report.mode = mode;
  report.reason = std::move(why);
  return report;
}

void compare_to(const RunReport& native, std::vector<RunReport>& reports) {
  if (native.status != RunReport::Status::Ok || native.busy() == 0) return;
  const auto base = static_cast<double>(native.busy());
  for (RunReport& report : reports)
    // Under real KVM the guest's own instructions are not modelled, so there is nothing to compare.
    if (report.status == RunReport::Status::Ok && report.mode != Mode::Kvm)
      report.overhead = static_cast<double>(report.busy()) / base;
}

std::string symbol_name(const Image& image, u32 address) {
  auto after = std::upper_bound(image.symbols.begin(), image.symbols.end(), address,
                                [](u32 a, const Symbol& s) { return a < s.address; });
  if (after == image.symbols.begin()) return {};
  const Symbol& symbol = *--after;
  const u32 offset = address - symbol.address;
  // A symbol without a size (assembler labels) reaches to the next one; only sized ones are trusted far.
  if (symbol.size ? offset >= symbol.size : offset > 4096) return {};
  return offset ? fmt::format("{}+{:#x}", symbol.name, offset) : symbol.name;
}

}  // namespace ringside
