#include "cpu/cpu.h"

#include <algorithm>

#include "cpu/block_cache.h"
#include "cpu/noted_core.h"

namespace ringside {

namespace {
constexpr u32 kAddress20 = 1u << 20;
}

Cpu::Cpu(MachineMemory& memory, Bus& bus, CpuConfig config)
    : core_(std::make_unique<NotedCore>(*this, memory, bus, config)) {
  core_->s = reset_state();
}

Cpu::~Cpu() { delete static_cast<NotedCore*>(core_.release()); }

CpuState& Cpu::state() { return core_->s; }
const CpuState& Cpu::state() const { return core_->s; }

FpuState& Cpu::fpu() { return core_->fpu; }
const FpuState& Cpu::fpu() const { return core_->fpu; }

void Cpu::set_deprivileged(bool on) { core_->deprivileged = on; }
bool Cpu::deprivileged() const { return core_->deprivileged; }
void Cpu::set_vmcs(Vmcs* vmcs) { core_->vmcs = vmcs; }
Vmcs* Cpu::vmcs() const { return core_->vmcs; }

void Cpu::flush_tlb() { ringside::flush_tlb(*core_, false); }
void Cpu::invalidate_page(LinearAddr address) { invalidate_translation(*core_, address); }

void Cpu::memory_written(MachinePhys begin, u64 bytes) {
  for (u64 at = begin.value; at < begin.value + bytes;) {
    const MachinePhys here(at);
    const u64 in_page = std::min<u64>(kPageSize - here.offset(), begin.value + bytes - at);
    if (holds_code(*core_, here.page())) code_written(*core_, here, static_cast<u32>(in_page));
    at += in_page;
  }
}

void Cpu::set_interrupt_line(bool asserted) {
  core_->interrupt_line = asserted;
  if (asserted) core_->x.attention = true;
}

void Cpu::set_a20(bool on) {
  const u64 mask = on ? ~u64{0} : ~u64{kAddress20};
  if (mask == core_->address_mask) return;
  core_->address_mask = mask;
  ringside::flush_tlb(*core_, false);
}

void Cpu::inject(const Event& event) { core_->injected = event; }

void Cpu::request_stop() {
  core_->stop_requested = true;
  core_->x.attention = true;
}

const CpuCounters& Cpu::counters() const { return core_->counters; }
CpuCounters& Cpu::counters() { return core_->counters; }
u64 Cpu::retired() const { return core_->retired(); }
const CpuConfig& Cpu::config() const { return core_->config; }
std::span<const SilentSensitive> Cpu::silent_sensitive() const { return core_->silent; }

}  // namespace ringside
