// A paravirtual guest whose state the test makes up: it "executes" INT 82h, faults and events by handing the
// monitor the exit that the processor would.
#pragma once

#include "tests/catch.h"
#include "tests/hypervisor/para_image.h"
#include "tests/hypervisor/para_paging_support.h"

namespace ringside::test {

struct ParaGuest {
  static constexpr u64 kRam = 8u << 20;

  explicit ParaGuest(std::shared_ptr<BlockBackend> disk = nullptr, std::string input = {},
                     std::shared_ptr<NetworkPort> cable = nullptr)
      : host(para_host(kRam, disk, input)), monitor(host, disk, std::move(cable)) {
    monitor.boot(para_image(), "made=up");
  }

  CpuState& cpu() { return host.cpu.state(); }
  para::Domain& domain() { return monitor.domain(); }
  const para::DomainLayout& layout() { return domain().layout; }

  /// INT 82h at the current EIP.
  i32 call(u32 number, u32 a = 0, u32 b = 0, u32 c = 0) {
    CpuState& s = cpu();
    s.gpr[EAX] = number;
    s.gpr[EBX] = a, s.gpr[ECX] = b, s.gpr[EDX] = c;
    outcome = monitor.on(exits::MonitorEntry{
        {.vector = para::kHypercallVector, .type = EventType::SoftwareInterrupt, .instruction_length = 2},
        0});
    return static_cast<i32>(cpu().gpr[EAX]);
  }
  void fault(u8 vector, std::optional<u32> error = std::nullopt, u32 cr2 = 0) {
    outcome = monitor.on(exits::MonitorEntry{
        {.vector = vector, .has_error_code = error.has_value(), .error_code = error.value_or(0)}, cr2});
  }
  void host_interrupt() {
    outcome = monitor.on(
        exits::MonitorEntry{{.vector = kHostInterruptVector, .type = EventType::ExternalInterrupt}, 0});
  }
  bool running() const { return outcome.kind != Outcome::Kind::Stop; }

  // -- the guest's RAM
  u32 page(u32 n) {
    return layout().linear(layout().first_free).value + n * kPageSize;
  }  ///< linear, unused by the start
  u32 machine_frame(u32 linear) {
    return static_cast<u32>(domain().memory.translate(LinearAddr(linear))->frame());
  }
  template <class T>
  void poke(u32 linear, const T& value) {
    REQUIRE(domain().memory.write(LinearAddr(linear), &value, sizeof value));
  }
  template <class T>
  T peek(u32 linear) {
    const auto value = domain().memory.read<T>(LinearAddr(linear));
    REQUIRE(value);
    return *value;
  }
  u32 pte_address(u32 linear) {
    const u32 pde = peek<u32>(layout().linear(layout().page_directory).value + (linear >> 22) * 4);
    return (pde & pte::kFrame) + (linear >> 12 & 1023) * 4;
  }
  rs_shared_info shared() { return peek<rs_shared_info>(layout().linear(layout().shared_info).value); }
  template <class Edit>
  void edit_shared(Edit&& edit) {
    rs_shared_info info = shared();
    edit(info);
    poke(layout().linear(layout().shared_info).value, info);
  }
  template <class Ring, class Edit>
  void edit(GuestPhys at, Edit&& edit) {
    auto ring = peek<Ring>(layout().linear(at).value);
    edit(ring);
    poke(layout().linear(at).value, ring);
  }
  std::string audit() {
    std::map<u32, u32> held;
    for (GuestPhys at : {layout().shared_info, layout().console_ring, layout().disk_ring})
      ++held[static_cast<u32>(host.machine.ram().to_machine(at).frame())];
    if (layout().network) ++held[static_cast<u32>(host.machine.ram().to_machine(layout().net_ring).frame())];
    return PagingAudit(domain().paging, host.machine.ram(), domain().area.directory_entry(), held).run();
  }

  Host host;
  ParaMonitor monitor;
  Outcome outcome = Outcome::retry();
};

}  // namespace ringside::test
