#include "hypervisor/hvm/hvm_monitor.h"

#include <fmt/format.h>

#include <cassert>
#include <cstring>

#include "hypervisor/boot/boot_machine.h"
#include "hypervisor/text/describe_state.h"

namespace ringside {

HvmMonitor::HvmMonitor(Host& host, std::unique_ptr<Vcpu> vcpu) : Monitor(host), vcpu_(std::move(vcpu)) {}

void HvmMonitor::boot(const Image& image, const std::string& command_line) {
  guest() = boot_machine(image, host, command_line);
}

void HvmMonitor::apply(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::Advance: return skip_instruction(outcome.length);
    case Outcome::Kind::Inject:
      host.ledger.count(CostEvent::Vmwrite, outcome.event.has_error_code ? 2 : 1);
      return vcpu_->inject(outcome.event);
    case Outcome::Kind::Retry:
    case Outcome::Kind::Idle:
    case Outcome::Kind::Stop: return;
  }
}

void HvmMonitor::skip_instruction(unsigned length) {
  CpuState& s = guest();
  s.eip += length;
  s.sti_shadow = s.mov_ss_shadow = false;
  s.eflags &= ~eflags::RF;
  if (!(s.eflags & eflags::TF)) return;
  // The trap that single stepping owes the guest after every instruction, also after those that its monitor
  // executes.
  constexpr u32 kSingleStep = 1u << 14;  // DR6.BS
  s.dr[6] |= kSingleStep;
  vcpu_->inject({.vector = vector::DB, .type = EventType::HardwareException});
}

// ---- devices

template <class Access>
auto HvmMonitor::account_device(Access&& access) {
  host.ledger.count(CostEvent::UserSpaceRoundTrip);
  host.ledger.count(CostEvent::DeviceAccess);
  const u64 before = host.machine.ring_requests();
  const u32 value = access();
  host.ledger.count(CostEvent::RingRequest, host.machine.ring_requests() - before);
  return value;
}

u32 HvmMonitor::port_in(u16 port, unsigned size) {
  return account_device([&] { return host.machine.port_in(port, size); });
}

void HvmMonitor::port_out(u16 port, u32 value, unsigned size) {
  account_device([&] { return host.machine.port_out(port, value, size), 0; });
}

u32 HvmMonitor::mmio_read(GuestPhys address, unsigned size) {
  return account_device([&] { return host.machine.mmio_read(address, size); });
}

void HvmMonitor::mmio_write(GuestPhys address, u32 value, unsigned size) {
  account_device([&] { return host.machine.mmio_write(address, value, size), 0; });
}

Outcome HvmMonitor::on(const exits::PortAccess& e) {
  assert(e.size == 1 || e.size == 2 || e.size == 4);
  return handle(ExitReason::IoInstruction, [&] {
    for (std::size_t i = 0; i + e.size <= e.data.size(); i += e.size) {
      u32 value = 0;
      if (e.in) {
        value = port_in(e.port, e.size);
        std::memcpy(&e.data[i], &value, e.size);
      } else {
        std::memcpy(&value, &e.data[i], e.size);
        port_out(e.port, value, e.size);
      }
    }
    return Outcome::retry();
  });
}

Outcome HvmMonitor::on(const exits::MmioAccess& e) {
  return handle(ExitReason::Mmio, [&] {
    // Devices have 32-bit data paths: a wider access is several, an odd one is made of smaller ones.
    for (std::size_t i = 0; i < e.data.size();) {
      const std::size_t left = e.data.size() - i;
      const unsigned size = left >= 4 ? 4 : left >= 2 ? 2 : 1;
      u32 value = 0;
      if (e.write) {
        std::memcpy(&value, &e.data[i], size);
        mmio_write(e.address + i, value, size);
      } else {
        value = mmio_read(e.address + i, size);
        std::memcpy(&e.data[i], &value, size);
      }
      i += size;
    }
    return Outcome::retry();
  });
}

// ---- the guest waits, or ends

Outcome HvmMonitor::on(const exits::Halted&) {
  return handle(ExitReason::Hlt, [&] {
    return guest().eflags & eflags::IF ? Outcome::idle()
                                       : Outcome::stop("the processor is halted with interrupts off");
  });
}

Outcome HvmMonitor::on(const exits::TripleFault&) {
  return handle(ExitReason::TripleFault, [&] {
    return Outcome::stop(
        "triple fault: an exception could not be delivered, nor the double fault that it caused. The guest's "
        "last "
        "state:\n" +
        describe(virtual_state()));
  });
}

}  // namespace ringside
