// The monitor's side of the conversation (wire.h): the program around a student's hooks.
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "ringside/events.h"
#include "ringside/para.h"
#include "ringside/ring.h"
#include "ringside/shadow.h"
#include "ringside/trap.h"
#include "ringside/wire.h"

namespace ringside::lab {
namespace {

/// Ringside has gone, or does not want to go on: so do we.
[[noreturn]] void leave() {
  std::fflush(nullptr);
  _exit(0);
}

void receive(void* to, std::size_t bytes) {
  for (auto* p = static_cast<char*>(to); bytes > 0;) {
    const ssize_t n = ::read(kSocket, p, bytes);
    if (n <= 0) leave();
    p += n;
    bytes -= static_cast<std::size_t>(n);
  }
}

void send(const Frame& frame, const void* payload) {
  char buffer[sizeof frame + kMostBytes];
  std::memcpy(buffer, &frame, sizeof frame);
  if (frame.bytes) std::memcpy(buffer + sizeof frame, payload, frame.bytes);
  const char* p = buffer;
  for (std::size_t left = sizeof frame + frame.bytes; left > 0;) {
    const ssize_t n = ::write(kSocket, p, left);
    if (n <= 0) leave();
    p += n;
    left -= static_cast<std::size_t>(n);
  }
}

/// One piece at a time, so that a caller may ask for any number of bytes.
template <class Piece>
bool in_pieces(u32 bytes, Piece&& piece) {
  for (u32 done = 0; done < bytes;) {
    const u32 n = bytes - done < kMostBytes ? bytes - done : kMostBytes;
    if (!piece(done, n)) return false;
    done += n;
  }
  return true;
}

template <class T>
T taken_from(const u32* a) {
  T value;
  std::memcpy(&value, a, sizeof value);
  return value;
}

u32 results[9];  ///< of the last call

}  // namespace

u32 Vm::call(u32 op, u32 a, u32 b, u32 c, const void* out, u32 out_bytes, void* in, u32 in_bytes) {
  Frame frame{
      .magic = kMagic, .message = Message::Call, .code = op, .a = {a, b, c}, .cpu = cpu, .bytes = out_bytes};
  send(frame, out);
  receive(&frame, sizeof frame);
  if (frame.magic != kMagic || frame.message != Message::Reply || (frame.bytes && frame.bytes != in_bytes))
    leave();
  if (frame.bytes) receive(in, frame.bytes);
  cpu = frame.cpu;
  std::memcpy(results, frame.a, sizeof results);
  return results[0];
}

#define CALL(name) static_cast<u32>(Call::name)

bool Vm::read(u32 linear, void* to, u32 bytes) {
  return in_pieces(bytes, [&](u32 at, u32 n) {
    return call(CALL(Read), linear + at, n, 0, nullptr, 0, static_cast<char*>(to) + at, n);
  });
}
bool Vm::write(u32 linear, const void* from, u32 bytes) {
  return in_pieces(bytes, [&](u32 at, u32 n) {
    return call(CALL(Write), linear + at, n, 0, static_cast<const char*>(from) + at, n);
  });
}
bool Vm::push(u32 value) {
  if (!write(cpu.reg[ESP] - 4, &value, 4)) return false;
  cpu.reg[ESP] -= 4;
  return true;
}
bool Vm::read_physical(u32 address, void* to, u32 bytes) {
  return in_pieces(bytes, [&](u32 at, u32 n) {
    return call(CALL(ReadPhysical), address + at, n, 0, nullptr, 0, static_cast<char*>(to) + at, n);
  });
}
bool Vm::write_physical(u32 address, const void* from, u32 bytes) {
  return in_pieces(bytes, [&](u32 at, u32 n) {
    return call(CALL(WritePhysical), address + at, n, 0, static_cast<const char*>(from) + at, n);
  });
}
u32 Vm::in(u16 port, unsigned size) { return call(CALL(In), port, size); }
void Vm::out(u16 port, unsigned size, u32 value) { call(CALL(Out), port, size, value); }
bool Vm::interrupt_pending() { return call(CALL(InterruptPending)); }
u8 Vm::acknowledge_interrupt() { return static_cast<u8>(call(CALL(Acknowledge))); }
u64 Vm::now() {
  const u32 low = call(CALL(Now));
  return u64{results[1]} << 32 | low;
}
void Vm::print(const char* text, u32 bytes) {
  in_pieces(bytes, [&](u32 at, u32 n) {
    call(CALL(Print), n, 0, 0, text + at, n);
    return true;
  });
}

void TrapVm::set_cr(unsigned number, u32 value) { call(CALL(SetCr), number, value); }
void TrapVm::invalidate(u32 linear) { call(CALL(Invalidate), linear); }
bool TrapVm::switch_stack(u16 ss, u32 esp) { return call(CALL(SwitchStack), ss, esp); }
bool TrapVm::jump(u16 cs, u32 eip) { return call(CALL(Jump), cs, eip); }

u32 ShadowVm::allocate_frame() { return call(CALL(AllocateFrame)); }
void ShadowVm::release_frame(u32 frame) { call(CALL(ReleaseFrame), frame); }
u32 ShadowVm::to_machine(u32 guest_physical) { return call(CALL(ToMachine), guest_physical); }
u32 ShadowVm::read_entry(u32 machine) { return call(CALL(ReadEntry), machine, 4); }
void ShadowVm::write_entry(u32 machine, u32 value) {
  call(CALL(WriteEntry), machine, 4, 0, &value, sizeof value);
}
void ShadowVm::set_root(u32 frame) { call(CALL(SetRoot), frame); }
void ShadowVm::invalidate(u32 linear) { call(CALL(Invalidate), linear); }
void ShadowVm::flush_tlb() { call(CALL(FlushTlb)); }
void ShadowVm::trace(u32 guest_physical, bool on) { call(CALL(Trace), guest_physical, on); }

u32 VmxVm::allocate_frame() { return call(CALL(AllocateFrame)); }
u32 VmxVm::to_machine(u32 guest_physical) { return call(CALL(ToMachine), guest_physical); }
u64 VmxVm::read_entry(u32 machine) {
  const u32 low = call(CALL(ReadEntry), machine, 8);
  return u64{results[1]} << 32 | low;
}
void VmxVm::write_entry(u32 machine, u64 value) {
  call(CALL(WriteEntry), machine, 8, 0, &value, sizeof value);
}
void VmxVm::set_ept_root(u32 machine) { call(CALL(SetEptRoot), machine); }
void VmxVm::flush_tlb() { call(CALL(FlushTlb)); }
CpuidResult VmxVm::host_cpuid(u32 leaf, u32 subleaf) {
  call(CALL(HostCpuid), leaf, subleaf);
  return {results[0], results[1], results[2], results[3]};
}

void EventVm::inject(u8 vector) { call(CALL(Inject), vector); }
void EventVm::request_interrupt_window(bool on) { call(CALL(RequestWindow), on); }
void EventVm::set_timer(u64 when) {
  call(CALL(SetTimer), static_cast<u32>(when), static_cast<u32>(when >> 32));
}
u64 EventVm::cycles_per_second() {
  const u32 low = call(CALL(CyclesPerSecond));
  return u64{results[1]} << 32 | low;
}

FrameType ParaVm::frame_type(u32 frame) { return static_cast<FrameType>(call(CALL(FrameType), frame)); }
u32 ParaVm::read_entry(u32 machine) { return call(CALL(ReadEntry), machine, 4); }
void ParaVm::write_entry(u32 machine, u32 value) {
  call(CALL(WriteEntry), machine, 4, 0, &value, sizeof value);
}
int ParaVm::check_table(u32 frame) { return static_cast<int>(call(CALL(CheckTable), frame)); }
void ParaVm::invalidate(u32 linear) { call(CALL(Invalidate), linear); }
void ParaVm::flush_tlb() { call(CALL(FlushTlb)); }
u32 ParaVm::console_ring() { return call(CALL(ConsoleRing)); }
void ParaVm::block() { call(CALL(Block)); }
void ParaVm::power_off(u32 status) { call(CALL(PowerOff), status); }
int ParaVm::standard(u32 number, u32 b, u32 c, u32 d) {
  const u32 words[] = {number, b, c, d};
  return static_cast<int>(call(CALL(Standard), 0, 0, 0, words, sizeof words));
}

Queue RingVm::queue() {
  call(CALL(RingQueue));
  return {results[0], results[1], results[2], results[3]};
}
u32 RingVm::sectors() {
  call(CALL(RingQueue));
  return results[4];
}
bool RingVm::disk_read(u32 sector, void* to) {
  return call(CALL(DiskRead), sector, 0, 0, nullptr, 0, to, kSector);
}
bool RingVm::disk_write(u32 sector, const void* from) {
  return call(CALL(DiskWrite), sector, 0, 0, from, kSector);
}
void RingVm::interrupt() { call(CALL(Interrupt)); }
void RingVm::driver_broken() { call(CALL(DriverBroken)); }

Outcome TrapMonitor::on(Vm& plain, const Exit& e) {
  auto& vm = static_cast<TrapVm&>(plain);
  switch (e.hook) {
    case Hook::Emulate: return emulate(vm, taken_from<Instruction>(e.a));
    case Hook::Reflect: return {reflect(vm, taken_from<Event>(e.a)) ? Outcome::Done : Outcome::NotHandled};
    case Hook::Interrupt: interrupt(vm); return {Outcome::Done};
    default: return not_handled();
  }
}

Outcome VmxMonitor::on(Vm& plain, const Exit& e) {
  auto& vm = static_cast<VmxVm&>(plain);
  switch (e.hook) {
    case Hook::Start: start(vm); return {Outcome::Done};
    case Hook::Io: return io(vm, taken_from<Io>(e.a));
    case Hook::Hlt: return hlt(vm);
    case Hook::Cpuid: return cpuid(vm);
    case Hook::Vmcall: return vmcall(vm);
    case Hook::EptViolation: return ept_violation(vm, e.a[0], e.a[1]);
    default: return not_handled();
  }
}

Outcome EventMonitor::on(Vm& plain, const Exit& e) {
  auto& vm = static_cast<EventVm&>(plain);
  switch (e.hook) {
    case Hook::ExternalInterrupt: return external_interrupt(vm);
    case Hook::InterruptWindow: return interrupt_window(vm);
    case Hook::Hlt: return hlt(vm);
    case Hook::Io: return io(vm, taken_from<Io>(e.a));
    default: return not_handled();
  }
}

Outcome ShadowMonitor::on(Vm& plain, const Exit& e) {
  auto& vm = static_cast<ShadowVm&>(plain);
  switch (e.hook) {
    case Hook::PagingChanged: paging_changed(vm); return {Outcome::Done};
    case Hook::PageFault: return page_fault(vm, e.a[0], e.a[1]);
    case Hook::Invlpg: invlpg(vm, e.a[0]); return {Outcome::Done};
    case Hook::Written: written(vm, e.a[0], e.a[1]); return {Outcome::Done};
    default: return not_handled();
  }
}

Outcome ParaMonitor::on(Vm& plain, const Exit& e) {
  if (e.hook != Hook::Hypercall) return not_handled();
  const int result = hypercall(static_cast<ParaVm&>(plain), e.a[0], e.a[1], e.a[2], e.a[3]);
  return {Outcome::Done, 0, false, static_cast<u32>(result)};
}

Outcome RingMonitor::on(Vm& plain, const Exit& e) {
  auto& vm = static_cast<RingVm&>(plain);
  switch (e.hook) {
    case Hook::Notify: notify(vm); return {Outcome::Done};
    case Hook::DeviceReset: reset(vm); return {Outcome::Done};
    default: return not_handled();
  }
}

/// The loop of the program.
struct Pump {
  [[noreturn]] static void run(Monitor& monitor) {
    union Any {  // all Vm classes are this one with more functions
      TrapVm trap;
      ShadowVm shadow;
      VmxVm vmx;
      EventVm event;
      ParaVm para;
      RingVm ring;
      Any() : trap() {}
    } any;
    Vm& vm = any.trap;
    for (;;) {
      Frame frame;
      receive(&frame, sizeof frame);
      if (frame.magic != kMagic || frame.message != Message::Exit || frame.bytes) leave();
      vm.cpu = frame.cpu;
      const Outcome outcome = monitor.on(vm, {static_cast<Hook>(frame.code), frame.a});
      frame = {.magic = kMagic,
               .message = Message::Done,
               .code = outcome.next,
               .a = {outcome.vector, outcome.has_error, outcome.error},
               .cpu = vm.cpu};
      send(frame, nullptr);
    }
  }
};

}  // namespace ringside::lab

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  ringside::lab::Pump::run(*ringside::lab::make_monitor());
}
