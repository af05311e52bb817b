#include "labs/framework/trap_bridge.h"

#include <fmt/format.h>

#include <cstring>

#include "hypervisor/trap/operands.h"

namespace ringside::labs {
namespace {

using lab::Op;

/// The rows of our emulation table that are the student's.
std::optional<Op> students(const Decoded& d) {
  switch (d.opcode) {
    case 0x00FA: return Op::Cli;
    case 0x00FB: return Op::Sti;
    case 0x00F4: return Op::Hlt;
    case 0x009C: return Op::Pushf;
    case 0x009D: return Op::Popf;
    case 0x0F20: return Op::MovFromCr;
    case 0x0F22: return Op::MovToCr;
    case 0x0F06: return Op::Clts;
    case 0x0F01:
      if (d.reg == 3) return Op::Lidt;
      if (d.reg == 4) return Op::Smsw;
      if (d.reg == 7) return Op::Invlpg;
      return std::nullopt;
    case 0x00E4:
    case 0x00E5:
    case 0x00EC:
    case 0x00ED: return Op::In;
    case 0x00E6:
    case 0x00E7:
    case 0x00EE:
    case 0x00EF: return Op::Out;
    case 0x006C:
    case 0x006D: return Op::Ins;
    case 0x006E:
    case 0x006F: return Op::Outs;
    default: return std::nullopt;
  }
}

constexpr std::string_view kOpNames[] = {"CLI",    "STI",  "HLT",       "PUSHF",       "POPF",
                                         "SMSW",   "LIDT", "MOV to CR", "MOV from CR", "CLTS",
                                         "INVLPG", "IN",   "OUT",       "INS",         "OUTS"};

lab::Instruction describe(TrapGuest& g, const Decoded& d, Op op) {
  lab::Instruction i{.op = op, .length = d.length, .size = d.operand32 ? 4u : 2u};
  const auto& r = g.real().gpr;
  switch (op) {
    case Op::MovToCr:
    case Op::MovFromCr:
      i.cr = d.reg;
      i.reg = d.rm;
      break;
    case Op::Smsw: i.reg = d.rm; [[fallthrough]];
    case Op::Lidt:
    case Op::Invlpg:
      if (d.memory) i.address = g.segment(static_cast<Seg>(d.seg)).base + emulation::effective_offset(g, d);
      break;
    case Op::In:
    case Op::Out:
    case Op::Ins:
    case Op::Outs:
      i.size = d.opcode & 1 ? (d.operand32 ? 4 : 2) : 1;
      i.port = (d.opcode & 0xF8) == 0xE0 ? d.imm & 0xFF : r[EDX] & 0xFFFF;
      i.rep = d.rep != 0;
      if (op == Op::Ins) i.address = g.segment(ES).base + r[EDI];
      if (op == Op::Outs) i.address = g.segment(static_cast<Seg>(d.seg)).base + r[ESI];
      break;
    default: break;
  }
  return i;
}

}  // namespace

TrapBridge::TrapBridge(Host& host, Session& session) : TrapMonitor(host), session_(session) {}

Cpu TrapBridge::cpu_now() const {
  const TrapGuest& g = guest;
  Cpu c{};
  std::copy(g.real().gpr.begin(), g.real().gpr.end(), c.reg);
  c.eip = g.real().eip;
  c.eflags = g.real().eflags & ~eflags::IOPL;
  c.virtual_if = g.interrupts_enabled();
  c.virtual_iopl = g.iopl();
  c.cr0 = g.virt.cr0;
  c.cr2 = g.virt.cr2;
  c.cr3 = g.virt.cr3;
  c.cr4 = g.virt.cr4;
  c.cs = g.selector(CS);
  c.ss = g.selector(SS);
  c.cpl = g.cpl();
  c.tss = g.virt.tr.usable() ? g.virt.tr.base : 0;
  c.interruptible = g.interrupts_enabled() && !g.interrupt_shadow;
  return c;
}

void TrapBridge::take(const Cpu& c) {
  std::copy(std::begin(c.reg), std::end(c.reg), guest.real().gpr.begin());
  guest.real().eip = c.eip;
  // What is the monitor's in the real flags stays so, whatever a student writes: set_flags() sees to IF and
  // IOPL. VM is entered and left by IRET alone.
  constexpr u32 kOwn = eflags::IF | eflags::IOPL | eflags::VM;
  guest.set_flags((c.eflags & ~kOwn) | (guest.real().eflags & eflags::VM) |
                  (c.virtual_if & 1 ? eflags::IF : 0) | (c.virtual_iopl & 3) << 12);
}

lab::Outcome TrapBridge::ask(Hook hook, const void* arguments, std::size_t bytes) {
  const Session::Done done = session_.exchange(hook, arguments, bytes, cpu_now(), *this);
  if (session_.lost().empty()) take(done.cpu);
  return done.outcome;
}

bool TrapBridge::complain(std::string what) {
  if (complaint_.empty()) complaint_ = session_.lost().empty() ? std::move(what) : session_.lost();
  guest.limitation = complaint_;
  return false;
}

void TrapBridge::before_entry() {
  if (guest.interrupt_shadow || !host.machine.interrupt_pending()) return;
  if (ask(Hook::Interrupt, nullptr, 0).next != lab::Outcome::Done) {
    complain("your monitor does not answer when an interrupt is pending");
    triple_fault();
  }
}

Outcome TrapBridge::carry_out(const EmulationRow& row, const Decoded& d) {
  const auto op = students(d);
  if (!op) return TrapMonitor::carry_out(row, d);
  const lab::Instruction instruction = describe(guest, d, *op);
  const bool was_enabled = guest.interrupts_enabled();
  const lab::Outcome o = ask(Hook::Emulate, &instruction, sizeof instruction);
  switch (o.next) {
    case lab::Outcome::Advance:
      if (*op == Op::Sti) guest.interrupt_shadow = !was_enabled && guest.interrupts_enabled();
      return Outcome::advance(d.length);
    case lab::Outcome::Retry: return Outcome::retry();
    case lab::Outcome::Idle:
      guest.real().eip += d.length;
      guest.interrupt_shadow = false;
      return Outcome::idle();
    case lab::Outcome::Fault:
      guest.fault = {
          ringside::Event{.vector = o.vector, .has_error_code = o.has_error, .error_code = o.error}};
      return Outcome::inject(guest.fault.event);
    default:
      complain(fmt::format("your monitor does not handle {} (at {:08X}h)",
                           kOpNames[static_cast<std::size_t>(*op)], guest.real().eip));
      return Outcome::stop(complaint_);
  }
}

bool TrapBridge::deliver(const ringside::Event& event, u32 cr2) {
  if (event.vector == vector::PF && event.type == EventType::HardwareException) guest.virt.cr2 = cr2;
  host.ledger.count(CostEvent::InjectEvent);
  const lab::Event e{
      .vector = event.vector,
      .software = event.type == EventType::SoftwareInterrupt || event.type == EventType::SoftwareException,
      .has_error = event.has_error_code,
      .error = event.error_code,
      .length = event.instruction_length};
  const u32 from = guest.real().eip;
  if (ask(Hook::Reflect, &e, sizeof e).next == lab::Outcome::Done) {
    guest.interrupt_shadow = false;
    return true;
  }
  return complain(
      fmt::format("your monitor does not reflect vector {} (raised at {:08X}h)", event.vector, from));
}

bool TrapBridge::serve_guest(Frame& call) {
  using lab::Call;
  const u32 a = call.a[0], b = call.a[1];
  switch (static_cast<Call>(call.code)) {
    case Call::SetCr:
      switch (a) {
        case 0:
          return guest.set_cr0(b) || complain("your monitor sets CR0 to a value that no processor takes");
        case 2: guest.virt.cr2 = b; return true;
        case 3: guest.set_cr3(b); return true;
        case 4:
          return guest.set_cr4(b) ||
                 complain("your monitor sets CR4 to a value that this processor does not take");
        default: return false;
      }
    case Call::Invalidate:
      guest.paging.invlpg(LinearAddr(a));
      if (!guest.descriptors.empty())
        guest.descriptors.remapped([&](LinearAddr address) { return guest.translate(address); });
      return true;
    case Call::SwitchStack: call.a[0] = guest.load_inner_stack(static_cast<u16>(a), b); return true;
    case Call::Jump: call.a[0] = guest.enter_inner_code(static_cast<u16>(a), b); return true;
    default: return false;
  }
}

bool TrapBridge::serve(Frame& call, std::vector<u8>& payload) {
  using lab::Call;
  take(call.cpu);
  const u32 a = call.a[0], b = call.a[1];
  bool ok = true;
  switch (static_cast<Call>(call.code)) {
    case Call::Read:
      if (b > lab::kMostBytes) return false;
      payload.assign(b, 0);
      call.a[0] = guest.read(LinearAddr(a), payload.data(), b, false);
      break;
    case Call::Write:
      if (b != payload.size()) return false;
      call.a[0] = guest.write(LinearAddr(a), payload.data(), b, false);
      payload.clear();
      break;
    case Call::WritePhysical:
      if (b != payload.size()) return false;
      call.a[0] = host.machine.ram().contains(GuestPhys(a), b);
      if (call.a[0]) {
        std::memcpy(host.machine.ram().at(GuestPhys(a), b), payload.data(), b);
        guest.memory_written(GuestPhys(a), b);
      }
      payload.clear();
      break;
    default:
      if (const auto served = serve_machine(host, call, payload)) {
        ok = *served;
      } else {
        payload.clear();
        ok = serve_guest(call);
      }
  }
  call.cpu = cpu_now();
  return ok;
}

}  // namespace ringside::labs
