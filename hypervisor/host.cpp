#include "hypervisor/host.h"

#include <algorithm>
#include <cstring>

#include "hypervisor/machine_layout.h"

namespace ringside {

FramePool::FramePool(MachineMemory& memory, MachinePhys begin, u64 bytes) : memory_(memory) {
  free_.reserve(bytes / kPageSize);
  // Highest first, so that frames are handed out in ascending order.
  for (u64 offset = bytes; offset >= kPageSize; offset -= kPageSize)
    free_.push_back(begin + (offset - kPageSize));
}

std::optional<MachinePhys> FramePool::allocate() {
  if (free_.empty()) return std::nullopt;
  MachinePhys frame = free_.back();
  free_.pop_back();
  std::memset(memory_.at(frame, kPageSize), 0, kPageSize);
  return frame;
}

void FramePool::release(MachinePhys frame) { free_.push_back(frame); }

Host::Host(const HostConfig& config)
    : memory(config.monitor_bytes + config.ram_bytes),
      frames(memory, MachinePhys(0), config.monitor_bytes),
      profile(config.profile ? *config.profile : default_cost_profile()),
      machine(GuestMemory(memory, MachinePhys(config.monitor_bytes), config.ram_bytes), config.machine,
              *this),
      cpu(memory, *this, config.cpu),
      walk_caches_(config.walk_caches) {
  if (config.pv_clock) pv_clock.emplace(*this, machine.dma());
  ledger.set_active(&profile);
  cpu.fpu().control = FpuState::kInitialControl;  // firmware has executed FNINIT
  cpu.fpu().valid = 0;
  machine.devices().coprocessor_error.ignore = [this] {
    cpu.fpu().error_ignored = cpu.fpu().status & x87_status::ES;
  };
  machine.dma().written = [this](GuestPhys begin, u64 bytes) {
    cpu.memory_written(machine.ram().to_machine(begin), bytes);
  };
}

template <class Count>
void Host::for_each_event(const Count& count) const {
  const CpuCounters& c = cpu.counters();
  const auto since = [&](u64 CpuCounters::*field) { return c.*field - settled_.*field; };
  count(CostEvent::Instruction, cpu.retired() - settled_.instructions);
  count(CostEvent::StringIteration, since(&CpuCounters::rep_iterations));
  count(CostEvent::NativePortIo, since(&CpuCounters::port_reads) + since(&CpuCounters::port_writes) +
                                     since(&CpuCounters::mmio_accesses));
  count(CostEvent::DeviceAccess, since(&CpuCounters::string_port_elements));
  count(CostEvent::NativeCr3Write, since(&CpuCounters::cr3_writes));
  count(CostEvent::SystemCallDelivery,
        since(&CpuCounters::software_interrupts) + since(&CpuCounters::sysenters));
  count(CostEvent::ExceptionDelivery,
        since(&CpuCounters::exceptions) + since(&CpuCounters::external_interrupts));
  count(CostEvent::PageFaultDelivery, since(&CpuCounters::page_faults));
  // The leaf of a walk comes from L2; what lies above it is in the page-walk cache. A modelled one knows
  // better.
  const u64 references = since(&CpuCounters::walk_references);
  const u64 leaves = std::min(since(&CpuCounters::tlb_misses), references);
  const u64 cached = cpu.config().tlb.modelled() ? since(&CpuCounters::walk_cache_hits)
                     : walk_caches_              ? references - leaves
                                                 : 0;
  count(CostEvent::WalkReferenceL2, references - cached);
  count(CostEvent::WalkReferenceCached, cached);
}

u64 Host::now() const {
  u64 cycles = measured_ + ledger.now();
  for_each_event([&](CostEvent event, u64 n) { cycles += n * profile[event]; });
  return cycles;
}

void Host::settle() {
  for_each_event([&](CostEvent event, u64 n) {
    if (n) ledger.count(event, n);
  });
  settled_ = cpu.counters();
  settled_.instructions = cpu.retired();
}

void Host::idle_until(u64 deadline) {
  const u64 t = now();
  if (deadline > t) ledger.idle(deadline - t);
}

void Host::restore(const Accounts& a) {
  frames.restore(a.free_frames);
  ledger = a.ledger;
  settled_ = a.settled;
  slice_end_ = a.slice_end;
  measured_ = a.measured;
  if (pv_clock) pv_clock->restore(a.pv_clock);
}

void Host::device_touched() {
  const Machine::Signals signals = machine.signals();
  cpu.set_interrupt_line(signals.interrupt);
  // A guest that polls a device lets time pass with every access.
  if (signals.over || signals.deadline < slice_end_ ||
      (signals.deadline != Machine::kNever && signals.deadline <= now()))
    cpu.request_stop();
}

// Physical addresses of the processor are guest-physical here: only bare metal lets the guest reach the bus.
u32 Host::port_in(u16 port, unsigned size) {
  const u32 value = machine.port_in(port, size);
  device_touched();
  return value;
}

void Host::port_out(u16 port, u32 value, unsigned size) {
  machine.port_out(port, value, size);
  device_touched();
}

u32 Host::mmio_read(MachinePhys address, unsigned size) {
  const u32 value = machine.mmio_read(GuestPhys(address.value), size);
  device_touched();
  return value;
}

void Host::mmio_write(MachinePhys address, u32 value, unsigned size) {
  machine.mmio_write(GuestPhys(address.value), value, size);
  device_touched();
}

u8 Host::acknowledge_interrupt() {
  if (cpu.deprivileged()) {
    // The guest's interrupt controller is a model: only its monitor acknowledges it, once the guest is ready.
    cpu.set_interrupt_line(false);
    return kHostInterruptVector;
  }
  const u8 vector = machine.acknowledge_interrupt();
  cpu.set_interrupt_line(machine.interrupt_pending());
  return vector;
}

void Host::apic_base_written(u64 value) {
  machine.set_apic_base(value);
  device_touched();
}

// now() prices all that has happened: a guest that measures itself must see what its faults and port accesses
// cost.
u64 Host::read_tsc() { return now(); }

void Host::numeric_error() {
  machine.devices().coprocessor_error.raise();
  device_touched();
}

}  // namespace ringside
