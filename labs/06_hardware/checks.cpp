// Lab 06: a few instructions in non-root operation, exit by exit; then `kernel` under the student's monitor,
// and the student's figures of our own monitor with and without EPT.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cpu/cpuid.h"
#include "hypervisor/abi/ports.h"
#include "labs/framework/check.h"
#include "labs/framework/exit_bridge.h"
#include "labs/framework/figures.h"
#include "labs/framework/guest_run.h"
#include "labs/framework/monitor_steps.h"
#include "labs/framework/step_check.h"
#include "labs/framework/vmx_bench.h"

namespace ringside::labs::lab06 {
namespace {

using Bench = VmxBench<ExitBridge>;
using Step = StepCheck<Bench>;
constexpr u16 kScratch = RS_PORT_UART + 7;  ///< the UART's scratch register gives back what it was given
constexpr u16 kNobody = 0x2E0;              ///< a port that answers all ones

void io(Check& c, Session& session) {
  Step s(c, session, "io");
  Bench& b = s.bench;
  b.reg(EDX) = kScratch;
  b.reg(EAX) = 0x1234565A;
  b.run(0, {0xEE});  // OUT DX, AL
  s.expect(b.exits(ExitReason::IoInstruction) == 1, "advance",
           fmt::format("one OUT has left {} times", b.exits(ExitReason::IoInstruction)));
  b.reg(EAX) = 0xAABBCCFF;
  b.run(0, {0xEC});  // IN AL, DX
  s.expect((b.reg(EAX) & 0xFF) == 0x5A, "in-width",
           fmt::format("IN AL gives {:02X}h instead of 5Ah", b.reg(EAX) & 0xFF));
  s.expect(b.reg(EAX) >> 8 == 0xAABBCC, "in-width", "IN AL has changed more of EAX than AL");
  b.reg(EDX) = kNobody;
  b.reg(EAX) = 0x12340000;
  b.run(0, {0x66, 0xED});  // IN AX, DX
  s.expect(b.reg(EAX) == 0x1234FFFF, "in-width",
           fmt::format("IN AX leaves {:08X}h in EAX instead of 1234FFFFh", b.reg(EAX)));
  b.run(0, {0xED});  // IN EAX, DX
  s.expect(b.reg(EAX) == 0xFFFFFFFF, "in-width", "IN EAX does not fill all of EAX");
  b.reg(EAX) = 'h';
  b.run(0, {0xE6, 0xE9, 0xB0, 'i', 0xE6, 0xE9});  // OUT E9h, AL; MOV AL, 'i'; OUT E9h, AL
  s.expect(b.host.machine.console() == "hi", "advance",
           fmt::format("two characters to port E9h have printed '{}'", b.host.machine.console()));
}

void hlt(Check& c, Session& session) {
  Step s(c, session, "hlt");
  Bench& b = s.bench;
  b.at(0, {0xF4}, true);
  b.go();
  s.expect(b.idle(), "hlt", "after HLT the guest goes on at once");
  s.expect(b.eip() == Bench::kCode + 1, "hlt", "EIP has not moved over HLT: the guest would halt for ever");
}

void cpuid(Check& c, Session& session) {
  Step s(c, session, "cpuid");
  Bench& b = s.bench;
  const auto ask = [&](u32 leaf) {
    b.reg(EAX) = leaf;
    b.reg(ECX) = 0;
    b.run(0, {0x0F, 0xA2});
  };
  const CpuModel model = b.host.cpu.config().model;
  ask(0);
  const CpuidResult vendor = cpuid_leaf(model, 0, 0);
  s.expect(b.reg(EAX) == vendor.eax && b.reg(EBX) == vendor.ebx && b.reg(EDX) == vendor.edx &&
               b.reg(ECX) == vendor.ecx,
           "host-leaf", "leaf 0 is not what the processor says");
  ask(1);
  s.expect(b.reg(EDX) == cpuid_leaf(model, 1, 0).edx, "host-leaf",
           "leaf 1 has another EDX than the processor's");
  s.expect(b.reg(ECX) >> 31, "hypervisor-bit", "leaf 1 does not say that there is a hypervisor (ECX bit 31)");
  s.expect(!(b.reg(ECX) & 1u << 5), "vmx-bit",
           "leaf 1 says that the guest has VMX (ECX bit 5), and no VMXON of the guest's will work");
  ask(0x40000000);
  s.expect(
      b.reg(EAX) >= 0x40000001 && b.reg(EAX) < 0x40010000, "signature",
      fmt::format("leaf 40000000h gives {:X}h in EAX, and not the last leaf that you answer", b.reg(EAX)));
  s.expect(b.reg(EBX) && b.reg(ECX) && b.reg(EDX), "signature",
           "leaf 40000000h has no signature in EBX, ECX, EDX");
}

void count(Check& c, Session& session) {
  Step s(c, session, "count");
  Bench& b = s.bench;
  const auto figures = [&] {
    b.reg(EAX) = 0x40000001;
    b.run(0, {0x0F, 0xA2});
    return std::pair{b.reg(EAX), b.reg(EBX)};
  };
  const auto before = figures();
  const u8 ports = static_cast<u8>(c.seeded("ports", 3, 9));
  b.run(0, {0xB9, ports, 0, 0, 0, 0xE4, 0x80, 0xE2, 0xFC, 0x31, 0xC0, 0x0F,
            0xA2});  // IN AL, 80h in a loop; CPUID
  const auto after = figures();
  s.expect(after.first - before.first == ports + 2u, "count",
           fmt::format("between two readings the guest left {} times, and leaf 40000001h says {}", ports + 2u,
                       after.first - before.first));
  s.expect(after.second - before.second == ports, "count-io",
           fmt::format("{} of them were for IN, and EBX says {}", ports, after.second - before.second));
}

void vmcall(Check& c, Session& session) {
  Step s(c, session, "vmcall");
  Bench& b = s.bench;
  const auto call = [&](u32 ring, u32 number, u32 address, u32 length) {
    b.reg(EAX) = number;
    b.reg(EBX) = address;
    b.reg(ECX) = length;
    b.run(ring, {0x0F, 0x01, 0xC1});
    return static_cast<i32>(b.reg(EAX));
  };
  const char text[] = "asked, not caught";
  std::memcpy(b.host.machine.ram().at(GuestPhys(Bench::kData), sizeof text), text, sizeof text);
  const i32 printed = call(0, 1, Bench::kData, sizeof text - 1);
  s.expect(b.host.machine.console() == text, "vmcall-print",
           fmt::format("hypercall 1 has printed '{}' instead of '{}'", b.host.machine.console(), text));
  s.expect(printed == sizeof text - 1, "vmcall-print",
           fmt::format("hypercall 1 has returned {} instead of {}", printed, sizeof text - 1));
  const i32 unknown = call(0, 77, 0, 0);
  s.expect(unknown == -38, "enosys",
           fmt::format("an unknown hypercall has returned {} instead of -38", unknown));
  const i32 bad = call(0, 1, 0x7FFFF000, 16);
  s.expect(bad == -14, "efault", fmt::format("a text beyond memory has returned {} instead of -14", bad));
  const i32 user = call(3, 1, Bench::kData, 5);
  s.expect(user == -1 && b.host.machine.console() == text, "eperm",
           fmt::format("a hypercall of ring 3 has returned {} instead of -1", user));
}

void ept(Check& c, Session& session) {
  Step s(c, session, "ept");
  Bench& b = s.bench;
  s.expect(b.monitor->own_ept() || !b.why().empty(), "root",
           "start() has not called set_ept_root(): our nested tables serve");
  for (u32 i = 0; i < 4; ++i) {
    const u32 page = static_cast<u32>(c.seeded(fmt::format("page{}", i), 0x20, 0x90)) << 12;
    const auto byte = [&](int shift) { return static_cast<u8>(page >> shift); };
    // MOV EAX, [page + 4]; MOV [page], 5EEDh
    *b.host.machine.ram().at(GuestPhys(page + 4)) = static_cast<u8>(i + 1);
    b.run(0, {0xA1, 4, byte(8), byte(16), 0, 0xC7, 0x05, 0, byte(8), byte(16), 0, 0xED, 0x5E, 0, 0});
    s.expect((b.reg(EAX) & 0xFF) == i + 1, "frame",
             fmt::format("the guest does not read its own page at {:X}h", page));
    s.expect(b.word(page) == 0x5EED, "frame",
             fmt::format("the guest's store to {:X}h is not in its memory", page));
  }
  s.expect(b.monitor->frames().allocated() <= 4, "tables",
           fmt::format("1 MiB of guest memory takes 4 frames of nested tables, and you have {}",
                       b.monitor->frames().allocated()));
  b.run(0, {0xC7, 0x05, 8, 0x80, 0x0B, 0, 'A', 0x1F, 'B', 0x1F});  // MOV [B8008h], ...
  s.expect(b.host.machine.mmio_read(GuestPhys(0xB8008), 4) == 0x1F421F41, "device",
           "a store to the screen at B8000h did not reach the device");
  b.run(0, {0xA1, 8, 0x80, 0x0B, 0});
  s.expect(b.exits(ExitReason::Mmio) == 1, "device", "a load from the screen did not leave to your monitor");
}

// ---- whole guests

std::string command_line(const Check& c) {
  return fmt::format("run=forkwait {},pagetouch {},primes 200,diskio 512 {}", c.seeded("forkwait", 3, 8),
                     c.seeded("pagetouch", 100, 160), c.seeded("diskio", 3, 9));
}

RunReport ours(const Check& c, u8 ept_levels) {
  return run_guest({.command_line = command_line(c), .mode = Mode::Hvm, .monitor = [&](Host& host) {
                      return std::make_unique<ringside::VmxMonitor>(host,
                                                                    VmxConfig{.ept_levels = ept_levels});
                    }});
}

/// With pages of 2 MiB a guest of 8 MiB needs a handful of violations for its RAM.
constexpr u64 kMostViolationsPercent = 60;

void kernel(Check& c) {
  const RunReport native = run_guest({.command_line = command_line(c), .mode = Mode::Native});
  Session session(c.work.folder(), "out/monitor", c.work.program_output());
  const RunReport seen =
      run_guest({.command_line = command_line(c), .mode = Mode::Hvm, .monitor = [&](Host& host) {
                   return std::make_unique<ExitBridge>(host, session);
                 }});
  judge_kernel(c, seen, native);
  if (!c.passed("kernel")) return c.fail("large", "first the kernel has to boot");
  const u64 small = ours(c, 4).exit_samples(ExitReason::EptViolation),
            own = seen.exit_samples(ExitReason::EptViolation);
  if (!c.passed("ept"))
    c.fail("large", "first your own nested page tables have to serve");
  else if (own * 100 > small * kMostViolationsPercent)
    c.fail("large", fmt::format("{} EPT violations; with 4 KiB pages alone there are {}", own, small),
           "large");
  else
    c.pass("large");
}

}  // namespace

namespace {
constexpr std::string_view kPartOfIt = "no-ept-shadow-faults";  ///< not asked for, but often given

Answers figures_of(const RunReport& with, const RunReport& without) {
  const auto most = std::max_element(with.exits.begin(), with.exits.end(),
                                     [](const auto& a, const auto& b) { return a.samples < b.samples; });
  u64 page_tables = 0;
  for (ExitReason r : {ExitReason::ShadowPageFault, ExitReason::ShadowPageTableWrite, ExitReason::CrAccess,
                       ExitReason::Invlpg})
    page_tables += without.exit_samples(r);
  return {{"ept-exits", std::to_string(with.exit_samples())},
          {"ept-violations", std::to_string(with.exit_samples(ExitReason::EptViolation))},
          {"no-ept-exits", std::to_string(without.exit_samples())},
          {std::string(kPartOfIt), std::to_string(without.exit_samples(ExitReason::ShadowPageFault))},
          {"no-ept-page-tables", std::to_string(page_tables)},
          {"same-either-way", std::to_string(without.exit_samples(most->reason))}};
}
}  // namespace

Answers answers(const Check& c) { return figures_of(ours(c, 4), ours(c, 0)); }

std::string assignment(const Check& c) {
  return fmt::format(
      "Your command lines: ringside run kernel --mode hvm -m 8 --ept-levels 4 -append \"{0}\"\n"
      "                    ringside run kernel --mode hvm -m 8 --ept-levels 0 -append \"{0}\"",
      command_line(c));
}

void checks(Check& c) {
  constexpr MonitorStep kSteps[] = {io, hlt, cpuid, count, vmcall, ept};
  if (!try_monitor(c, kSteps)) return;
  kernel(c);

  const auto given = parse_answers(c.work.text("answers.txt"));
  Figures figures(given);
  const RunReport with = ours(c, 4), without = ours(c, 0);
  for (const auto& [key, value] : figures_of(with, without))
    if (key != kPartOfIt) figures.expect(key, std::stoull(value));
  figures.otherwise("all-four",
                    [&](u64 v) { return v == without.exit_samples(ExitReason::ShadowPageFault); });
  figures.settle(c, "compare", "prediction");
}

}  // namespace ringside::labs::lab06
