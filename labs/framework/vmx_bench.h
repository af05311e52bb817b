// A few bytes of guest code under the simulated VT-x with a student's monitor, exit by exit: what the small
// checks of labs 06 and 07 run. The guest is in flat protected mode without paging.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "labs/framework/bench_host.h"
#include "labs/framework/flat_guest.h"
#include "labs/framework/session.h"

namespace ringside::labs {

template <class Bridge>
class VmxBench : public FlatGuest {
 public:
  explicit VmxBench(Session& session) : host(bench_host(Mode::Hvm, kRam)) {
    monitor = std::make_unique<Bridge>(host, session);
    CpuState state = place(host.machine.ram());
    state.idtr = {kIdt, 0x7FF};
    for (u32 v = 0; v < 256; ++v) handler(static_cast<u8>(v), {});
    monitor->begin(state);
    host.cpu.flush_tlb();
  }

  /// Puts the processor at `code` in `ring`, with IF as given; at its end it stays there.
  void at(u32 ring, const std::vector<u8>& code, bool interrupts = false) {
    place_code(kCode, code);
    CpuState& s = monitor->vcpu().state();
    s.seg[CS] = flat(ring ? kCode3 : kCode0, true);
    for (Seg r : {SS, DS, ES, FS, GS}) s.seg[r] = flat(ring ? kData3 : kData0, false);
    s.eip = kCode;
    s.gpr[ESP] = ring ? kUserStack : kStack;
    s.eflags = eflags::kFixedOne | (interrupts ? eflags::IF : 0);
    s.sti_shadow = s.mov_ss_shadow = false;
  }
  void handler(u8 vector, const std::vector<u8>& code) { place_code(kHandlers + vector * 16, code); }

  /// Runs that many instructions, or until the guest is idle.
  void go(u64 instructions = 1000) {
    exits_ = {};
    idle_ = false;
    for (unsigned entries = 0; entries < kMostEntries && instructions > 0 && why().empty(); ++entries) {
      devices();
      monitor->before_entry();
      const u64 before = host.cpu.retired();
      const Exit exit = monitor->enter(std::min<u64>(instructions, kSlice));
      host.settle();
      instructions -= std::min(instructions, host.cpu.retired() - before);
      if (std::holds_alternative<exits::BudgetSpent>(exit)) continue;
      const Outcome outcome = dispatch(*monitor, exit);
      ++exits_[static_cast<std::size_t>(host.ledger.last_reason())];
      if (outcome.kind == Outcome::Kind::Stop) stopped_ = outcome.why;
      if (!why().empty()) return;
      monitor->apply(outcome);
      idle_ = outcome.kind == Outcome::Kind::Idle;
      if (idle_) return;
    }
  }
  void run(u32 ring, const std::vector<u8>& code) {
    at(ring, code);
    go();
  }

  std::string why() const { return monitor->complaint().empty() ? stopped_ : monitor->complaint(); }
  std::string_view why_hint() const { return monitor->complaint_hint(); }
  bool idle() const { return idle_; }
  unsigned exits(ExitReason reason) const { return exits_[static_cast<std::size_t>(reason)]; }
  u32& reg(Gpr r) { return monitor->vcpu().state().gpr[r]; }
  u32 eip() { return monitor->vcpu().state().eip; }
  u32 word(u32 physical) const { return host.machine.ram().read<u32>(GuestPhys(physical)).value_or(0); }

  mutable Host host;
  std::unique_ptr<Bridge> monitor;

 private:
  static constexpr unsigned kMostEntries = 40'000;
  static constexpr u64 kSlice = 50;

  void place_code(u32 address, const std::vector<u8>& code) {
    constexpr u16 kForEver = 0xFEEB;  // JMP to itself
    const GuestMemory& ram = host.machine.ram();
    std::copy(code.begin(), code.end(), ram.at(GuestPhys(address), code.size() + 2));
    ram.write(GuestPhys(address + static_cast<u32>(code.size())), kForEver);
    host.cpu.memory_written(ram.to_machine(GuestPhys(address)), code.size() + 2);
  }
  void devices() {
    host.machine.advance();
    static_cast<Monitor&>(*monitor).advance();
  }

  std::array<unsigned, static_cast<std::size_t>(ExitReason::kCount)> exits_{};
  std::string stopped_;
  bool idle_ = false;
};

}  // namespace ringside::labs
