#include "labs/framework/vmx_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hypervisor/guest_walk.h"

namespace ringside::labs {

void VmxSession::boot(const Image& image, const std::string& command_line) {
  ringside::VmxMonitor::boot(image, command_line);
  start();
}

void VmxSession::begin(const CpuState& state) {
  vmcs().cr0_read_shadow = state.cr0;
  vmcs().cr4_read_shadow = state.cr4;
  guest() = state;
  guest().cr0 = real_cr0(state.cr0);
  start();
}

Exit VmxSession::enter(u64 budget) {
  if (!complaint_.empty()) return exits::InvalidGuestState{complaint_.c_str()};
  return ringside::VmxMonitor::enter(budget);
}

Outcome VmxSession::on(const exits::InvalidGuestState& e) {
  return complaint_.empty() ? ringside::VmxMonitor::on(e) : Outcome::stop(complaint_);
}

Cpu VmxSession::cpu_now() {
  const CpuState s = virtual_state();
  Cpu c{};
  std::copy(s.gpr.begin(), s.gpr.end(), c.reg);
  c.eip = s.eip;
  c.eflags = s.eflags;
  c.virtual_if = (s.eflags & eflags::IF) != 0;
  c.virtual_iopl = (s.eflags & eflags::IOPL) >> 12;
  c.cr0 = s.cr0;
  c.cr2 = s.cr2;
  c.cr3 = s.cr3;
  c.cr4 = s.cr4;
  c.cs = s.seg[CS].selector;
  c.ss = s.seg[SS].selector;
  c.cpl = s.cpl();
  c.tss = s.tr.usable() ? s.tr.base : 0;
  c.interruptible = vcpu().interruptible();
  return c;
}

/// The guest's flags are the hardware's business, but for what an emulated instruction computes.
void VmxSession::take(const Cpu& c) {
  constexpr u32 kTaken = lab::kArithmeticFlags;
  CpuState& s = guest();
  std::copy(std::begin(c.reg), std::end(c.reg), s.gpr.begin());
  s.eip = c.eip;
  s.eflags = (s.eflags & ~kTaken) | (c.eflags & kTaken);
}

lab::Outcome VmxSession::ask(Hook hook, const void* arguments, std::size_t bytes) {
  const Session::Done done = session_.exchange(hook, arguments, bytes, cpu_now(), *this);
  if (session_.lost().empty()) take(done.cpu);
  return done.outcome;
}

bool VmxSession::complain(std::string what, std::string_view hint) {
  if (complaint_.empty()) {
    hint_ = session_.lost().empty() ? hint : std::string_view();
    complaint_ = session_.lost().empty() ? std::move(what) : session_.lost();
  }
  return false;
}

Outcome VmxSession::hand_over(Hook hook, const void* arguments, std::size_t bytes, u8 length,
                              std::string_view name) {
  const u32 at = guest().eip;
  const lab::Outcome o = ask(hook, arguments, bytes);
  if (!complaint_.empty()) return Outcome::stop(complaint_);
  switch (o.next) {
    case lab::Outcome::Advance: return advance(length);
    case lab::Outcome::Retry: return Outcome::retry();
    case lab::Outcome::Idle:
      if (length) skip_instruction(length);
      return Outcome::idle();
    case lab::Outcome::Fault:
      return Outcome::inject({.vector = o.vector, .has_error_code = o.has_error, .error_code = o.error});
    default:
      complain(fmt::format("your monitor does not handle the exit {} (at {:08X}h)", name, at));
      return Outcome::stop(complaint_);
  }
}

bool VmxSession::serve(Frame& call, std::vector<u8>& payload) {
  using lab::Call;
  take(call.cpu);
  const u32 a = call.a[0], b = call.a[1];
  bool ok = true;
  switch (static_cast<Call>(call.code)) {
    case Call::Read:
    case Call::Write: {
      const bool write = static_cast<Call>(call.code) == Call::Write;
      if (b > lab::kMostBytes || (write && b != payload.size())) return false;
      if (!write) payload.assign(b, 0);
      call.a[0] = access(LinearAddr(a), payload.data(), b, write);
      if (write) payload.clear();
      break;
    }
    case Call::WritePhysical: {
      if (b != payload.size()) return false;
      const GuestMemory& ram = host.machine.ram();
      call.a[0] = ram.contains(GuestPhys(a), b);
      if (call.a[0]) {
        std::memcpy(ram.at(GuestPhys(a), b), payload.data(), b);
        host.cpu.memory_written(ram.to_machine(GuestPhys(a)), b);
      }
      payload.clear();
      break;
    }
    default:
      if (const auto served = serve_machine(host, call, payload))
        ok = *served;
      else
        ok = serve_guest(call, payload);
  }
  call.cpu = cpu_now();
  return ok;
}

/// Through the guest's own tables, as its kernel; page by page. RAM only.
bool VmxSession::access(LinearAddr address, u8* bytes, u32 count, bool write) {
  const GuestMemory& ram = host.machine.ram();
  const PagingMode mode = paging_mode(virtual_state(), false);
  for (u32 done = 0; done < count;) {
    const LinearAddr at = address + done;
    const u32 piece = std::min(count - done, kPageSize - at.offset());
    const PageWalk walk =
        walk_guest_and_mark(ram, mode, at, write ? Access::Write : Access::Read, [](GuestPhys) {});
    u8* const memory = walk.ok ? ram.at(GuestPhys(walk.physical), piece) : nullptr;
    if (!memory) return false;
    if (write) {
      std::memcpy(memory, bytes + done, piece);
      host.cpu.memory_written(ram.to_machine(GuestPhys(walk.physical)), piece);
    } else {
      std::memcpy(bytes + done, memory, piece);
    }
    done += piece;
  }
  return true;
}

}  // namespace ringside::labs
