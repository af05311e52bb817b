// A fabricated exit for each hook of the VMX monitor: what it does to the guest, what it counts, who moves
// EIP.
#include <cstring>

#include "cpu/cpuid.h"
#include "cpu/msr.h"
#include "hypervisor/abi/paravirtual.h"
#include "hypervisor/hvm/vmx_monitor.h"
#include "hypervisor/virtual_machine.h"
#include "tests/catch.h"

using namespace ringside;
using ringside::test::contains;
using Kind = Outcome::Kind;

namespace {

constexpr u64 kRam = u64{1} << 20;
constexpr u32 kEip = 0x1000, kData = 0x2000;

HostConfig host_config() {
  HostConfig config;
  config.ram_bytes = kRam;
  config.monitor_bytes = monitor_bytes(Mode::Hvm, kRam);
  return config;
}

struct Fixture {
  Host host{host_config()};
  VmxMonitor monitor{host};

  Fixture() {
    guest() = flat_protected_state(kEip);
    guest().gpr[ESP] = 0x8000;
  }
  CpuState& guest() { return monitor.vcpu().state(); }
  u32& reg(Gpr r) { return guest().gpr[r]; }
  void code(std::initializer_list<u8> bytes) {
    std::copy(bytes.begin(), bytes.end(), host.machine.ram().at(GuestPhys(kEip), bytes.size()));
  }
  /// The exit's outcome, carried out as the run loop would.
  template <class E>
  Outcome take(const E& exit) {
    const Outcome outcome = dispatch(monitor, Exit(exit));
    if (outcome.kind != Kind::Stop) monitor.apply(outcome);
    return outcome;
  }
  u64 samples(ExitReason r) { return host.ledger.samples(r); }
  u64 total(CostEvent e) { return host.ledger.total(e); }
};

}  // namespace

TEST_CASE("hvm exit: HLT waits behind the instruction, or ends a guest that nothing can wake", "[hvm]") {
  Fixture f;
  f.guest().eflags |= eflags::IF;
  CHECK(f.take(exits::Hlt{1}).kind == Kind::Idle);
  CHECK(f.guest().eip == kEip + 1);
  CHECK(f.samples(ExitReason::Hlt) == 1);
  f.guest().eflags &= ~eflags::IF;
  const Outcome outcome = f.take(exits::Hlt{1});
  CHECK(outcome.kind == Kind::Stop);
  CHECK_THAT(outcome.why, contains("interrupts off"));
}

TEST_CASE("hvm exit: OUT reaches the device with the operand's size, IN replaces no more than it", "[hvm]") {
  Fixture f;
  f.reg(EAX) = 0xAABBCC00u | 'x';
  CHECK(
      f.take(exits::IoInstruction{.port = RS_PORT_DEBUG_CONSOLE, .size = 1, .in = false, .length = 2}).kind ==
      Kind::Advance);
  CHECK(f.host.machine.console() == "x");
  CHECK(f.guest().eip == kEip + 2);
  f.take(exits::IoInstruction{.port = RS_PORT_DEBUG_CONSOLE, .size = 1, .in = true, .length = 2});
  CHECK(f.reg(EAX) == 0xAABBCCE9u);
  CHECK(f.samples(ExitReason::IoInstruction) == 2);
  CHECK(f.total(CostEvent::DeviceAccess) == 2);
  CHECK(f.total(CostEvent::UserSpaceRoundTrip) == 2);
  CHECK(f.total(CostEvent::VmExitEntry) == 2);
}

