// What a lab's monitor sees of the machine: the virtual processor, the guest's memory, its devices.
//
// Your monitor is a program of its own. Ringside runs the guest, and whenever the guest leaves to its monitor
// it calls a hook of yours with a Vm; what the hook returns says how the guest continues. All guests of the
// labs have flat segments, so an offset is a linear address.
#pragma once

#include <cstdint>

namespace ringside::lab {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

enum Register : u8 { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI };

inline constexpr u32 kIF = 1u << 9, kTF = 1u << 8, kDF = 1u << 10, kIOPL = 3u << 12, kNT = 1u << 14,
                     kRF = 1u << 16, kVM = 1u << 17;
inline constexpr u32 kArithmeticFlags = 0x8D5;  ///< CF, PF, AF, ZF, SF, OF
inline constexpr u8 kGP = 13, kPF = 14, kUD = 6;

/// The virtual processor at an exit. The guest continues with what you leave in reg, eip, eflags, virtual_if
/// and virtual_iopl; the rest is for reading.
struct Cpu {
  u32 reg[8];
  u32 eip;
  u32 eflags;  ///< trap-and-emulate: of the real processor, whose IF is always 1 and whose IOPL is always 0
  u32 virtual_if, virtual_iopl;  ///< what the guest believes: 0 or 1, 0 to 3
  u32 cr0, cr2, cr3, cr4;        ///< the guest's own
  u32 cs, ss, cpl;               ///< as the guest sees them
  u32 tss;                       ///< linear address of the guest's task-state segment
  u32 interruptible;             ///< VT-x: an interrupt injected now would be taken
};

/// How the guest continues.
struct Outcome {
  enum Next : u32 { Advance, Retry, Idle, Fault, NotHandled, Done, Emulate } next;
  u8 vector = 0;
  bool has_error = false;
  u32 error = 0;
};
inline Outcome advance() { return {Outcome::Advance}; }  ///< behind the instruction that you have emulated
inline Outcome retry() { return {Outcome::Retry}; }  ///< at EIP: try again, or you have moved EIP yourself
inline Outcome idle() { return {Outcome::Idle}; }    ///< behind it, but not before an interrupt is pending
inline Outcome fault(u8 vector, u32 error) { return {Outcome::Fault, vector, true, error}; }
/// shadow.h, vmx.h: Ringside carries out the instruction at EIP on guest RAM or on the device model, because
/// the processor must not (a traced page) or cannot (there is no memory).
inline Outcome emulate() { return {Outcome::Emulate}; }
inline Outcome not_handled() { return {Outcome::NotHandled}; }  ///< ends the run with a report

class Vm {
 public:
  Cpu cpu;

  // -- guest memory by linear address, through the guest's own page tables; false: not mapped so
  bool read(u32 linear, void* to, u32 bytes);
  bool write(u32 linear, const void* from, u32 bytes);
  bool push(u32 value);  ///< moves ESP

  // -- guest memory by guest-physical address; false: beyond RAM
  bool read_physical(u32 address, void* to, u32 bytes);
  bool write_physical(u32 address, const void* from, u32 bytes);

  // -- the device models and the clock
  u32 in(u16 port, unsigned size);
  void out(u16 port, unsigned size, u32 value);
  bool interrupt_pending();                 ///< the interrupt controller has one
  u8 acknowledge_interrupt();               ///< takes it: its vector
  u64 now();                                ///< simulated cycles
  void print(const char* text, u32 bytes);  ///< on the guest's console

 protected:
  u32 call(u32 op, u32 a = 0, u32 b = 0, u32 c = 0, const void* out = nullptr, u32 out_bytes = 0,
           void* in = nullptr, u32 in_bytes = 0);
  friend struct Pump;
};

template <class T>
bool read(Vm& vm, u32 linear, T& value) {
  return vm.read(linear, &value, sizeof value);
}

/// What stands behind the hooks: trap.h, shadow.h and vmx.h have one class each to derive from.
struct Exit;
class Monitor {
 public:
  virtual ~Monitor() = default;
  virtual Outcome on(Vm&, const Exit&) = 0;
};

/// You write this function: `Monitor* ringside::lab::make_monitor() { return new MyMonitor; }`
Monitor* make_monitor();

}  // namespace ringside::lab
