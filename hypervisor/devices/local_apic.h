// The processor's local APIC: what decides which interrupt the processor takes next, and a timer.
//
// Modelled: an APIC of the P6 family: registers at IA32_APIC_BASE, hardware and software enabling, ID and
// logical destinations (flat and cluster), IRR, ISR and TMR with task and processor priority, EOI with its
// broadcast to the I/O APIC, the spurious interrupt, the error status register with its interrupt,
// interprocessor interrupts to itself, LINT0 as the 8259's way to the processor (virtual wire) or as a vector
// of its own, the timer in one-shot and periodic mode. The timer counts the machine's clock, divided.
// Simplified: it wakes up as firmware leaves it, with LINT0 as ExtINT; one processor, so that messages to
// others are accepted by nobody; SMI, NMI and INIT are not delivered (nothing on this board sends them); the
// performance counter's LVT entry is only a register; a base inside RAM leaves the registers out of reach.
// Manual: Intel SDM vol. 3 ch. 11 (APIC); Intel MultiProcessor Specification 1.4 section 3.6.2 (virtual
// wire).
#pragma once

#include <array>
#include <functional>

#include "hypervisor/devices/clock.h"
#include "hypervisor/devices/device.h"

namespace ringside {

/// The 256 vectors, one bit each.
struct VectorSet {
  std::array<u32, 8> word{};

  bool has(u8 vector) const { return word[vector / 32] >> vector % 32 & 1; }
  void set(u8 vector, bool on = true) {
    const u32 bit = 1u << vector % 32;
    word[vector / 32] = on ? word[vector / 32] | bit : word[vector / 32] & ~bit;
  }
  int highest() const;  ///< or -1
  bool operator==(const VectorSet&) const = default;
};

/// As in redirection entries, LVT entries and the interrupt command register.
enum class DeliveryMode : u8 { Fixed, LowestPriority, Smi, Reserved, Nmi, Init, StartUp, ExtInt };

/// What travels on the APIC bus.
struct ApicMessage {
  u8 vector = 0;
  DeliveryMode mode = DeliveryMode::Fixed;
  u8 destination = 0;
  bool logical = false;  ///< the destination is a set of processors
  bool level = false;    ///< level-triggered: EOI is broadcast
};

class LocalApic final : public Device {
 public:
  static constexpr u32 kDefaultBase = 0xFEE00000, kBytes = 0x1000;
  static constexpr u32 kVersion = 0x00040011;  ///< of the P6 family, with five LVT entries
  enum Lvt : unsigned { kTimer, kPerformance, kLint0, kLint1, kError, kLvtCount };

  struct State {
    u64 base = 0;  ///< IA32_APIC_BASE
    u8 id = 0, tpr = 0, esr = 0;
    u8 errors = 0;  ///< seen since the last write to the ESR
    u8 logical_id = 0, model = 0xF;
    u32 svr = 0xFF, icr_low = 0, icr_high = 0;
    std::array<u32, kLvtCount> lvt{1u << 16, 1u << 16, 0x700, 1u << 16, 1u << 16};
    VectorSet isr, tmr, irr;
    u32 initial_count = 0, divide = 0;
    bool counting = false;
    u64 zero_at = 0;  ///< the cycle at which the count comes to 0, while it is counting
    bool lint0 = false;
    bool operator==(const State&) const = default;
  };

  explicit LocalApic(const Clock& clock) : clock_(clock) {}

  /// Offsets from the base. The registers are double words, 16 bytes apart.
  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;
  u64 deadline() const override { return deadline_; }
  void advance() override;

  /// IA32_APIC_BASE has been written. 0: this machine has no local APIC.
  void set_base(u64 value);
  u64 base() const { return state_.base; }
  bool enabled() const;           ///< in hardware
  bool software_enabled() const;  ///< and by the spurious vector register
  /// Whether the registers answer at this guest-physical address.
  bool at(u64 address) const { return address - window_ < kBytes; }

  /// An interrupt of its own waits for the processor.
  bool interrupt_pending() const { return pending_; }
  /// The processor's INTA cycle for it: the vector, which is in service then, or the spurious one.
  u8 acknowledge();
  /// Whether what the 8259 requests reaches the processor.
  bool takes_8259() const { return takes_8259_; }
  void set_lint0(bool level);
  /// False: the message is not for this processor, or it cannot take it.
  bool accept(const ApicMessage& message);

  std::function<void(u8 vector)> broadcast_eoi;  ///< of a level-triggered interrupt, to the I/O APIC

  const State& state() const { return state_; }
  void restore(const State& state);

 private:
  bool addressed(u8 destination, bool logical) const;
  u8 processor_priority() const;
  u8 arbitration_priority() const;
  u32 read_register(u32 index);
  void write_register(u32 index, u32 value);
  void write_lvt(Lvt entry, u32 value);
  void write_svr(u32 value);
  void end_of_interrupt();
  void command();
  void request(u8 vector, bool level);
  void error(u8 bit);
  void local_interrupt(Lvt entry);
  bool timer_matters() const;
  void settle();
  void start_count(u32 count);
  u32 current_count() const;
  unsigned divide_shift() const;
  void update();

  const Clock& clock_;
  State state_;
  // Derived from the state.
  u64 window_ = ~u64{0};
  u64 deadline_ = kNoDeadline;
  bool pending_ = false, takes_8259_ = true;
};

}  // namespace ringside
