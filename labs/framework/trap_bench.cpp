#include "labs/framework/trap_bench.h"

#include "labs/framework/bench_host.h"

namespace ringside::labs {
namespace {

constexpr u64 kMostInstructions = 64;
constexpr unsigned kHiddenFaults = 4;  ///< of the shadow tables, before what is being looked at

}  // namespace

TrapBench::TrapBench(Session& session) : host(bench_host(Mode::Trap, kRam)) {
  monitor = std::make_unique<TrapBridge>(host, session);
  monitor->guest.begin(place(host.machine.ram()));
  host.cpu.flush_tlb();
}

void TrapBench::at(u32 ring, std::initializer_list<u8> code) {
  u32 address = kCode;
  for (u8 byte : code) *host.machine.ram().at(GuestPhys(address++), 1) = byte;
  monitor->guest.memory_written(GuestPhys(kCode), 64);
  CpuState s;
  TrapGuest& g = monitor->guest;
  const u16 cs = ring ? kCode3 : kCode0, ss = ring ? kData3 : kData0;
  g.real().seg[CS] = compress(flat(cs, true));
  g.real().seg[SS] = compress(flat(ss, false));
  g.real().seg[CS].selector = compress_selector(cs, ring);
  g.real().seg[SS].selector = compress_selector(ss, ring);
  for (Seg r : {DS, ES, FS, GS}) g.real().seg[r] = compress(flat(ss, false));
  g.real().eip = kCode;
  g.real().gpr[ESP] = ring ? kUserStack : kStack;
  g.set_flags(eflags::kFixedOne | (g.interrupts_enabled() ? eflags::IF : 0) | g.iopl() << 12);
  g.interrupt_shadow = false;
}

bool TrapBench::step() {
  if (!why_.empty()) return false;
  monitor->before_entry();
  for (unsigned entries = 0; entries < kHiddenFaults; ++entries) {
    const Exit exit = monitor->enter(kMostInstructions);
    host.settle();
    const bool handled = std::holds_alternative<exits::MonitorEntry>(exit);
    const Outcome outcome = dispatch(*monitor, exit);
    last_ = outcome.kind;
    if (outcome.kind == Outcome::Kind::Stop) {
      why_ = outcome.why;
      return false;
    }
    monitor->apply(outcome);
    if (!monitor->complaint().empty()) why_ = monitor->complaint();
    if (!why_.empty()) return false;
    // A hidden page fault of the shadow tables is ours, and not what is being looked at.
    if (handled && host.ledger.last_reason() != ExitReason::ShadowPageFault) return true;
    if (!handled) return true;
  }
  return true;
}

std::optional<u8> TrapBench::raised() {
  for (unsigned entries = 0; why_.empty() && entries < kHiddenFaults; ++entries) {
    const Exit exit = monitor->enter(kMostInstructions);
    host.settle();
    const Outcome outcome = dispatch(*monitor, exit);
    if (outcome.kind == Outcome::Kind::Stop) why_ = outcome.why;
    if (outcome.kind == Outcome::Kind::Inject) {
      monitor->apply(Outcome::retry());
      return outcome.event.vector;
    }
    if (why_.empty()) monitor->apply(outcome);
    if (host.ledger.last_reason() != ExitReason::ShadowPageFault) break;
  }
  return std::nullopt;
}

bool TrapBench::run(unsigned exits) {
  while (exits-- > 0)
    if (!step()) return false;
  return true;
}

std::optional<u8> TrapBench::in_handler() const {
  const u32 at = eip();
  if (at < kHandlers || at >= kHandlers + 256 * 16 || at % 16) return std::nullopt;
  return static_cast<u8>((at - kHandlers) / 16);
}

}  // namespace ringside::labs
