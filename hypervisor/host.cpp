#include "hypervisor/host.h"

#include <algorithm>
#include <cstring>

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
      cpu(memory, *this, config.cpu) {
  ledger.set_active(&profile);
}

u64 Host::now() const {
  const CpuCounters& c = cpu.counters();
  const u64 ports = c.port_reads + c.port_writes - settled_.port_reads - settled_.port_writes;
  const u64 elements = c.string_port_elements - settled_.string_port_elements;
  return measured_ + ledger.now() +
         (cpu.retired() - settled_.instructions) * profile[CostEvent::Instruction] +
         ports * profile[CostEvent::NativePortIo] + elements * profile[CostEvent::DeviceAccess];
}

void Host::settle() {
  const CpuCounters& c = cpu.counters();
  auto count = [&](CostEvent event, u64 CpuCounters::*field) {
    ledger.count(event, c.*field - settled_.*field);
  };
  count(CostEvent::Instruction, &CpuCounters::instructions);
  count(CostEvent::StringIteration, &CpuCounters::rep_iterations);
  count(CostEvent::NativePortIo, &CpuCounters::port_reads);
  count(CostEvent::NativePortIo, &CpuCounters::port_writes);
  count(CostEvent::DeviceAccess, &CpuCounters::string_port_elements);
  count(CostEvent::NativeCr3Write, &CpuCounters::cr3_writes);
  count(CostEvent::SystemCallDelivery, &CpuCounters::software_interrupts);
  count(CostEvent::SystemCallDelivery, &CpuCounters::sysenters);
  count(CostEvent::ExceptionDelivery, &CpuCounters::exceptions);
  count(CostEvent::ExceptionDelivery, &CpuCounters::external_interrupts);
  count(CostEvent::PageFaultDelivery, &CpuCounters::page_faults);
  // The leaf of a walk comes from L2; what lies above it is in the page-walk cache.
  const u64 walks = c.tlb_misses - settled_.tlb_misses;
  const u64 references = c.walk_references - settled_.walk_references;
  const u64 leaves = std::min(walks, references);
  ledger.count(CostEvent::WalkReferenceL2, leaves);
  ledger.count(CostEvent::WalkReferenceCached, references - leaves);
  settled_ = c;
}

void Host::idle_until(u64 deadline) {
  const u64 t = now();
  if (deadline > t) ledger.idle(deadline - t);
}

void Host::device_touched() {
  cpu.set_interrupt_line(machine.interrupt_pending());
  // A guest that polls a device lets time pass with every access.
  const u64 deadline = machine.next_deadline();
  if (machine.exit_code() || machine.reset_cause() || deadline < slice_end_ || deadline <= now())
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

// Settled first: a guest that measures itself must see what its faults and port accesses cost.
u64 Host::read_tsc() {
  settle();
  return now();
}

}  // namespace ringside
