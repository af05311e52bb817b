#include "tests/kvm/runs.h"

namespace ringside::test {

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

std::unique_ptr<VirtualMachine> machine_for(const BuiltinGuest& guest, Mode mode,
                                            const GuestOptions& options) {
  VmConfig config;
  config.mode = mode;
  config.command_line = options.command_line;
  config.kernel_irqchip = options.kernel_irqchip;
  config.host.machine.disk = options.disk;
  if (!options.disk && !guest.disk.empty()) config.host.machine.disk = make_memory_disk(guest.disk);
  return std::make_unique<VirtualMachine>(parse_image(std::string(guest.name), guest.image), config);
}

std::unique_ptr<VirtualMachine> machine_for(std::vector<u8> code, Mode mode) {
  code.resize(600);
  VmConfig config;
  config.mode = mode;
  return std::make_unique<VirtualMachine>(parse_image("flat", code), config);
}

Run run_guest(const BuiltinGuest& guest, Mode mode, const GuestOptions& options) {
  return finish(*machine_for(guest, mode, options));
}

KvmMonitor& kvm_of(VirtualMachine& vm) { return static_cast<KvmMonitor&>(vm.monitor()); }

}  // namespace ringside::test
