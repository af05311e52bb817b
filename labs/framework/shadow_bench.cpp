#include "labs/framework/shadow_bench.h"

#include "cpu/paging.h"
#include "labs/framework/bench_host.h"

namespace ringside::labs {
namespace {

constexpr u64 kMostInstructions = 1000;
constexpr unsigned kMostExits = 400;
constexpr u16 kForEver = 0xFEEB;  ///< JMP to itself, where code and handlers end
constexpr u32 kAll = pte::P | pte::W | pte::U;

}  // namespace

ShadowBench::ShadowBench(Session& session, bool paging) : host(bench_host(Mode::Trap, kRam)) {
  monitor = std::make_unique<ShadowBridge>(host, session);
  CpuState state = place(host.machine.ram());
  state.idtr = {kIdt, 0x7FF};
  for (u32 v = 0; v < 256; ++v) host.machine.ram().write(GuestPhys(kHandlers + v * 16), kForEver);
  for (u32 i = 0; i < 1024; ++i) poke(kIdentity + i * 4, i * kPageSize | kAll);
  for (const auto& [directory, table] : {std::pair{kDirectory, kTable}, {kOtherDirectory, kOtherTable}}) {
    poke(directory, kIdentity | kAll);
    poke(directory + (kArea >> 22) * 4, table | kAll);
  }
  state.cr3 = kDirectory;
  if (paging) state.cr0 |= cr0::PG | cr0::WP;
  monitor->begin(state);
  host.cpu.flush_tlb();
  why_ = monitor->complaint();
}

void ShadowBench::run(u32 ring, const std::vector<u8>& code) {
  fault_.reset();
  exits_ = {};
  if (!why_.empty()) return;
  u32 at = kCode;
  for (u8 byte : code) *host.machine.ram().at(GuestPhys(at++), 1) = byte;
  host.machine.ram().write(GuestPhys(at), kForEver);
  monitor->guest.memory_written(GuestPhys(kCode), 256);
  TrapGuest& g = monitor->guest;
  const u16 cs = ring ? kCode3 : kCode0, ss = ring ? kData3 : kData0;
  g.real().seg[CS] = compress(flat(cs, true));
  g.real().seg[SS] = compress(flat(ss, false));
  g.real().seg[CS].selector = compress_selector(cs, ring);
  g.real().seg[SS].selector = compress_selector(ss, ring);
  for (Seg r : {DS, ES, FS, GS}) g.real().seg[r] = compress(flat(ss, false));
  g.real().eip = kCode;
  g.real().gpr[ESP] = ring ? kUserStack : kStack;
  g.set_flags(eflags::kFixedOne);

  for (unsigned exits = 0; exits < kMostExits; ++exits) {
    monitor->before_entry();
    const Exit exit = monitor->enter(kMostInstructions);
    host.settle();
    const u32 eip = g.real().eip;
    if (std::holds_alternative<exits::BudgetSpent>(exit)) {
      if (eip >= kHandlers && eip < kHandlers + 256 * 16) fault_ = static_cast<u8>((eip - kHandlers) / 16);
      return;
    }
    const Outcome outcome = dispatch(*monitor, exit);
    if (outcome.kind == Outcome::Kind::Stop) why_ = outcome.why;
    if (why_.empty()) monitor->apply(outcome);  // closes the account of the exit
    ++exits_[static_cast<std::size_t>(host.ledger.last_reason())];
    if (!monitor->complaint().empty()) why_ = monitor->complaint();
    if (!why_.empty()) return;
  }
  why_ = "the guest's few instructions come to no end: they fault, or loop, for ever";
}

}  // namespace ringside::labs
