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
      return Outcome::stop(complaint());
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

bool TrapBridge::serve_guest(Frame& call, std::vector<u8>& payload) {
  payload.clear();
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

}  // namespace ringside::labs
