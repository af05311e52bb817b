// Lab 03: each step is a few bytes of guest code whose effect is looked at; then whole guests.
#include <fmt/format.h>

#include "labs/framework/check.h"
#include "labs/framework/guest_run.h"
#include "labs/framework/monitor_steps.h"
#include "labs/framework/step_check.h"
#include "labs/framework/trap_bench.h"

namespace ringside::labs::lab03 {
namespace {

constexpr u8 kLidt[] = {0x0F, 0x01, 0x1D, 0x00, 0x38, 0x00, 0x00};  // lidt [kIdtPointer]

using Step = StepCheck<TrapBench>;

/// The guest tells its monitor where its IDT is, and goes on in `ring` at `code`.
void after_lidt(Step& s, u32 ring, std::initializer_list<u8> code) {
  s.bench.at(0, {kLidt[0], kLidt[1], kLidt[2], kLidt[3], kLidt[4], kLidt[5], kLidt[6]});
  s.bench.run(1);
  s.bench.at(ring, code);
}

void cli(Check& c, Session& session) {
  Step s(c, session, "cli");
  TrapBench& b = s.bench;
  b.at(0, {0xFB});  // STI
  b.run(1);
  s.expect(b.guest().interrupts_enabled(), "real-if", "after STI the guest's interrupt flag is still off");
  b.at(0, {0xFA});  // CLI
  b.run(1);
  s.expect(!b.guest().interrupts_enabled(), "real-if", "after CLI the guest's interrupt flag is still on");
  s.expect(b.eip() == TrapBench::kCode + 1, "real-if", "EIP has not moved over CLI");
  b.at(3, {0xFB});
  b.guest().set_flags(b.guest().flags() & ~eflags::IF);
  const auto raised = b.raised();  // needs no working reflection
  s.expect(raised == vector::GP && !b.guest().interrupts_enabled(), "cli-ring3",
           "STI in ring 3 with IOPL 0 was carried out");
}

void popf(Check& c, Session& session) {
  Step s(c, session, "popf");
  TrapBench& b = s.bench;
  constexpr u32 kZf = eflags::ZF;
  for (const bool on : {false, true}) {
    b.at(0, {0x9C});  // PUSHF
    b.guest().set_flags(eflags::kFixedOne | kZf | (on ? eflags::IF : 0) | 1u << 12);
    b.run(1);
    const u32 seen = b.word(TrapBench::kStack - 4);
    s.expect(b.reg(ESP) == TrapBench::kStack - 4, "popf-esp", "PUSHF has not moved ESP by 4");
    s.expect(((seen & eflags::IF) != 0) == on, "real-if",
             fmt::format("PUSHF shows IF = {} while the guest's is {}", on ? 0 : 1, on ? 1 : 0));
    s.expect(seen & kZf, "real-if", "PUSHF does not show ZF");
    s.expect((seen & eflags::IOPL) == 1u << 12, "real-if", "PUSHF does not show the guest's IOPL");
  }
  b.at(0, {0x9D});  // POPF
  b.guest().set_flags(eflags::kFixedOne);
  b.poke(TrapBench::kStack, eflags::IF | eflags::CF | eflags::kFixedOne);
  b.run(1);
  s.expect(b.guest().interrupts_enabled(), "real-if", "POPF in ring 0 has not set the guest's IF");
  s.expect(b.guest().flags() & eflags::CF, "real-if", "POPF has not set CF");
  s.expect(b.reg(ESP) == TrapBench::kStack + 4, "popf-esp", "POPF has not taken its word off the stack");
  b.at(3, {0x9D});
  b.guest().set_flags(eflags::kFixedOne | eflags::IF);
  b.poke(TrapBench::kUserStack, eflags::kFixedOne | eflags::DF);
  s.expect(!b.raised(), "popf-faults", "POPF in ring 3 was answered by #GP");
  s.expect(b.guest().interrupts_enabled(), "popf-faults",
           "POPF in ring 3 with IOPL 0 has changed the guest's IF");
  s.expect(b.guest().flags() & eflags::DF, "popf-faults", "POPF in ring 3 has not set DF");
}

void control(Check& c, Session& session) {
  Step s(c, session, "control");
  TrapBench& b = s.bench;
  b.at(0, {0x0F, 0x22, 0xD0});  // MOV CR2, EAX
  b.reg(EAX) = 0xC0FFEE00;
  b.run(1);
  b.at(0, {0x0F, 0x20, 0xD1});  // MOV ECX, CR2
  b.run(1);
  s.expect(b.reg(ECX) == 0xC0FFEE00, "cr2",
           fmt::format("CR2 was set to C0FFEE00h and reads as {:08X}h", b.reg(ECX)));
  b.at(0, {0x0F, 0x22, 0xD8});  // MOV CR3, EAX
  b.reg(EAX) = 0x00077000;
  b.run(1);
  b.at(0, {0x0F, 0x20, 0xDA});  // MOV EDX, CR3
  b.run(1);
  s.expect(b.reg(EDX) == 0x00077000, "cr2",
           fmt::format("CR3 was set to 77000h and reads as {:X}h", b.reg(EDX)));
  b.at(0, {0x0F, 0x20, 0xC0});  // MOV EAX, CR0
  b.run(1);
  const u32 before = b.reg(EAX);
  s.expect(before == (cr0::PE | cr0::ET), "cr2",
           fmt::format("the guest's CR0 reads as {:08X}h instead of 00000011h", before));
  b.at(0, {0x0F, 0x22, 0xC0});  // MOV CR0, EAX
  b.reg(EAX) = before | cr0::TS | cr0::MP;
  b.run(1);
  b.at(0, {0x0F, 0x06});  // CLTS
  b.run(1);
  s.expect(b.guest().virt.cr0 == (before | cr0::MP), "clts",
           fmt::format("after CLTS CR0 is {:08X}h instead of {:08X}h", b.guest().virt.cr0, before | cr0::MP));
  b.at(0, {0x0F, 0x01, 0xE3});  // SMSW EBX
  b.run(1);
  s.expect((b.reg(EBX) & 0xFFFF) == ((before | cr0::MP) & 0xFFFF), "clts",
           "SMSW does not give the guest's CR0");
}

void ports(Check& c, Session& session) {
  Step s(c, session, "ports");
  TrapBench& b = s.bench;
  constexpr u8 kScratch = 0xFF;  // the UART's scratch register gives back what it was given
  b.at(0, {0xEE});               // OUT DX, AL
  b.reg(EDX) = RS_PORT_UART + 7;
  b.reg(EAX) = 0x12345600u | 0x5A;
  b.run(1);
  b.at(0, {0xEC});  // IN AL, DX
  b.reg(EAX) = 0xAABBCC00u | kScratch;
  b.run(1);
  s.expect((b.reg(EAX) & 0xFF) == 0x5A, "in-width",
           fmt::format("IN AL gives {:02X}h instead of 5Ah", b.reg(EAX) & 0xFF));
  s.expect(b.reg(EAX) >> 8 == 0xAABBCC, "in-width", "IN AL has changed more of EAX than AL");
  b.at(0, {0xE6, 0xE9});  // OUT E9h, AL: the debug console
  b.reg(EAX) = 'x';
  b.run(1);
  s.expect(b.host.machine.console() == "x", "in-width", "OUT E9h, AL has not printed its character");

  const char text[] = "repeat";
  b.at(0, {0xF3, 0x6E});  // REP OUTSB
  std::memcpy(b.host.machine.ram().at(GuestPhys(TrapBench::kData), sizeof text), text, sizeof text);
  b.reg(ESI) = TrapBench::kData;
  b.reg(EDX) = 0xE9;
  b.reg(ECX) = 6;
  b.run(1);
  s.expect(b.host.machine.console() == "xrepeat", "rep",
           fmt::format("REP OUTSB of 'repeat' left '{}' on the console", b.host.machine.console()));
  s.expect(b.reg(ECX) == 0 && b.reg(ESI) == TrapBench::kData + 6, "rep",
           "after REP OUTSB, ECX or ESI is wrong");
  b.at(0, {0xF3, 0x6D});  // REP INSD from a port that nobody owns: all ones
  b.reg(EDI) = TrapBench::kData + 0x100;
  b.reg(EDX) = 0x2E0;
  b.reg(ECX) = 2;
  b.poke(TrapBench::kData + 0x108, 0);
  b.run(1);
  s.expect(b.word(TrapBench::kData + 0x104) == ~0u && b.word(TrapBench::kData + 0x108) == 0 &&
               b.reg(ECX) == 0 && b.reg(EDI) == TrapBench::kData + 0x108,
           "rep", "REP INSD of two words did not fill exactly two words and leave ECX 0 and EDI behind them");
  b.at(3, {0xEE});
  s.expect(b.raised() == vector::GP, "port-ring3", "OUT in ring 3 with IOPL 0 was carried out");
}

void hlt(Check& c, Session& session) {
  Step s(c, session, "hlt");
  TrapBench& b = s.bench;
  b.at(0, {0xF4});
  b.guest().set_flags(b.guest().flags() | eflags::IF);
  b.run(1);
  s.expect(b.last() == ringside::Outcome::Kind::Idle, "hlt", "after HLT the guest goes on at once");
}

/// SS, ESP, EFLAGS, CS, EIP below `top`, with an error code below them if there is one.
void expect_frame(Step& s, u32 top, bool outer, u32 eip, std::optional<u32> error, bool interrupts,
                  u8 vector_number) {
  TrapBench& b = s.bench;
  const auto in = b.in_handler();
  s.expect(
      in == vector_number, "frame-order",
      in ? fmt::format("the guest was sent to its handler of vector {} instead of {}", *in, vector_number)
         : fmt::format("the guest was not sent to its handler of vector {}", vector_number));
  u32 at = top;
  if (outer) {
    s.expect(b.reg(ESP) < TrapBench::kKernelStack + 1 && b.reg(ESP) > TrapBench::kKernelStack - 64,
             "stack-switch",
             fmt::format("the frame was built at {:X}h, not on the kernel's stack", b.reg(ESP)));
    s.expect(b.word(at - 4) == TrapBench::kData3 && b.word(at - 8) == TrapBench::kUserStack, "stack-switch",
             "the frame does not begin with the old SS and ESP");
    at -= 8;
  } else {
    const u32 size = error ? 16 : 12;
    s.expect(b.reg(ESP) == top - size, "no-switch",
             fmt::format("a frame of {} bytes was expected and {} were pushed", size, top - b.reg(ESP)));
  }
  s.expect((b.word(at - 8) & ~3u) == 8, "frame-order",
           fmt::format("where CS should be in the frame there is {:X}h", b.word(at - 8)));
  s.expect(((b.word(at - 4) & eflags::IF) != 0) == interrupts, "real-if",
           "EFLAGS in the frame does not show the guest's own interrupt flag");
  s.expect(b.word(at - 12) == eip, outer ? "int-length" : "frame-order",
           fmt::format("the frame's EIP is {:X}h instead of {:X}h", b.word(at - 12), eip));
  if (error)
    s.expect(b.word(at - 16) == *error && b.reg(ESP) == at - 16, "error-code",
             fmt::format("the error code {:X}h is not on top of the frame", *error));
}

void faults(Check& c, Session& session) {
  Step s(c, session, "faults");
  TrapBench& b = s.bench;
  after_lidt(s, 3, {0x0F, 0x0B});  // UD2
  b.guest().set_flags(b.guest().flags() | eflags::IF);
  b.run(1);
  {
    const auto in = b.in_handler();
    s.expect(in == vector::UD, "frame-order", "UD2 in ring 3 did not reach the guest's handler of #UD");
    const u32 top = TrapBench::kKernelStack;
    s.expect(b.reg(ESP) == top - 20, "stack-switch",
             fmt::format("after #UD in ring 3 ESP is {:X}h instead of {:X}h on the kernel's stack",
                         b.reg(ESP), top - 20));
    s.expect(b.word(top - 4) == TrapBench::kData3 && b.word(top - 8) == TrapBench::kUserStack, "stack-switch",
             "the frame does not begin with the old SS and ESP");
    s.expect(b.word(top - 16) == TrapBench::kCode3, "frame-order",
             "the fourth word of the frame is not the old CS");
    s.expect(b.word(top - 12) & eflags::IF, "real-if",
             "EFLAGS in the frame does not show the guest's own interrupt flag");
    s.expect(b.word(top - 20) == TrapBench::kCode, "frame-order",
             "the frame's EIP is not that of the faulting instruction");
    s.expect(!b.guest().interrupts_enabled(), "gate-if",
             "the handler behind an interrupt gate runs with interrupts on");
  }
  b.at(0, {0x0F, 0x0B});
  b.guest().set_flags(eflags::kFixedOne);
  b.run(1);
  expect_frame(s, TrapBench::kStack, false, TrapBench::kCode, std::nullopt, false, vector::UD);
  b.at(0, {0x8E, 0xD8});  // MOV DS, EAX: a selector beyond the GDT
  b.reg(EAX) = 0x50;
  b.run(1);
  expect_frame(s, TrapBench::kStack, false, TrapBench::kCode, 0x50, false, vector::GP);
  b.at(0, {0xCC});  // INT3 goes through an interrupt gate, INT 30h through a trap gate
  after_lidt(s, 0, {0xCD, TrapBench::kTrapGate});
  b.guest().set_flags(eflags::kFixedOne | eflags::IF);
  b.run(1);
  s.expect(b.guest().interrupts_enabled(), "gate-if", "a trap gate has turned the guest's interrupts off");
}

void int_n(Check& c, Session& session) {
  Step s(c, session, "int");
  TrapBench& b = s.bench;
  after_lidt(s, 3, {0xCD, TrapBench::kUserGate});
  b.guest().set_flags(eflags::kFixedOne | eflags::IF);
  b.run(1);
  s.expect(b.in_handler() == TrapBench::kUserGate, "int-dpl",
           "INT 80h from ring 3 did not reach its handler");
  s.expect(b.word(TrapBench::kKernelStack - 20) == TrapBench::kCode + 2, "int-length",
           fmt::format("INT 80h would return to {:X}h instead of the instruction behind it",
                       b.word(TrapBench::kKernelStack - 20)));
  b.at(3, {0xCD, 0x21});
  b.run(1);
  s.expect(b.in_handler() == vector::GP, "int-dpl", "INT 21h from ring 3 passed a gate with DPL 0");
  s.expect(b.word(TrapBench::kKernelStack - 24) == 0x21 * 8 + 2, "int-dpl",
           fmt::format("the #GP for INT 21h has the error code {:X}h instead of 10Ah",
                       b.word(TrapBench::kKernelStack - 24)));
}

void interrupts(Check& c, Session& session) {
  Step s(c, session, "interrupts");
  TrapBench& b = s.bench;
  Machine& m = b.host.machine;
  for (auto [port, value] :
       {std::pair<u16, u8>{0x20, 0x11}, {0x21, 0x20}, {0x21, 4}, {0x21, 1}, {0x21, 0xEF}})
    m.port_out(port, value, 1);  // 8259: vectors from 20h, only line 4 unmasked
  m.port_out(RS_PORT_UART + 4, 0x0B, 1);
  m.port_out(RS_PORT_UART + 1, 1, 1);
  m.type("k");
  m.advance();
  b.host.idle_until(b.host.now() + b.host.hz() / 100);
  m.advance();
  after_lidt(s, 0, {0xFA, 0x90});
  b.guest().set_flags(eflags::kFixedOne);
  b.run(1);
  s.expect(!b.in_handler(), "masked", "an interrupt was delivered while the guest's IF was 0");
  s.expect(m.interrupt_pending(), "masked",
           "an interrupt was acknowledged while the guest's IF was 0, and is lost");
  b.at(0, {0x90, 0x0F, 0x0B});
  b.guest().set_flags(eflags::kFixedOne | eflags::IF);
  b.monitor->before_entry();
  s.expect(b.in_handler() == 0x24, "masked",
           "a pending interrupt was not delivered although the guest's IF is 1");
  s.expect(b.word(TrapBench::kStack - 12) == TrapBench::kCode, "frame-order",
           "the interrupt's frame does not hold the interrupted EIP");
}

// ---- whole guests

std::string command_line(const Check& c) {
  return fmt::format("run=echo {},forkwait {},preempt,ls,diskio 512 {}", c.seeded("echo", 100, 999),
                     c.seeded("forkwait", 2, 6), c.seeded("diskio", 4, 9));
}

void whole_guest(Check& c, const char* step, const GuestRun& base) {
  GuestRun native = base;
  native.mode = Mode::Native;
  const RunReport expected = run_guest(native);
  Session session(c.work.folder(), "out/monitor", c.work.program_output());
  GuestRun students = base;
  std::string complaint;
  students.monitor = [&](Host& host) { return std::make_unique<TrapBridge>(host, session); };
  const RunReport seen = run_guest(students);
  if (!session.lost().empty()) return c.fail(step, session.lost());
  const std::string differs = difference(seen.console, expected.console);
  if (seen.status == RunReport::Status::Ok && differs.empty()) return c.pass(step);
  c.fail(step, seen.reason.empty() ? differs : seen.reason + (differs.empty() ? "" : "; " + differs),
         "console");
}

}  // namespace

Answers answers(const Check& c) {
  const RunReport ours = run_guest({.command_line = command_line(c)});
  return {{"io-exits", std::to_string(ours.exit_samples(ExitReason::IoInstruction))},
          {"popf-pushf-exits", std::to_string(ours.exit_samples(ExitReason::SensitiveInstruction))}};
}

std::string assignment(const Check& c) {
  return fmt::format("Your kernel's command line: ringside run kernel --mode trap -m 8 -append \"{}\"",
                     command_line(c));
}

void checks(Check& c) {
  constexpr MonitorStep kSteps[] = {cli, popf, control, ports, hlt, faults, int_n, interrupts};
  if (!try_monitor(c, kSteps)) return;
  whole_guest(c, "hello", {.guest = "hello"});
  whole_guest(c, "kernel", {.command_line = command_line(c)});

  const auto given = parse_answers(c.work.text("answers.txt"));
  std::string wrong;
  for (const auto& [key, value] : answers(c)) {
    const auto it = given.find(key);
    const auto seen = it == given.end() ? std::nullopt : number(it->second);
    if (!seen || std::to_string(*seen) != value) wrong += (wrong.empty() ? "" : ", ") + key;
  }
  if (!c.passed("kernel"))
    c.fail("predict", "first the kernel has to boot");
  else if (wrong.empty())
    c.pass("predict");
  else
    c.fail("predict", "not the figures of your run: " + wrong, "prediction");
}

}  // namespace ringside::labs::lab03