TEST_CASE("hvm exit: REP OUTS takes one exit a page and leaves EIP until the last element", "[hvm]") {
  Fixture f;
  const u32 start = kData + kPageSize - 2;
  std::memcpy(f.host.machine.ram().at(GuestPhys(start), 5), "abcde", 5);
  f.reg(ESI) = start;
  f.reg(ECX) = 5;
  exits::IoInstruction e{.port = RS_PORT_DEBUG_CONSOLE,
                         .size = 1,
                         .in = false,
                         .string = true,
                         .rep = true,
                         .linear = LinearAddr(start),
                         .length = 2};
  CHECK(f.take(e).kind == Kind::Retry);
  CHECK(f.guest().eip == kEip);
  CHECK(f.reg(ECX) == 3);
  CHECK(f.reg(ESI) == start + 2);
  CHECK(f.host.machine.console() == "ab");
  e.linear = LinearAddr(f.reg(ESI));
  CHECK(f.take(e).kind == Kind::Advance);
  CHECK(f.guest().eip == kEip + 2);
  CHECK(f.reg(ECX) == 0);
  CHECK(f.host.machine.console() == "abcde");
  CHECK(f.total(CostEvent::UserSpaceRoundTrip) == 2);
  CHECK(f.total(CostEvent::DeviceAccess) == 5);
}

TEST_CASE("hvm exit: string I/O goes no further than its segment", "[hvm]") {
  Fixture f;
  f.guest().seg[DS].limit = kData + 1;
  f.reg(ESI) = kData;
  f.reg(ECX) = 8;
  const exits::IoInstruction e{.port = RS_PORT_DEBUG_CONSOLE,
                               .size = 1,
                               .in = false,
                               .string = true,
                               .rep = true,
                               .linear = LinearAddr(kData),
                               .length = 2};
  CHECK(f.take(e).kind == Kind::Retry);  // the processor will find the third element outside
  CHECK(f.reg(ECX) == 6);
}

TEST_CASE("hvm exit: INS honours direction and address size", "[hvm]") {
  Fixture f;
  f.reg(EDI) = 0x12340000u | kData;
  f.reg(ECX) = 0x56780001u;
  f.guest().eflags |= eflags::DF;
  const exits::IoInstruction e{.port = RS_PORT_DEBUG_CONSOLE,
                               .size = 1,
                               .in = true,
                               .string = true,
                               .rep = true,
                               .linear = LinearAddr(kData),
                               .length = 3,
                               .address32 = false,
                               .segment = ES};
  CHECK(f.take(e).kind == Kind::Advance);  // CX was 1
  CHECK(*f.host.machine.ram().at(GuestPhys(kData)) == 0xE9);
  CHECK(f.reg(EDI) == (0x12340000u | (kData - 1)));
  CHECK(f.reg(ECX) == 0x56780000u);
}

TEST_CASE("hvm exit: string input into a page that the guest may not write faults before the device is read",
          "[hvm]") {
  Fixture f;
  // An empty page directory at 0x10000.
  f.guest().cr3 = 0x10000;
  f.guest().cr0 |= cr0::PG;
  const exits::IoInstruction e{.port = RS_PORT_IDE_DATA,
                               .size = 2,
                               .in = true,
                               .string = true,
                               .linear = LinearAddr(kData),
                               .length = 2};
  const Outcome outcome = f.take(e);
  CHECK(outcome.kind == Kind::Inject);
  CHECK(outcome.event.vector == vector::PF);
  CHECK(outcome.event.error_code == page_fault::W);
  CHECK(f.guest().cr2 == kData);
  CHECK(f.guest().eip == kEip);
  CHECK(f.total(CostEvent::DeviceAccess) == 0);
  REQUIRE(f.monitor.vmcs().entry_event.has_value());
  CHECK(f.monitor.vmcs().entry_event->vector == vector::PF);
}

TEST_CASE("hvm exit: CPUID tells of the hypervisor", "[hvm]") {
  Fixture f;
  f.reg(EAX) = 1;
  CHECK(f.take(exits::Cpuid{2}).kind == Kind::Advance);
  const CpuidResult bare = cpuid_leaf(CpuModel::P6, 1, 0);
  CHECK(f.reg(EAX) == bare.eax);
  CHECK(f.reg(ECX) == (bare.ecx | cpuid_feature::kHypervisor));
  CHECK(f.reg(EDX) == bare.edx);
  f.reg(EAX) = 0x40000000u;
  f.take(exits::Cpuid{2});
  char signature[13] = {};
  std::memcpy(signature, &f.reg(EBX), 4);
  std::memcpy(signature + 4, &f.reg(ECX), 4);
  std::memcpy(signature + 8, &f.reg(EDX), 4);
  CHECK(std::string(signature) == "Ringside HVM");
}

