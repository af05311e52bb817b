// The oracle: real KVM against the simulated techniques. tests/kvm/run starts this where a whole KVM is:
// here, or in the throw-away host.
#include <algorithm>

#include "hypervisor/kvm/probe.h"
#include "tests/catch.h"
#include "tests/kvm/runs.h"

using namespace ringside;
using namespace ringside::test;

TEST_CASE("This host has a whole KVM", "[.complete]") {
  INFO(host_kvm().error << host_kvm().missing());
  REQUIRE(host_kvm().complete());
}

TEST_CASE("Guests print the same text on real hardware assistance as in the simulated techniques", "[kvm]") {
  struct Row {
    const char* guest;
    const char* command_line;
  };
  for (const Row& row :
       {Row{"hello", "one two"}, Row{"sensitive", ""}, Row{"kernel", "run=primes,forkwait,pingpong,ls"}}) {
    const BuiltinGuest* guest = find_builtin_guest(row.guest);
    if (!guest) continue;
    const Run native = run_guest(*guest, Mode::Native, {row.command_line});
    const Run hvm = run_guest(*guest, Mode::Hvm, {row.command_line});
    const Run kvm = run_guest(*guest, Mode::Kvm, {row.command_line});
    INFO(row.guest << ": " << kvm.why);
    CHECK(native.ending == Ending::Success);
    CHECK(kvm.ending == Ending::Success);
    CHECK(kvm.console == native.console);
    CHECK(hvm.console == native.console);
  }
}

TEST_CASE("A hundred thousand port writes are a hundred thousand exits", "[kvm]") {
  // mov ecx, 100000; again: out 80h, al; dec ecx; jnz again; xor eax, eax; out F4h, al
  const auto vm =
      machine_for({0xB9, 0xA0, 0x86, 0x01, 0x00, 0xE6, 0x80, 0x49, 0x75, 0xFB, 0x31, 0xC0, 0xE6, 0xF4});
  const Run run = finish(*vm);
  CHECK(run.ending == Ending::Success);
  CHECK(run.exits.at(ExitReason::IoInstruction) == 100'001);
  const TimeHistogram& times = kvm_of(*vm).exit_times()[static_cast<std::size_t>(ExitReason::IoInstruction)];
  CHECK(times.samples() == 100'000);
  CHECK(times.percentile(0.5) <= times.percentile(0.99));
}

TEST_CASE("A guest that never exits is stopped by the wall clock and by request", "[kvm]") {
  const auto vm = machine_for({0xEB, 0xFE});
  Limits limits;
  limits.wall_seconds = 0.5;
  CHECK(vm->run(limits) == Ending::Budget);
  CHECK(vm->monitor().virtual_state().eip == 0x100000);
}

TEST_CASE("Single steps and registers", "[kvm]") {
  // inc eax; inc eax; inc eax; inc eax; jmp $
  const auto vm = machine_for({0x40, 0x40, 0x40, 0x40, 0xEB, 0xFE});
  KvmVcpu& cpu = kvm_of(*vm).kvm();
  cpu.state().gpr[EAX] = 100;
  cpu.run(1);
  CHECK(cpu.state().eip == 0x100001);
  CHECK(cpu.state().gpr[EAX] == 101);
  cpu.run(1);
  CHECK(cpu.state().eip == 0x100002);
}

TEST_CASE("Written pages are in the dirty log, and the host kernel's counters can be read", "[kvm]") {
  constexpr u64 kRam = 1u << 20;
  MachineMemory memory(kRam);
  KvmVirtualMachine machine(GuestMemory(memory, MachinePhys(0), kRam), {.log_dirty_pages = true});
  KvmVcpu cpu(machine, CpuModel::P6, 1'000'000'000);
  // mov [5000h], eax; mov [9000h], eax; out 80h, al
  const u8 code[] = {0xA3, 0x00, 0x50, 0x00, 0x00, 0xA3, 0x00, 0x90, 0x00, 0x00, 0xE6, 0x80};
  std::copy(std::begin(code), std::end(code), memory.data() + 0x1000);
  cpu.state() = flat_protected_state(0x1000);
  machine.take_dirty_pages();
  REQUIRE(std::holds_alternative<exits::PortAccess>(cpu.run(1'000'000'000)));
  const std::vector<GuestPhys> dirty = machine.take_dirty_pages();
  const auto has = [&](u64 page) {
    return std::find(dirty.begin(), dirty.end(), GuestPhys(page)) != dirty.end();
  };
  CHECK(has(0x5000));
  CHECK(has(0x9000));
  CHECK_FALSE(has(0x7000));
  CHECK(machine.take_dirty_pages().empty());
  u64 exits = 0;
  for (const KvmCounter& c : cpu.counters())
    if (c.name == "exits") exits = c.value;
  CHECK(exits > 0);
}

TEST_CASE("With the in-kernel interrupt controller and timer their ports cause no exits", "[kvm]") {
  const BuiltinGuest* kernel = find_builtin_guest("kernel");
  if (!kernel) return;
  const Run user = run_guest(*kernel, Mode::Kvm, {"run=primes"}),
            inside = run_guest(*kernel, Mode::Kvm, {"run=primes", true});
  INFO(inside.why);
  CHECK(inside.ending == Ending::Success);
  CHECK(inside.console == user.console);
  CHECK(inside.count(ExitReason::IoInstruction) < user.count(ExitReason::IoInstruction));
  CHECK(inside.count(ExitReason::InterruptWindow) == 0);
}

TEST_CASE("The kernel survives ten thousand timer interrupts", "[kvm]") {
  const BuiltinGuest* kernel = find_builtin_guest("kernel");
  if (!kernel) return;
  // A thousand ticks a second by the guest's clock; counted at the injection, so no time is measured here.
  const auto vm = machine_for(*kernel, Mode::Kvm, {"run=sleep 10000,echo awake"});
  const Run run = finish(*vm);
  INFO(run.why);
  CHECK(run.ending == Ending::Success);
  CHECK(run.console.find("awake") != std::string::npos);
  CHECK(kvm_of(*vm).kvm().interrupts() >= 10'000);
  CHECK(run.count(ExitReason::Hlt) > 0);  // it slept between them
}

TEST_CASE("The guest sees the same hypervisor leaf of CPUID on both", "[kvm]") {
  // mov eax, 40000000h; cpuid; mov [5000h], eax; mov [5004h], ebx; mov [5008h], ecx; mov [500Ch], edx;
  // xor eax, eax; out F4h, al
  const std::vector<u8> code{0xB8, 0,    0,    0,    0x40, 0x0F, 0xA2, 0xA3, 0,    0x50, 0, 0,
                             0x89, 0x1D, 0x04, 0x50, 0,    0,    0x89, 0x0D, 0x08, 0x50, 0, 0,
                             0x89, 0x15, 0x0C, 0x50, 0,    0,    0x31, 0xC0, 0xE6, 0xF4};
  std::string seen[2];
  for (const Mode mode : {Mode::Hvm, Mode::Kvm}) {
    const auto vm = machine_for(code, mode);
    REQUIRE(finish(*vm).ending == Ending::Success);
    const u8* leaf = vm->host().machine.ram().at(GuestPhys(0x5000));
    seen[mode == Mode::Kvm].assign(leaf, leaf + 16);
  }
  CHECK(seen[0].find("Ringside") != std::string::npos);
  CHECK(seen[0] == seen[1]);
}
