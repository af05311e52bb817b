// The oracle: real KVM against the simulated techniques. tests/kvm/run starts this where a whole KVM is:
// here, or in the throw-away host.
#include <algorithm>
#include <map>

#include "guests/builtin.h"
#include "hypervisor/kvm/kvm_monitor.h"
#include "hypervisor/kvm/probe.h"
#include "hypervisor/virtual_machine.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

struct Run {
  Ending ending{};
  std::string why, console;
  std::map<ExitReason, u64> exits;
};

Run finish(VirtualMachine& vm) {
  Limits limits;
  limits.wall_seconds = 120;
  Run run;
  run.ending = vm.run(limits);
  run.why = vm.why();
  run.console = vm.host().machine.console();
  for (const ExitStatistics& e : vm.host().ledger.exits(vm.host().profile)) run.exits[e.reason] = e.samples;
  return run;
}

Run run_guest(const BuiltinGuest& guest, Mode mode, const std::string& command_line,
              bool kernel_irqchip = false) {
  VmConfig config;
  config.mode = mode;
  config.command_line = command_line;
  config.kernel_irqchip = kernel_irqchip;
  if (!guest.disk.empty()) config.host.machine.disk = make_memory_disk(guest.disk);
  VirtualMachine vm(parse_image(std::string(guest.name), guest.image), config);
  return finish(vm);
}

/// A flat image: the entry is its first byte, at 1 MiB.
std::unique_ptr<VirtualMachine> flat(std::vector<u8> code) {
  code.resize(600);
  VmConfig config;
  config.mode = Mode::Kvm;
  return std::make_unique<VirtualMachine>(parse_image("flat", code), config);
}

KvmMonitor& kvm_of(VirtualMachine& vm) { return static_cast<KvmMonitor&>(vm.monitor()); }

}  // namespace

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
    const Run native = run_guest(*guest, Mode::Native, row.command_line);
    const Run hvm = run_guest(*guest, Mode::Hvm, row.command_line);
    const Run kvm = run_guest(*guest, Mode::Kvm, row.command_line);
    INFO(row.guest << ": " << kvm.why);
    CHECK(native.ending == Ending::Success);
    CHECK(kvm.ending == Ending::Success);
    CHECK(kvm.console == native.console);
    CHECK(hvm.console == native.console);
  }
}

TEST_CASE("hello makes exactly the same device exits as under the simulated VT-x", "[kvm]") {
  const BuiltinGuest& hello = *find_builtin_guest("hello");
  const Run hvm = run_guest(hello, Mode::Hvm, ""), kvm = run_guest(hello, Mode::Kvm, "");
  CHECK(kvm.exits.at(ExitReason::IoInstruction) == hvm.exits.at(ExitReason::IoInstruction));
  // What the simulated monitor handles itself, the host kernel does for us: these never reach user space.
  for (const ExitReason inside : {ExitReason::EptViolation, ExitReason::Cpuid, ExitReason::CrAccess})
    CHECK(kvm.exits.count(inside) == 0);
}

TEST_CASE("A hundred thousand port writes are a hundred thousand exits", "[kvm]") {
  // mov ecx, 100000; again: out 80h, al; dec ecx; jnz again; xor eax, eax; out F4h, al
  const auto vm = flat({0xB9, 0xA0, 0x86, 0x01, 0x00, 0xE6, 0x80, 0x49, 0x75, 0xFB, 0x31, 0xC0, 0xE6, 0xF4});
  const Run run = finish(*vm);
  CHECK(run.ending == Ending::Success);
  CHECK(run.exits.at(ExitReason::IoInstruction) == 100'001);
  const TimeHistogram& times = kvm_of(*vm).exit_times()[static_cast<std::size_t>(ExitReason::IoInstruction)];
  CHECK(times.samples() == 100'000);
  CHECK(times.percentile(0.5) <= times.percentile(0.99));
}

TEST_CASE("A guest that never exits is stopped by the wall clock and by request", "[kvm]") {
  const auto vm = flat({0xEB, 0xFE});
  Limits limits;
  limits.wall_seconds = 0.5;
  CHECK(vm->run(limits) == Ending::Budget);
  CHECK(vm->monitor().virtual_state().eip == 0x100000);
}

TEST_CASE("Single steps and registers", "[kvm]") {
  // inc eax; inc eax; inc eax; inc eax; jmp $
  const auto vm = flat({0x40, 0x40, 0x40, 0x40, 0xEB, 0xFE});
  KvmVcpu& cpu = kvm_of(*vm).kvm();
  cpu.state().gpr[EAX] = 100;
  cpu.run(1);
  CHECK(cpu.state().eip == 0x100001);
  CHECK(cpu.state().gpr[EAX] == 101);
  cpu.run(1);
  CHECK(cpu.state().eip == 0x100002);
}

// QEMU's emulated AMD-V does not honour the debug registers of a nested guest, so this needs real hardware.
TEST_CASE("Breakpoints", "[.hardware]") {
  const auto vm = flat({0x40, 0x40, 0x40, 0x40, 0xEB, 0xFE});
  KvmVcpu& cpu = kvm_of(*vm).kvm();
  cpu.set_breakpoints({LinearAddr(0x100003)});
  const Exit exit = cpu.run(1'000'000'000);
  REQUIRE(std::holds_alternative<exits::DebugStop>(exit));
  CHECK(std::get<exits::DebugStop>(exit).address == LinearAddr(0x100003));
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
  const Run user = run_guest(*kernel, Mode::Kvm, "run=primes"),
            inside = run_guest(*kernel, Mode::Kvm, "run=primes", true);
  INFO(inside.why);
  CHECK(inside.ending == Ending::Success);
  CHECK(inside.console == user.console);
  CHECK(inside.exits.at(ExitReason::IoInstruction) < user.exits.at(ExitReason::IoInstruction));
  CHECK(inside.exits.count(ExitReason::InterruptWindow) == 0);
}