TEST_CASE("hvm exit: MSRs are the guest's own, unknown ones are #GP", "[hvm]") {
  Fixture f;
  f.reg(ECX) = msr::kSysenterEip;
  f.reg(EAX) = 0x1234;
  f.reg(EDX) = 0;
  CHECK(f.take(exits::Wrmsr{2}).kind == Kind::Advance);
  CHECK(f.guest().sysenter_eip == 0x1234);
  f.reg(EAX) = 0;
  f.take(exits::Rdmsr{2});
  CHECK(f.reg(EAX) == 0x1234);

  f.reg(ECX) = msr::kTsc;
  f.reg(EAX) = 1'000'000;
  f.reg(EDX) = 5;
  f.take(exits::Wrmsr{2});
  f.take(exits::Rdmsr{2});
  CHECK(f.reg(EDX) == 5);
  CHECK(f.reg(EAX) >= 1'000'000);
  CHECK(f.reg(EAX) < 2'000'000);

  f.reg(ECX) = 0xDEAD;
  const Outcome outcome = f.take(exits::Rdmsr{2});
  CHECK(outcome.kind == Kind::Inject);
  CHECK(outcome.event.vector == vector::GP);
}

TEST_CASE("hvm exit: a masked control-register bit reaches the shadow, not the processor", "[hvm]") {
  Fixture f;
  using CrKind = exits::CrAccess::Kind;
  const u32 wanted = f.guest().cr0 | cr0::CD | cr0::NW;
  CHECK(f.take(exits::CrAccess{0, CrKind::MovTo, EAX, wanted, 3}).kind == Kind::Advance);
  CHECK((f.guest().cr0 & (cr0::CD | cr0::NW)) == 0);
  CHECK((f.guest().cr0 & cr0::NE) != 0);  // as VMX wants it
  CHECK((f.monitor.virtual_state().cr0 & (cr0::CD | cr0::NW)) == (cr0::CD | cr0::NW));
  CHECK((f.monitor.virtual_state().cr0 & cr0::NE) == 0);

  // As the processor does for bits that it owns: PG without PE, NW without CD.
  for (u32 bad : {u32{cr0::PG}, u32{cr0::PE | cr0::NW}})
    CHECK(f.take(exits::CrAccess{0, CrKind::MovTo, EAX, bad, 3}).event.vector == vector::GP);
  f.monitor.vmcs().entry_event.reset();
}

TEST_CASE("hvm exit: a CR4 bit that is not on offer is #GP, LMSW cannot leave protected mode", "[hvm]") {
  Fixture f;
  using CrKind = exits::CrAccess::Kind;
  constexpr u32 kVmxe = 1u << 13;
  CHECK(f.take(exits::CrAccess{4, CrKind::MovTo, EAX, kVmxe, 3}).event.vector == vector::GP);
  f.monitor.vmcs().entry_event.reset();
  CHECK(f.take(exits::CrAccess{4, CrKind::MovTo, EAX, cr4::PSE, 3}).kind == Kind::Advance);
  CHECK(f.guest().cr4 == cr4::PSE);
  f.take(exits::CrAccess{0, CrKind::Lmsw, EAX, cr0::TS, 3});
  CHECK((f.guest().cr0 & (cr0::PE | cr0::TS)) == (cr0::PE | cr0::TS));
  f.take(exits::CrAccess{0, CrKind::Clts, EAX, 0, 2});
  CHECK((f.guest().cr0 & cr0::TS) == 0);
  f.guest().cr3 = 0x7000;
  f.take(exits::CrAccess{3, CrKind::MovFrom, EBX, 0, 3});
  CHECK(f.reg(EBX) == 0x7000);
  f.take(exits::CrAccess{3, CrKind::MovTo, EAX, 0x9000, 3});
  CHECK(f.guest().cr3 == 0x9000);
  CHECK(f.samples(ExitReason::CrAccess) == 6);
}

