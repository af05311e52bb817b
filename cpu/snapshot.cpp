#include "cpu/snapshot.h"

#include "cpu/block_cache.h"
#include "cpu/noted_core.h"

namespace ringside {

struct CpuSnapshot {
  CpuState s;
  FpuState fpu;
  CpuCounters counters;
  bool deprivileged, stop_requested, interrupt_line;
  u64 address_mask;
  std::optional<Event> injected;
  Tlb tlb;
  std::optional<TlbModel> tlb_model;
  BlockCache::FetchTranslations fetch;
  std::vector<SilentSensitive> silent;
  std::vector<CpuNotes::MissingMsr> missing_msrs;
};

namespace {

/// No page holds decoded code now, so stores need not be watched for it.
void forget_code(TlbEntry& e) {
  if (!(e.flags & kTlbCode)) return;
  e.flags &= ~kTlbCode;
  if ((e.flags & (kTlbWritable | kTlbRom)) == kTlbWritable) e.write_tag = e.read_tag;
}

}  // namespace

std::shared_ptr<const CpuSnapshot> save(Cpu& cpu) {
  const Core& c = cpu.core();
  return std::make_shared<const CpuSnapshot>(
      CpuSnapshot{c.s, c.fpu, c.counters, c.deprivileged, c.stop_requested.load(), c.interrupt_line,
                  c.address_mask, c.injected, c.tlb, c.tlb_model ? std::optional(*c.tlb_model) : std::nullopt,
                  c.blocks->fetch_translations(), c.silent, notes(c).missing_msrs});
}

void restore(Cpu& cpu, const CpuSnapshot& saved) {
  Core& c = cpu.core();
  c.s = saved.s;
  c.fpu = saved.fpu;
  c.counters = saved.counters;
  c.deprivileged = saved.deprivileged;
  c.stop_requested = saved.stop_requested;
  c.interrupt_line = saved.interrupt_line;
  c.address_mask = saved.address_mask;
  c.injected = saved.injected;
  c.silent = saved.silent;
  notes(c).missing_msrs = saved.missing_msrs;
  notes(c).shutdown.reset();
  c.fault = {};
  c.tlb = saved.tlb;
  if (c.tlb_model) *c.tlb_model = *saved.tlb_model;
  for (auto* half : {&c.tlb.supervisor, &c.tlb.user})
    for (TlbEntry& e : *half) forget_code(e);
  c.blocks = std::make_unique<BlockCache>(c.memory.size());
  c.blocks->restore(saved.fetch);
  c.x.jumps = c.blocks->jumps.get();
  c.x.current = nullptr;
}

}  // namespace ringside
