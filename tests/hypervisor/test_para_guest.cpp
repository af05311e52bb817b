// The teaching kernel's paravirtual build under the monitor, against its native build on bare metal.
#include "guests/builtin.h"
#include "tests/catch.h"
#include "tests/hypervisor/para_image.h"
#include "tests/hypervisor/para_paging_support.h"

namespace ringside::test {
namespace {

struct Run {
  std::unique_ptr<VirtualMachine> vm;
  Ending ending{};

  Ledger& ledger() { return vm->host().ledger; }
  std::string console() { return vm->host().machine.console(); }
  u64 exits() { return ledger().exits_closed(); }
};

Run run_kernel(Mode mode, const std::string& command_line = {}) {
  const BuiltinGuest* guest = find_builtin_guest("kernel");
  REQUIRE(guest);
  REQUIRE_FALSE(guest->paravirtual_image.empty());
  VmConfig config;
  config.mode = mode;
  config.command_line = command_line;
  config.host.machine.disk = make_memory_disk(guest->disk);
  Run run;
  run.vm = std::make_unique<VirtualMachine>(
      parse_image("kernel", mode == Mode::Para ? guest->paravirtual_image : guest->image), config);
  run.ending = run.vm->run({.instructions = 2'000'000'000});
  INFO(run.vm->why());
  REQUIRE(run.ending == Ending::Success);
  return run;
}

TEST_CASE("the paravirtual kernel prints what the native one prints", "[para][guest]") {
  Run native = run_kernel(Mode::Native), para = run_kernel(Mode::Para);
  CHECK(para.console() == native.console());
  CHECK_FALSE(para.console().empty());

  SECTION("and its page tables are sound to the end") {
    const para::Domain& d = dynamic_cast<ParaMonitor&>(para.vm->monitor()).domain();
    GuestMemory& ram = para.vm->host().machine.ram();
    std::map<u32, u32> held;
    for (GuestPhys at : {d.layout.shared_info, d.layout.console_ring, d.layout.disk_ring})
      ++held[static_cast<u32>(ram.to_machine(at).frame())];
    CHECK(PagingAudit(d.paging, ram, d.area.directory_entry(), held).run() == "");
  }
  SECTION("and it asked for every kind of service") {
    for (ExitReason reason :
         {ExitReason::HypercallMmuUpdate, ExitReason::HypercallEventChannel, ExitReason::TruePageFault,
          ExitReason::GuestException, ExitReason::ExternalInterrupt})
      CHECK(para.ledger().samples(reason) > 0);
    // Not one port access: console and disk are rings.
    CHECK(para.ledger().samples(ExitReason::IoInstruction) == 0);
    CHECK(para.ledger().total(CostEvent::NativePortIo) == 0);
    CHECK(para.ledger().total(CostEvent::RingRequest) > 0);
    // Updates are batched: fewer hypercalls than entries.
    CHECK(para.ledger().samples(ExitReason::HypercallMmuUpdate) <
          para.ledger().total(CostEvent::PageTableUpdate));
  }
}

TEST_CASE("two paravirtual runs are the same to the last digit", "[para][guest]") {
  Run a = run_kernel(Mode::Para, "run=forkwait,preempt"), b = run_kernel(Mode::Para, "run=forkwait,preempt");
  CHECK(a.console() == b.console());
  CHECK(a.vm->instructions() == b.vm->instructions());
  CHECK(a.vm->host().now() == b.vm->host().now());
  CHECK(a.exits() == b.exits());
}

TEST_CASE("system calls do not enter the monitor", "[para][guest]") {
  Run nothing = run_kernel(Mode::Para, "run=true"), calls = run_kernel(Mode::Para, "run=syscalls");
  const u64 delivered = calls.ledger().total(CostEvent::SystemCallDelivery);
  CHECK(delivered > 20'000);
  CHECK(calls.exits() < nothing.exits() + 200);
}

TEST_CASE("a budget ends a paravirtual run, and the run can go on", "[para][guest]") {
  const BuiltinGuest* guest = find_builtin_guest("kernel");
  VmConfig config;
  config.mode = Mode::Para;
  config.command_line = "run=ls";
  config.host.machine.disk = make_memory_disk(guest->disk);
  VirtualMachine vm(parse_image("kernel", guest->paravirtual_image), config);
  CHECK(vm.run({.instructions = 1000}) == Ending::Budget);
  CHECK(vm.run({.instructions = 100'000}) == Ending::Budget);
  CHECK(vm.run({.instructions = 2'000'000'000}) == Ending::Success);
}

}  // namespace
}  // namespace ringside::test
