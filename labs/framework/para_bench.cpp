#include "labs/framework/para_bench.h"

#include "labs/framework/bench_host.h"

namespace ringside::labs {
namespace {

Image image() {
  constexpr u8 kInt82[] = {0xCD, 0x82, 0xEB, 0xFE};  // INT 82h; JMP to itself
  Image i;
  i.name = "hypercalls";
  i.segments.push_back(
      {ParaBench::kCode, ParaBench::kCode, 2 * kPageSize, {std::begin(kInt82), std::end(kInt82)}});
  i.paravirtual = Image::Paravirtual{ParaBench::kCode, 0, ParaBench::kHypercallPage};
  return i;
}

}  // namespace

ParaBench::ParaBench(Session& session) : host(bench_host(Mode::Para, kRam)) {
  monitor = std::make_unique<ParaBridge>(host, session);
  monitor->boot(image(), "");
  host.cpu.flush_tlb();
}

i32 ParaBench::call(u32 number, u32 b, u32 c, u32 d) {
  if (!why().empty()) return 0;
  CpuState& s = monitor->domain().cpu();
  s.eip = kCode;
  s.gpr[EAX] = number;
  s.gpr[EBX] = b;
  s.gpr[ECX] = c;
  s.gpr[EDX] = d;
  monitor->before_entry();
  const Exit exit = monitor->enter(1);
  host.settle();
  const Outcome outcome = dispatch(*monitor, exit);
  if (outcome.kind == Outcome::Kind::Stop)
    stopped_ = outcome.why;
  else
    monitor->apply(outcome);
  return static_cast<i32>(monitor->domain().cpu().gpr[EAX]);
}

void ParaBench::put(u32 address, const void* from, u32 bytes) {
  const GuestMemory& ram = host.machine.ram();
  std::memcpy(ram.at(GuestPhys(address), bytes), from, bytes);
  host.cpu.memory_written(ram.to_machine(GuestPhys(address)), bytes);
}

void ParaBench::map(u32 linear, u32 value) {
  monitor->domain().paging.update(entry(linear), value);
  monitor->domain().paging.flush();
}

}  // namespace ringside::labs
