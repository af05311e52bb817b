// The debugger's lane and gdb's packets on real KVM: KVM_SET_GUEST_DEBUG, and registers read and written.
#include <fmt/format.h>

#include "cpu/host_error.h"
#include "hypervisor/guest_debug.h"
#include "hypervisor/kvm/probe.h"
#include "tests/debuggee.h"
#include "tests/kvm/runs.h"

using namespace ringside;
using namespace ringside::test;
using namespace ringside::debugger;

namespace {

constexpr u32 kEntry = 0x100000;

void breakpoint(VirtualMachine& vm, u32 address) { set_debug_points(vm, {{LinearAddr(address)}}); }

u32 run_to_stop(VirtualMachine& vm) {
  vm.run({.wall_seconds = 5});
  REQUIRE(vm.debug_stop());
  CHECK(vm.monitor().virtual_state().eip == vm.debug_stop()->address.value);
  return vm.debug_stop()->address.value;
}

}  // namespace

TEST_CASE("A breakpoint stops the guest and is not in what anybody sees of its memory", "[kvm]") {
  const auto vm = machine_for({0x40, 0x40, 0x40, 0x40, 0xEB, 0xFA});  // again: inc eax (4 times); jmp again
  breakpoint(*vm, kEntry + 3);
  CHECK(run_to_stop(*vm) == kEntry + 3);
  CHECK(*vm->host().machine.ram().at(GuestPhys(kEntry + 3)) == 0x40);
  breakpoint(*vm, kEntry + 2);
  CHECK(run_to_stop(*vm) == kEntry + 2);
}

TEST_CASE("More breakpoints than there are debug registers", "[kvm]") {
  const auto vm = machine_for({0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0xEB, 0xFE});
  std::vector<DebugPoint> points;
  for (u32 i = 1; i <= 6; ++i) points.push_back({LinearAddr(kEntry + i)});
  while (!points.empty()) {
    set_debug_points(*vm, points);
    CHECK(run_to_stop(*vm) == points.front().address.value);
    points.erase(points.begin());
  }
}

TEST_CASE("After a step over a port access the instruction has ended", "[kvm]") {
  // in al, E9h (which answers E9h); out E9h, al; mov dx, 3F8h; outsb; jmp $
  const auto vm = machine_for({0xE4, 0xE9, 0xE6, 0xE9, 0x66, 0xBA, 0xF8, 0x03, 0x6E, 0xEB, 0xFE});
  CpuState& s = processor_registers(*vm);
  s.gpr[EAX] = 0;
  s.gpr[ESI] = kEntry;
  for (const u32 next : {2u, 4u, 8u, 9u, 9u}) {
    vm->step(1, false);
    CHECK(vm->monitor().virtual_state().eip == kEntry + next);
  }
  CHECK(vm->monitor().virtual_state().gpr[EAX] == 0xE9);
  CHECK(vm->monitor().virtual_state().gpr[ESI] == kEntry + 1);
}

