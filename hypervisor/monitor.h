// A monitor: one hook per exit. This is the whole of what a technique has to supply.
//
// The run loop (virtual_machine.h) runs the processor, hands each exit to the hook of its type, and does what the
// returned Outcome says. A hook that is not overridden stops the guest with a report that names the exit: delete a
// handler and the guest breaks.
#pragma once

#include <memory>
#include <string>

#include "hypervisor/exit.h"
#include "hypervisor/host.h"
#include "hypervisor/boot/image.h"

namespace ringside {

/// What became of an exit; says who moves EIP.
struct Outcome {
  enum class Kind : u8 {
    Advance,  ///< emulated: skip `length` bytes of instruction (0: the handler has set EIP itself)
    Retry,    ///< the cause is gone: run the same instruction again (or continue, for exits between instructions)
    Inject,   ///< deliver `event` to the guest before it continues
    Idle,     ///< the guest waits: let time pass until a device acts
    Stop,     ///< the guest is finished; `why` if it did not end by itself
  } kind;
  u8 length = 0;
  Event event{};
  std::string why{};

  static Outcome advance(u8 length) { return {Kind::Advance, length}; }
  static Outcome retry() { return {Kind::Retry}; }
  static Outcome inject(Event e) { return {Kind::Inject, 0, e}; }
  static Outcome idle() { return {Kind::Idle}; }
  static Outcome stop(std::string why = {}) { return {Kind::Stop, 0, {}, std::move(why)}; }
};

/// See Monitor::save().
struct MonitorState {
  virtual ~MonitorState() = default;
  u64 bytes = 0;  ///< of host memory, about: what grows with the guest
};

class Monitor {
 public:
  explicit Monitor(Host& host) : host(host) {}
  virtual ~Monitor() = default;

  /// Places the guest in memory and sets up the first entry. Throws HostError if this technique cannot run the image.
  virtual void boot(const Image& image, const std::string& command_line) = 0;

  /// Before every entry: deliver what waits (interrupts, events).
  virtual void before_entry() = 0;

  /// The processor, until an exit, for at most `budget` instructions.
  virtual Exit enter(u64 budget) = 0;

  /// Carries out Advance and Inject on the virtual processor.
  virtual void apply(const Outcome& outcome) = 0;

  /// A device has raised an interrupt while the guest ran: takes the processor away from it, as the physical interrupt
  /// would (the next enter() exits at once). Nothing to do on bare metal.
  virtual void interrupt_guest() = 0;

  /// Makes enter() return soon, with Stopped. Safe from any thread.
  virtual void stop() { host.cpu.request_stop(); }

  // -- time and events beyond those of host.machine; a paravirtual monitor has timers and rings of its own
  virtual u64 next_deadline() const { return Machine::kNever; }
  virtual void advance() {}
  /// Something waits that would wake a halted guest.
  virtual bool event_waiting() const { return host.machine.interrupt_pending(); }

  /// The guest's registers as the guest sees them (virtual IF, its own CR3, its own CPL).
  virtual CpuState virtual_state() const = 0;

  /// Where the guest's own page tables map a linear address, without side effects: for disassembly and debuggers.
  /// The default walks virtual_state().cr3 in guest-physical memory.
  virtual std::optional<MachinePhys> translate(LinearAddr address) const;

  /// What this monitor remembers of its guest, to be put back into this same monitor. The processor's, the machine's and
  /// the memory's state is kept by their owners (hypervisor/snapshot.h). nullptr: it cannot, for part of the state lies in
  /// the host's hardware.
  virtual std::unique_ptr<const MonitorState> save() const { return nullptr; }
  virtual void restore(const MonitorState&) {}

  // -- one hook per exit
  virtual Outcome on(const exits::BudgetSpent&) { return Outcome::retry(); }
  virtual Outcome on(const exits::Stopped&) { return Outcome::retry(); }
  virtual Outcome on(const exits::Halted&);
  virtual Outcome on(const exits::TripleFault&);
  virtual Outcome on(const exits::DebugStop&) { return Outcome::retry(); }
  virtual Outcome on(const exits::Unmodelled&);
  virtual Outcome on(const exits::MonitorEntry&);
  virtual Outcome on(const exits::ExceptionOrNmi&);
  virtual Outcome on(const exits::ExternalInterrupt&);
  virtual Outcome on(const exits::InterruptWindow&);
  virtual Outcome on(const exits::Cpuid&);
  virtual Outcome on(const exits::Hlt&);
  virtual Outcome on(const exits::Invlpg&);
  virtual Outcome on(const exits::Rdtsc&);
  virtual Outcome on(const exits::Vmcall&);
  virtual Outcome on(const exits::Pause&);
  virtual Outcome on(const exits::Wbinvd&);
  virtual Outcome on(const exits::Rdmsr&);
  virtual Outcome on(const exits::Wrmsr&);
  virtual Outcome on(const exits::CrAccess&);
  virtual Outcome on(const exits::MovDr&);
  virtual Outcome on(const exits::DescriptorTableAccess&);
  virtual Outcome on(const exits::IoInstruction&);
  virtual Outcome on(const exits::EptViolation&);
  virtual Outcome on(const exits::EptMisconfiguration&);
  virtual Outcome on(const exits::TaskSwitch&);
  virtual Outcome on(const exits::InvalidGuestState&);
  virtual Outcome on(const exits::PortAccess&);
  virtual Outcome on(const exits::MmioAccess&);
  virtual Outcome on(const exits::KvmInternalError&);
  virtual Outcome on(const exits::KvmFailEntry&);

 protected:
  Host& host;

  /// What the hooks above do: stop, naming the exit and EIP.
  Outcome unhandled(std::string_view exit_name) const;
};

/// Hands an exit to the hook of its type.
Outcome dispatch(Monitor&, const Exit&);

}  // namespace ringside