TEST_CASE("hvm exit: RDTSC, PAUSE, WBINVD, INVLPG advance", "[hvm]") {
  Fixture f;
  f.reg(EDX) = ~u32{0};
  CHECK(f.take(exits::Rdtsc{2}).kind == Kind::Advance);
  CHECK(f.reg(EDX) == 0);
  CHECK(f.take(exits::Pause{2}).kind == Kind::Advance);
  CHECK(f.take(exits::Wbinvd{2}).kind == Kind::Advance);
  CHECK(f.take(exits::Invlpg{LinearAddr(kData), 3}).kind == Kind::Advance);
  CHECK(f.guest().eip == kEip + 9);
}

TEST_CASE("hvm exit: MOV DR moves, DR7.GD makes it #DB", "[hvm]") {
  Fixture f;
  f.reg(EAX) = 0x1234;
  f.take(exits::MovDr{0, true, EAX, 3});
  CHECK(f.guest().dr[0] == 0x1234);
  f.take(exits::MovDr{0, false, EBX, 3});
  CHECK(f.reg(EBX) == 0x1234);
  f.guest().dr[7] |= 0x2000;
  CHECK(f.take(exits::MovDr{0, false, EBX, 3}).event.vector == vector::DB);
}

TEST_CASE("hvm exit: VMCALL answers its version in ring 0, and -ENOSYS or -EPERM otherwise", "[hvm]") {
  Fixture f;
  f.reg(EAX) = RS_HC_VERSION;
  CHECK(f.take(exits::Vmcall{3}).kind == Kind::Advance);
  CHECK(f.reg(EAX) == RS_ABI_VERSION);
  f.reg(EAX) = RS_HC_MMU_UPDATE;
  f.take(exits::Vmcall{3});
  CHECK(static_cast<i32>(f.reg(EAX)) == -RS_ENOSYS);
  f.guest().seg[SS].access |= 3u << 5;
  f.take(exits::Vmcall{3});
  CHECK(static_cast<i32>(f.reg(EAX)) == -RS_EPERM);
}

TEST_CASE("hvm exit: exceptions are handed on, or merged into a double fault", "[hvm]") {
  Fixture f;
  const Event page_fault{.vector = vector::PF, .has_error_code = true, .error_code = 2};
  CHECK(f.take(exits::ExceptionOrNmi{page_fault, 0x5555}).event.vector == vector::PF);
  CHECK(f.guest().cr2 == 0x5555);
  f.monitor.vmcs().entry_event.reset();
  f.monitor.vmcs().idt_vectoring = page_fault;
  CHECK(f.take(exits::ExceptionOrNmi{page_fault, 0x5555}).event.vector == vector::DF);
  f.monitor.vmcs().entry_event.reset();
  f.monitor.vmcs().idt_vectoring = Event{.vector = vector::DF};
  CHECK(f.take(exits::ExceptionOrNmi{page_fault, 0x5555}).kind == Kind::Stop);
}

TEST_CASE("hvm exit: the first touch of a RAM page maps it", "[hvm]") {
  Fixture f;
  const exits::EptViolation e{.guest_phys = GuestPhys(0x3123), .linear = LinearAddr(0x3123), .read = true};
  CHECK(f.take(e).kind == Kind::Retry);
  const EptWalk walk = f.monitor.ept().walk(GuestPhys(0x3123));
  CHECK(walk.physical == f.host.machine.ram().to_machine(GuestPhys(0x3123)));
  CHECK(f.samples(ExitReason::EptViolation) == 1);
  CHECK(f.total(CostEvent::EptEntryWrite) == 4);
  CHECK(f.total(CostEvent::DeviceAccess) == 0);
}