TEST_CASE("The guest's own INT3 is the guest's, also while there are breakpoints", "[kvm]") {
  if (!host_kvm().works("INT n and IRET")) RINGSIDE_SKIP("this host's KVM delivers no interrupts");
  // lidt [30h off]; int3; jmp $; at 20h: inc eax; iret
  std::vector<u8> code(64);
  const auto at = [](u32 offset) { return static_cast<u8>(offset); };
  const std::vector<u8> main{0x0F, 0x01, 0x1D, at(0x30), 0x00, 0x10, 0x00, 0xCC, 0xEB, 0xFE};
  std::copy(main.begin(), main.end(), code.begin());
  code[0x20] = 0x40, code[0x21] = 0xCF;
  code[0x30] = 0xFF, code[0x31] = 0x07, code[0x32] = 0x00, code[0x33] = 0x50;  // limit 7FFh, base 5000h
  const auto vm = machine_for(code);
  CpuState& s = processor_registers(*vm);
  const u16 cs = s.seg[CS].selector;
  s.gdtr = {0x4000, 0xFF};  // a loader leaves none
  const u8 flat_code[8] = {0xFF, 0xFF, 0, 0, 0, 0x9B, 0xCF, 0};
  std::copy(std::begin(flat_code), std::end(flat_code),
            vm->host().machine.ram().at(GuestPhys(0x4000u + (cs & ~7u)), 8));
  s.gpr[EAX] = 0;
  s.gpr[ESP] = 0x8000;
  u8* gate = vm->host().machine.ram().at(GuestPhys(0x5000 + 8 * 3), 8);
  const u32 handler = kEntry + 0x20;
  const u8 bytes[8] = {at(handler), at(handler >> 8),  at(cs),           at(cs >> 8u), 0,
                       0x8E,        at(handler >> 16), at(handler >> 24)};
  std::copy(std::begin(bytes), std::end(bytes), gate);
  breakpoint(*vm, kEntry + 0x20);
  CHECK(run_to_stop(*vm) == kEntry + 0x20);
  CHECK(vm->monitor().virtual_state().gpr[EAX] == 0);
}

TEST_CASE("Watchpoints where the processor has them", "[kvm]") {
  const auto vm = machine_for({0xA3, 0x00, 0x50, 0x00, 0x00, 0x40, 0xEB, 0xFE});  // mov [5000h], eax; inc eax
  const std::vector<DebugPoint> points{{LinearAddr(0x5000), DebugPoint::Kind::Write, 4}};
  if (host_kvm().works(kWatchpoints)) {
    set_debug_points(*vm, points);
    vm->run({.wall_seconds = 5});
    REQUIRE(vm->debug_stop());
    CHECK(vm->debug_stop()->address == LinearAddr(0x5000));
    CHECK(vm->monitor().virtual_state().eip == kEntry + 5);
  } else {
    CHECK_THROWS_AS(set_debug_points(*vm, points), HostError);
  }
  CHECK_THROWS_AS(set_debug_points(*vm, {{LinearAddr(0x5001), DebugPoint::Kind::Write, 4}}), HostError);
  CHECK_THROWS_AS(
      set_debug_points(*vm, std::vector<DebugPoint>(5, {LinearAddr(0x5000), DebugPoint::Kind::Write, 1})),
      HostError);
}

TEST_CASE("gdb debugs the kernel on real KVM", "[kvm]") {
  Debuggee d(Mode::Kvm);
  INFO(d.lane.reason());
  REQUIRE(d.lane.available());
  CHECK(d.target.answer("qSupported").find("Reverse") == std::string::npos);
  const u32 at = d.symbol("process_fork");
  CHECK(d.target.answer(fmt::format("Z0,{:x},1", at)) == "OK");
  CHECK(d.target.answer("c") == "S05");
  INFO(d.lane.reason() << d.lane.vm()->host().machine.console());
  REQUIRE(d.reg(kGdbEip) == at);
  std::array<u8, 4> code{};
  REQUIRE(d.lane.peek(at, code) == code.size());
  CHECK(code[0] != 0xCC);
  const u32 eax = d.reg(kGdbEax);
  CHECK(d.target.answer("P0=78563412") == "OK");
  CHECK(d.reg(kGdbEax) == 0x12345678);
  CHECK(d.target.answer(fmt::format("P0={:02x}{:02x}{:02x}{:02x}", eax & 255, eax >> 8 & 255, eax >> 16 & 255,
                                    eax >> 24)) == "OK");
  CHECK(d.target.answer("s") == "S05");
  CHECK(d.reg(kGdbEip) != at);
  CHECK(d.target.answer(fmt::format("z0,{:x},1", at)) == "OK");
  CHECK(d.target.answer("c") == "W00");
  CHECK(d.lane.vm()->host().machine.console().find("debugged") != std::string::npos);
}
