// Lab 07: interrupts that come at bad moments, one by one; a timer device of the student's; then `kernel`.
#include <fmt/format.h>

#include "hypervisor/abi/ports.h"
#include "labs/framework/check.h"
#include "labs/framework/event_bridge.h"
#include "labs/framework/figures.h"
#include "labs/framework/guest_run.h"
#include "labs/framework/monitor_steps.h"
#include "labs/framework/step_check.h"
#include "labs/framework/vmx_bench.h"

namespace ringside::labs::lab07 {
namespace {

using Bench = VmxBench<EventBridge>;
using Step = StepCheck<Bench>;
constexpr u8 kUartVector = 0x24, kTimerVector = 0x40;
constexpr u32 kUartCount = Bench::kData, kTimerCount = Bench::kData + 4, kMissed = Bench::kData + 8;

/// Handlers that count: INC [counter]; for the UART also read its data and end the interrupt; IRET.
void place_handlers(Bench& b) {
  const auto low = [](u32 address, int shift) { return static_cast<u8>(address >> shift); };
  b.handler(kTimerVector, {0xFF, 0x05, low(kTimerCount, 0), low(kTimerCount, 8), 0, 0, 0xCF});
  b.handler(kUartVector,
            {0xFF, 0x05, low(kUartCount, 0), low(kUartCount, 8), 0, 0, 0xB0, 0x20, 0xE6, 0x20, 0xCF});
}

/// A character arrives at the UART: line 4 of the first 8259, vectors from 20h.
void raise_uart(Bench& b) {
  Machine& m = b.host.machine;
  for (auto [port, value] :
       {std::pair<u16, u8>{0x20, 0x11}, {0x21, 0x20}, {0x21, 4}, {0x21, 1}, {0x21, 0xEF}})
    m.port_out(port, value, 1);
  m.port_out(RS_PORT_UART + 4, 0x0B, 1);
  m.port_out(RS_PORT_UART + 1, 1, 1);
  m.type("k");
  m.advance();
  b.host.idle_until(b.host.now() + b.host.hz() / 100);
  m.advance();
}

void hlt(Check& c, Session& session) {
  Step s(c, session, "hlt");
  Bench& b = s.bench;
  b.at(0, {0xF4}, true);
  b.go();
  s.expect(b.idle() && b.eip() == Bench::kCode + 1, "hlt", "after HLT the guest goes on at once");
  place_handlers(b);
  raise_uart(b);
  b.go();
  s.expect(b.word(kUartCount) == 1, "wake", "an interrupt has come, and the guest sleeps on");
}

void inject(Check& c, Session& session) {
  Step s(c, session, "inject");
  Bench& b = s.bench;
  raise_uart(b);
  b.at(0, {0x90, 0x90, 0x90}, true);
  b.go();
  s.expect(b.eip() == Bench::kHandlers + kUartVector * 16, "inject",
           "a pending interrupt was not delivered although the guest's IF is 1");
  s.expect(b.word(Bench::kStack - 12) == Bench::kCode, "inject",
           "the guest was not interrupted where it was");
  s.expect(!b.host.machine.interrupt_pending(), "acknowledge",
           "the interrupt controller offers the interrupt that was delivered a second time: acknowledge it");
  s.expect(b.monitor->injections().size() == 1, "acknowledge",
           fmt::format("one interrupt was injected {} times", b.monitor->injections().size()));
}

void window(Check& c, Session& session) {
  Step s(c, session, "window");
  Bench& b = s.bench;
  place_handlers(b);
  raise_uart(b);
  b.at(0, {0x90, 0x90, 0x90}, false);
  b.go();
  s.expect(b.monitor->injections().empty() && !b.word(kUartCount), "not-interruptible",
           "an interrupt was injected while the guest's IF is 0");
  s.expect(b.host.machine.interrupt_pending(), "early",
           "the interrupt was acknowledged while the guest cannot take it");
  s.expect(b.monitor->window_requested(), "window",
           "the guest cannot take the interrupt, and nobody will be told when it can");
  b.at(0, {0x90, 0xFB, 0x90, 0x90}, false);  // NOP; STI; NOP; NOP
  b.go();
  s.expect(b.word(kUartCount) == 1, "window",
           fmt::format("after STI the interrupt has arrived {} times", b.word(kUartCount)));
  s.expect(
      b.word(Bench::kStack - 12) == Bench::kCode + 3, "window",
      "the interrupt has not arrived at the first moment that the guest allows: one instruction behind STI");
  s.expect(!b.monitor->window_requested(), "close-window",
           "nothing waits any more, and the guest still exits for its interrupt window");
  s.expect(b.exits(ExitReason::InterruptWindow) <= 2, "close-window",
           fmt::format("{} exits for the interrupt window of one interrupt",
                       b.exits(ExitReason::InterruptWindow)));
}

// ---- the student's timer

u32 period(const Check& c) { return static_cast<u32>(c.seeded("period", 20, 60)); }

/// MOV DX, 500h; MOV EAX, period; OUT DX, EAX
std::vector<u8> start_timer(u32 microseconds) {
  const auto byte = [&](int shift) { return static_cast<u8>(microseconds >> shift); };
  return {0x66, 0xBA, 0x00, 0x05, 0xB8, byte(0), byte(8), byte(16), byte(24), 0xEF};
}
u64 cycles(const Bench& b, u64 microseconds) { return microseconds * b.host.hz() / 1'000'000; }

void timer(Check& c, Session& session) {
  Step s(c, session, "timer");
  Bench& b = s.bench;
  const u64 tick = cycles(b, period(c));
  place_handlers(b);
  b.at(0, start_timer(period(c)), true);
  b.go(tick * 21 / 2);
  const u32 ticks = b.word(kTimerCount);
  s.expect(ticks >= 9 && ticks <= 11, "period",
           fmt::format("in 10 periods of {} us vector 40h has come {} times", period(c), ticks));
  b.at(0, start_timer(0), true);
  b.go(100);
  const u32 stopped = b.word(kTimerCount);
  b.at(0, {0x90}, true);
  b.go(tick * 3);
  s.expect(b.word(kTimerCount) == stopped, "off", "the timer goes on after a period of 0 was written");
}

void drift(Check& c, Session& session) {
  Step s(c, session, "drift");
  Bench& b = s.bench;
  const u64 tick = cycles(b, period(c));
  place_handlers(b);
  b.at(0, start_timer(period(c)), true);
  b.go(50);
  const u64 start = b.host.now();
  // The guest turns interrupts off for seven tenths of a period (an instruction takes about a cycle) and on
  // for a moment, over and over: most ticks are late, none has to wait for more than one period.
  const u32 spin = static_cast<u32>(tick * 7 / 10);
  b.at(0,
       {0xFA, 0xB9, static_cast<u8>(spin), static_cast<u8>(spin >> 8), static_cast<u8>(spin >> 16), 0, 0xE2,
        0xFE, 0xFB, 0x90, 0x90, 0xEB, 0xF3});  // again: CLI; MOV ECX, spin; LOOP $; STI; NOP; NOP; JMP again
  b.go(tick * 30);
  const u64 elapsed = b.host.now() - start;
  const u64 expected = elapsed / tick, ticks = b.word(kTimerCount);
  s.expect(
      ticks + 2 >= expected && ticks <= expected + 1, "drift",
      fmt::format("in {} periods, each tick delivered a little late, there were {} ticks", expected, ticks));
}

void late(Check& c, Session& session) {
  Step s(c, session, "late");
  Bench& b = s.bench;
  const u64 tick = cycles(b, period(c));
  place_handlers(b);
  b.at(0, start_timer(period(c)), false);
  b.go(tick * 11 / 2);  // five ticks come while IF is 0
  s.expect(b.word(kTimerCount) == 0, "not-interruptible",
           "the timer's interrupt was delivered while the guest's IF is 0");
  b.at(0, {0xFB,
           0x90,
           0x90,
           0xFA,
           0x66,
           0xBA,
           0x04,
           0x05,
           0xED,
           0xA3,
           static_cast<u8>(kMissed),
           static_cast<u8>(kMissed >> 8),
           0,
           0,
           0xED,
           0xA3,
           static_cast<u8>(kMissed + 4),
           static_cast<u8>(kMissed >> 8),
           0,
           0});
  b.go(200);  // STI; NOP; NOP; CLI; MOV DX, 504h; IN EAX, DX; MOV [missed], EAX; and once more
  s.expect(b.word(kTimerCount) == 1, "coalesce",
           fmt::format("five ticks came while the guest's IF was 0, and after STI vector 40h arrived {} "
                       "times instead of once",
                       b.word(kTimerCount)));
  s.expect(b.word(kMissed) == 4, "missed",
           fmt::format("port 504h says that {} ticks were missed instead of 4", b.word(kMissed)));
  s.expect(b.word(kMissed + 4) == 0, "missed", "port 504h has not forgotten what it has told");
}

void two(Check& c, Session& session) {
  Step s(c, session, "two");
  Bench& b = s.bench;
  place_handlers(b);
  b.at(0, start_timer(period(c)), false);
  b.go(50);
  raise_uart(b);  // takes longer than a period
  b.at(0, {0x90}, false);
  b.go(100);
  b.at(0, {0xFB, 0x90, 0x90, 0x90}, false);
  b.go(100);
  s.expect(b.word(kTimerCount) >= 1, "two-wait",
           "the timer and the UART waited for STI, and the timer's interrupt never came");
  s.expect(b.word(kUartCount) == 1, "two-wait",
           "the timer and the UART waited for STI, and the UART's interrupt never came");
}

// ---- whole guests

std::string command_line(const Check& c) {
  return fmt::format("run=preempt,forkwait {},primes {},ls", c.seeded("forkwait", 3, 8),
                     c.seeded("primes", 2000, 6000));
}

void kernel(Check& c) {
  const RunReport native = run_guest({.command_line = command_line(c), .mode = Mode::Native});
  Session session(c.work.folder(), "out/monitor", c.work.program_output());
  const RunReport seen =
      run_guest({.command_line = command_line(c), .mode = Mode::Hvm, .monitor = [&](Host& host) {
                   return std::make_unique<EventBridge>(host, session);
                 }});
  judge_kernel(c, seen, native);
}

}  // namespace

Answers answers(const Check& c) {
  const RunReport ours = run_guest({.command_line = command_line(c), .mode = Mode::Hvm});
  return {{"hlt-exits", std::to_string(ours.exit_samples(ExitReason::Hlt))},
          {"interrupt-exits", std::to_string(ours.exit_samples(ExitReason::ExternalInterrupt))},
          {"window-exits", std::to_string(ours.exit_samples(ExitReason::InterruptWindow))}};
}

std::string assignment(const Check& c) {
  return fmt::format(
      "Your command line: ringside run kernel --mode hvm -m 8 -append \"{}\"\n"
      "Your timer is tried with a period of {} us.",
      command_line(c), period(c));
}

void checks(Check& c) {
  constexpr MonitorStep kSteps[] = {hlt, inject, window, timer, drift, late, two};
  if (!try_monitor(c, kSteps)) return;
  kernel(c);

  const auto given = parse_answers(c.work.text("answers.txt"));
  Figures figures(given);
  for (const auto& [key, value] : answers(c)) figures.expect(key, std::stoull(value));
  figures.settle(c, "count", "prediction");
}

}  // namespace ringside::labs::lab07
