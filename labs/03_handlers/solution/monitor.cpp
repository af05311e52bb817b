// Trap-and-emulate: what the guest's kernel may not do in ring 1 is done here in its place.
#include "ringside/trap.h"

#include <cstring>

using namespace ringside::lab;

namespace {

class MyMonitor final : public TrapMonitor {
 public:
  Outcome emulate(TrapVm& vm, const Instruction& i) override;
  bool reflect(TrapVm& vm, const Event& e) override;
  void interrupt(TrapVm& vm) override;

 private:
  Outcome flags(TrapVm& vm, const Instruction& i);
  Outcome control(TrapVm& vm, const Instruction& i);
  Outcome port(TrapVm& vm, const Instruction& i);
  bool deliver(TrapVm& vm, const Event& e);

  u32 idt_base_ = 0, idt_limit_ = 0;
};

Outcome MyMonitor::emulate(TrapVm& vm, const Instruction& i) {
  switch (i.op) {
    case Op::Cli:
    case Op::Sti:
    case Op::Pushf:
    case Op::Popf: return flags(vm, i);
    case Op::Hlt: return idle();
    case Op::Lidt: {
      u8 bytes[6];
      if (!vm.read(i.address, bytes, sizeof bytes)) return fault(kGP, 0);
      u16 limit;
      std::memcpy(&limit, bytes, 2);
      std::memcpy(&idt_base_, bytes + 2, 4);
      idt_limit_ = limit;
      return advance();
    }
    case Op::Smsw:
    case Op::MovToCr:
    case Op::MovFromCr:
    case Op::Clts:
    case Op::Invlpg: return control(vm, i);
    case Op::In:
    case Op::Out:
    case Op::Ins:
    case Op::Outs: return port(vm, i);
  }
  return not_handled();
}

// ---- the flags: the guest must see and change its own IF and IOPL, and never the real ones

Outcome MyMonitor::flags(TrapVm& vm, const Instruction& i) {
  Cpu& c = vm.cpu;
  const bool io_privileged = c.cpl <= c.virtual_iopl;
  switch (i.op) {
    case Op::Cli:
      if (!io_privileged) return fault(kGP, 0);
      c.virtual_if = 0;
      break;
    case Op::Sti:
      if (!io_privileged) return fault(kGP, 0);
      c.virtual_if = 1;
      break;
    case Op::Pushf: {
      const u32 seen =
          (c.eflags & ~(kIF | kIOPL | kRF | kVM)) | (c.virtual_if ? kIF : 0) | c.virtual_iopl << 12;
      if (!vm.push(seen)) return fault(kPF, 0);
      break;
    }
    default: {
      u32 wanted;
      if (!read(vm, c.reg[ESP], wanted)) return fault(kPF, 0);
      c.reg[ESP] += 4;
      const u32 own = kIF | kIOPL | kRF | kVM;
      c.eflags = (c.eflags & own) | (wanted & ~own);
      if (io_privileged) c.virtual_if = (wanted & kIF) != 0;  // otherwise silently kept, as the manual says
      if (c.cpl == 0) c.virtual_iopl = (wanted & kIOPL) >> 12;
    }
  }
  return advance();
}

Outcome MyMonitor::control(TrapVm& vm, const Instruction& i) {
  Cpu& c = vm.cpu;
  switch (i.op) {
    case Op::MovToCr: vm.set_cr(i.cr, c.reg[i.reg]); break;
    case Op::MovFromCr: {
      const u32 values[] = {c.cr0, 0, c.cr2, c.cr3, c.cr4};
      c.reg[i.reg] = values[i.cr];
      break;
    }
    case Op::Clts: vm.set_cr(0, c.cr0 & ~8u); break;
    case Op::Smsw:
      if (i.address) {
        const u16 low = static_cast<u16>(c.cr0);
        if (!vm.write(i.address, &low, sizeof low)) return fault(kGP, 0);
      } else {
        c.reg[i.reg] = c.cr0;
      }
      break;
    default: vm.invalidate(i.address);
  }
  return advance();
}

Outcome MyMonitor::port(TrapVm& vm, const Instruction& i) {
  Cpu& c = vm.cpu;
  if (c.cpl > c.virtual_iopl) return fault(kGP, 0);
  const u16 port = static_cast<u16>(i.port);
  const u32 mask = i.size == 4 ? ~0u : (1u << 8 * i.size) - 1;
  if (i.op == Op::In) {
    c.reg[EAX] = (c.reg[EAX] & ~mask) | (vm.in(port, i.size) & mask);
    return advance();
  }
  if (i.op == Op::Out) {
    vm.out(port, i.size, c.reg[EAX] & mask);
    return advance();
  }
  // INS and OUTS: element by element, so that the registers tell how far it has come when a page is missing.
  const u32 step = c.eflags & kDF ? 0u - i.size : i.size;
  u32 count = i.rep ? c.reg[ECX] : 1, address = i.address;
  for (; count > 0; --count, address += step) {
    u32 value = 0;
    if (i.op == Op::Ins) {
      value = vm.in(port, i.size);
      if (!vm.write(address, &value, i.size)) return not_handled();
      c.reg[EDI] += step;
    } else {
      if (!vm.read(address, &value, i.size)) return not_handled();
      vm.out(port, i.size, value);
      c.reg[ESI] += step;
    }
    if (i.rep) --c.reg[ECX];
  }
  return advance();
}

// ---- events: what the processor would do with the guest's IDT

bool MyMonitor::reflect(TrapVm& vm, const Event& e) { return deliver(vm, e); }

bool MyMonitor::deliver(TrapVm& vm, const Event& e) {
  Cpu& c = vm.cpu;
  u32 gate[2];
  if (e.vector * 8 + 7 > idt_limit_ || !vm.read(idt_base_ + e.vector * 8, gate, sizeof gate)) return false;
  const u32 dpl = gate[1] >> 13 & 3, type = gate[1] >> 8 & 0x1F;
  if (e.software && dpl < c.cpl)
    return deliver(vm, {.vector = kGP, .has_error = 1, .error = e.vector * 8 + 2});
  if (!(gate[1] & 0x8000)) return false;

  const u32 old_ss = c.ss, old_esp = c.reg[ESP], old_cs = c.cs, eip = c.eip + e.length;
  const u32 flags = (c.eflags & ~(kIF | kIOPL)) | (c.virtual_if ? kIF : 0) | c.virtual_iopl << 12;
  if (c.cpl == 3) {
    u32 inner[2];  // ESP0, SS0
    if (!vm.read(c.tss + 4, inner, sizeof inner) || !vm.switch_stack(static_cast<u16>(inner[1]), inner[0]))
      return false;
    if (!vm.push(old_ss) || !vm.push(old_esp)) return false;
  }
  if (!vm.push(flags) || !vm.push(old_cs) || !vm.push(eip)) return false;
  if (e.has_error && !vm.push(e.error)) return false;
  if (!vm.jump(static_cast<u16>(gate[0] >> 16), (gate[1] & 0xFFFF0000u) | (gate[0] & 0xFFFF))) return false;
  c.eflags &= ~(kTF | kNT | kRF | kVM);
  if (type == 0x0E) c.virtual_if = 0;  // an interrupt gate; a trap gate leaves IF alone
  return true;
}

void MyMonitor::interrupt(TrapVm& vm) {
  if (!vm.cpu.virtual_if) return;  // later: the guest does not want it now
  deliver(vm, {.vector = vm.acknowledge_interrupt()});
}

}  // namespace

Monitor* ringside::lab::make_monitor() { return new MyMonitor; }