TEST_CASE("hvm exit: an access to device memory is emulated and never mapped", "[hvm]") {
  Fixture f;
  f.code({0xC6, 0x03, 'A'});  // mov byte [ebx], 'A'
  f.reg(EBX) = RS_VGA_TEXT;
  const exits::EptViolation e{
      .guest_phys = GuestPhys(RS_VGA_TEXT), .linear = LinearAddr(RS_VGA_TEXT), .write = true};
  CHECK(f.take(e).kind == Kind::Advance);
  CHECK(f.guest().eip == kEip + 3);
  CHECK(f.host.machine.mmio_read(GuestPhys(RS_VGA_TEXT), 1) == 'A');
  CHECK_FALSE(f.monitor.ept().walk(GuestPhys(RS_VGA_TEXT)).mapped);
  CHECK(f.samples(ExitReason::Mmio) == 1);
  CHECK(f.samples(ExitReason::EptViolation) == 0);
  CHECK(f.total(CostEvent::DecodeAndEmulate) == 1);
  CHECK(f.total(CostEvent::DeviceAccess) == 1);
}

TEST_CASE("hvm exit: what no monitor can make work in device memory ends the guest with a reason", "[hvm]") {
  const exits::EptViolation base{.guest_phys = GuestPhys(RS_VGA_TEXT), .linear = LinearAddr(RS_VGA_TEXT)};
  {
    Fixture f;
    exits::EptViolation e = base;
    e.during_walk = true;
    CHECK_THAT(f.take(e).why, contains("paging structure"));
  }
  {
    Fixture f;
    exits::EptViolation e = base;
    e.fetch = true;
    CHECK_THAT(f.take(e).why, contains("executes instructions"));
  }
  {
    Fixture f;
    f.monitor.vmcs().idt_vectoring = Event{.vector = vector::UD};
    CHECK_THAT(f.take(base).why, contains("deliver an event"));
  }
  {
    Fixture f;
    f.code({0x0F, 0x01, 0x13});  // lgdt [ebx]
    f.reg(EBX) = RS_VGA_TEXT;
    const Outcome outcome = f.take(base);
    CHECK(outcome.kind == Kind::Stop);
    CHECK_THAT(outcome.why, contains("lgdt"));
  }
}

TEST_CASE(
    "hvm exit: triple fault, task switch, broken state and broken tables stop with the guest's last state",
    "[hvm]") {
  Fixture f;
  for (const Outcome& outcome : {f.take(exits::TripleFault{}), f.take(exits::TaskSwitch{0x28}),
                                 f.take(exits::InvalidGuestState{"for the test"})}) {
    CHECK(outcome.kind == Kind::Stop);
    CHECK_THAT(outcome.why, contains("CS:EIP 0008:00001000"));
  }
  CHECK(f.take(exits::EptMisconfiguration{GuestPhys(0x4000)}).kind == Kind::Stop);
}

TEST_CASE("hvm exit: access that the host kernel has decoded reaches the same devices", "[hvm]") {
  Fixture f;
  std::array<u8, 3> text{'k', 'v', 'm'};
  CHECK(f.monitor.on(exits::PortAccess{RS_PORT_DEBUG_CONSOLE, 1, false, text}).kind == Kind::Retry);
  CHECK(f.host.machine.console() == "kvm");
  std::array<u8, 2> in{};
  f.monitor.on(exits::PortAccess{RS_PORT_DEBUG_CONSOLE, 1, true, in});
  CHECK(in == std::array<u8, 2>{0xE9, 0xE9});
  std::array<u8, 8> wide{'1', 7, '2', 7, '3', 7, '4', 7};
  f.monitor.on(exits::MmioAccess{GuestPhys(RS_VGA_TEXT), true, wide});
  std::array<u8, 8> back{};
  f.monitor.on(exits::MmioAccess{GuestPhys(RS_VGA_TEXT), false, back});
  CHECK(back == wide);
  CHECK(f.samples(ExitReason::Mmio) == 2);
  CHECK(f.total(CostEvent::DeviceAccess) == 3 + 2 + 2 + 2);
}

TEST_CASE("hvm: an emulated instruction under TF owes the guest its single-step trap", "[hvm]") {
  Fixture f;
  f.guest().eflags |= eflags::TF;
  f.take(exits::Cpuid{2});
  REQUIRE(f.monitor.vmcs().entry_event.has_value());
  CHECK(f.monitor.vmcs().entry_event->vector == vector::DB);
  CHECK((f.guest().dr[6] & 0x4000) != 0);
}

