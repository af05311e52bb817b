#include "labs/framework/trap_session.h"

#include <cstring>

namespace ringside::labs {

TrapSession::TrapSession(Host& host, Session& session, ShadowPolicy policy)
    : TrapMonitor(host, policy), session_(session) {}

Cpu TrapSession::cpu_now() const {
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

void TrapSession::take(const Cpu& c) {
  std::copy(std::begin(c.reg), std::end(c.reg), guest.real().gpr.begin());
  guest.real().eip = c.eip;
  // What is the monitor's in the real flags stays so, whatever a student writes: set_flags() sees to IF and
  // IOPL. VM is entered and left by IRET alone.
  constexpr u32 kOwn = eflags::IF | eflags::IOPL | eflags::VM;
  guest.set_flags((c.eflags & ~kOwn) | (guest.real().eflags & eflags::VM) |
                  (c.virtual_if & 1 ? eflags::IF : 0) | (c.virtual_iopl & 3) << 12);
}

lab::Outcome TrapSession::ask(Hook hook, const void* arguments, std::size_t bytes) {
  asking_ = true;
  const Session::Done done = session_.exchange(hook, arguments, bytes, cpu_now(), *this);
  asking_ = false;
  if (session_.lost().empty()) take(done.cpu);
  return done.outcome;
}

bool TrapSession::complain(std::string what) {
  if (complaint_.empty()) complaint_ = session_.lost().empty() ? std::move(what) : session_.lost();
  guest.limitation = complaint_;
  return false;
}

bool TrapSession::serve(Frame& call, std::vector<u8>& payload) {
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
        ok = serve_guest(call, payload);
      }
  }
  call.cpu = cpu_now();
  return ok;
}

}  // namespace ringside::labs