TEST_CASE("hvm: an event whose delivery was interrupted is delivered again", "[hvm]") {
  Fixture f;
  const Event event{.vector = 0x80, .type = EventType::SoftwareInterrupt, .instruction_length = 2};
  f.monitor.vmcs().idt_vectoring = event;
  f.monitor.before_entry();
  CHECK(f.monitor.vmcs().entry_event == event);
  CHECK_FALSE(f.monitor.vmcs().idt_vectoring.has_value());
}

namespace {

/// Programs the interrupt controllers as PCs do (vectors 20h and 28h) and the timer to `divisor`.
void start_timer(Machine& machine, u16 divisor) {
  for (u16 base : {u16{RS_PORT_PIC_MASTER}, u16{RS_PORT_PIC_SLAVE}}) {
    machine.port_out(base, 0x11, 1);
    machine.port_out(base + 1, base == RS_PORT_PIC_MASTER ? 0x20 : 0x28, 1);
    machine.port_out(base + 1, base == RS_PORT_PIC_MASTER ? 4 : 2, 1);
    machine.port_out(base + 1, 1, 1);
    machine.port_out(base + 1, base == RS_PORT_PIC_MASTER ? 0xFE : 0xFF, 1);
  }
  machine.port_out(RS_PORT_PIT_COMMAND, 0x34, 1);
  machine.port_out(RS_PORT_PIT_CHANNEL0, divisor & 0xFF, 1);
  machine.port_out(RS_PORT_PIT_CHANNEL0, divisor >> 8, 1);
}

void let_timer_fire(Host& host) {
  host.idle_until(host.machine.next_deadline());
  host.machine.advance();
  REQUIRE(host.machine.interrupt_pending());
}

}  // namespace

TEST_CASE("hvm: a pending interrupt is injected when the guest can take it", "[hvm]") {
  Fixture f;
  start_timer(f.host.machine, 1000);
  let_timer_fire(f.host);
  f.guest().eflags |= eflags::IF;
  f.monitor.before_entry();
  REQUIRE(f.monitor.vmcs().entry_event.has_value());
  CHECK(f.monitor.vmcs().entry_event->vector == 0x20);
  CHECK(f.monitor.vmcs().entry_event->type == EventType::ExternalInterrupt);
  CHECK_FALSE(f.monitor.vmcs().interrupt_window_exiting);
}

TEST_CASE("hvm: with interrupts off the monitor asks for the window, then uses it", "[hvm]") {
  Fixture f;
  start_timer(f.host.machine, 1000);
  let_timer_fire(f.host);
  f.monitor.before_entry();
  CHECK_FALSE(f.monitor.vmcs().entry_event.has_value());
  CHECK(f.monitor.vmcs().interrupt_window_exiting);
  f.guest().eflags |= eflags::IF;
  CHECK(f.take(exits::InterruptWindow{}).kind == Kind::Retry);
  CHECK(f.monitor.vmcs().entry_event.has_value());
  CHECK_FALSE(f.monitor.vmcs().interrupt_window_exiting);
  CHECK(f.samples(ExitReason::InterruptWindow) == 1);
}

TEST_CASE("hvm: a physical interrupt takes the processor away before anything is injected", "[hvm]") {
  Fixture f;
  start_timer(f.host.machine, 1000);
  let_timer_fire(f.host);
  f.guest().eflags |= eflags::IF;
  f.monitor.interrupt_guest();
  f.monitor.before_entry();
  CHECK_FALSE(f.monitor.vmcs().entry_event.has_value());
  const Exit exit = f.monitor.enter(1000);
  REQUIRE(std::holds_alternative<exits::ExternalInterrupt>(exit));
  CHECK(f.guest().eip == kEip);  // not one instruction of the guest
  dispatch(f.monitor, exit);
  CHECK(f.monitor.vmcs().entry_event.has_value());
  CHECK(f.samples(ExitReason::ExternalInterrupt) == 1);
}
