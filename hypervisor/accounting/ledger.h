// The ledger counts events; a cost profile prices them. Cycles = sum of count x price, so that a finished run
// can be re-priced without running it again.
//
// An exit's cost is kept as its *shape*: the vector of events that it caused. Equal shapes share a row, so
// the minimum and maximum per reason survive re-pricing too. Simplified: the time that the guest spends idle
// depends on when its timer fires and so on the profile it ran with; re-pricing keeps the idle cycles of the
// run.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <source_location>
#include <vector>

#include "hypervisor/accounting/exit_reason.h"

namespace ringside {

/// What a profile has a price for. The comment names the attribution bucket.
enum class CostEvent : u8 {
  Instruction,            // guest
  StringIteration,        // guest: one iteration of a REP string instruction
  NativePortIo,           // guest: access to a device's port or register, carried out by the processor
  NativeCr3Write,         // guest
  WalkReferenceCached,    // tlb: a reference that hits the page-walk cache
  WalkReferenceL2,        // tlb: a reference that hits L2
  SystemCallDelivery,     // delivery: INT n through a gate and IRET back
  ExceptionDelivery,      // delivery: exception or interrupt and IRET back
  PageFaultDelivery,      // delivery: #PF and IRET back
  VmExitEntry,            // switches: hardware VM exit and entry
  RingTransition,         // switches: trap from ring 1/3 into a ring-0 monitor and back
  ParavirtualTransition,  // switches: into the hypervisor and back for a PV guest
  Vmread,                 // monitor
  Vmwrite,                // monitor
  DecodeAndEmulate,       // monitor: one privileged instruction, interpreted
  GuestWalkReference,     // monitor: software walk of the guest's tables
  ShadowEntryWrite,       // monitor
  PageTableUpdate,        // monitor: one validated PV update
  HypercallDispatch,      // monitor
  InjectEvent,            // monitor: building the guest's interrupt frame
  EptEntryWrite,          // monitor
  UserSpaceRoundTrip,     // devices: leaving the kernel half of the monitor for the device model
  DeviceAccess,           // devices: work of the model itself
  RingRequest,            // devices: one request taken from a ring
  NatTranslation,         // devices: one packet through an address translator on the way to the network
  kCount
};

enum class Bucket : u8 { Guest, Tlb, Delivery, Switches, Monitor, Devices, Idle, kCount };
Bucket bucket(CostEvent);
std::string_view name(CostEvent);
std::string_view name(Bucket);

using EventVector = std::array<u32, static_cast<std::size_t>(CostEvent::kCount)>;

class CostProfile;

/// Cycles by bucket; the sum is the total, exactly.
struct Attribution {
  std::array<u64, static_cast<std::size_t>(Bucket::kCount)> cycles{};
  u64 total() const;
  u64 operator[](Bucket b) const { return cycles[static_cast<std::size_t>(b)]; }
};

struct ExitStatistics {
  ExitReason reason;
  u64 samples = 0, cycles = 0, min = 0, max = 0;
};

/// Where in the source an exit is handled.
using SourceLine = std::source_location;

class Ledger {
 public:
  /// Inside begin_exit/end_exit: an event of that exit. Outside: guest instructions, TLB misses, native
  /// deliveries.
  void count(CostEvent e, u64 n = 1) {
    const auto i = static_cast<std::size_t>(e);
    active_cycles_ += n * price_[i];
    if (in_exit_) {
      current_[i] += static_cast<u32>(n);
      current_hash_ += n * kHashFactor[i];
    } else {
      outside_[i] += n;
    }
  }
  /// Everything counted between begin_exit and end_exit belongs to that exit. Not nested.
  void begin_exit(ExitReason reason, SourceLine handler = SourceLine::current());
  /// The reason may be refined while the exit is handled (a #PF turns out to be a traced page-table write).
  void refine_exit(ExitReason reason, SourceLine handler = SourceLine::current()) {
    current_reason_ = reason;
    handler_ = handler;
  }
  /// What handles the exit is the caller: a debugger shows its line of source.
  void handled_at(SourceLine handler = SourceLine::current()) { handler_ = handler; }
  /// What the exit is about, where the processor's exit does not say: a port, a control register.
  void note_detail(u32 detail) { detail_ = detail; }
  const std::optional<u32>& last_detail() const { return detail_; }
  void end_exit();
  void idle(u64 cycles) {
    idle_ += cycles;
    active_cycles_ += cycles;
  }

  Attribution attribution(const CostProfile&) const;
  std::vector<ExitStatistics> exits(const CostProfile&) const;  ///< by cycles, descending; ties by reason
  u64 samples(ExitReason) const;
  /// The exit that end_exit() closed last, and how many have been closed so far: what an observer records.
  ExitReason last_reason() const { return last_reason_; }
  const SourceLine& last_handler() const { return handler_; }
  const EventVector& last_events() const { return current_; }
  u64 bytes() const {
    return sizeof *this + shapes_.size() * sizeof(Shape) + index_.size() * sizeof(u32) +
           overflow_.size() * sizeof(Overflow);
  }
  u64 exits_closed() const { return exits_closed_; }
  u64 total(CostEvent) const;  ///< inside and outside exits
  /// The profile that drives the clock. What has been counted so far is re-priced; nullptr stops the clock.
  void set_active(const CostProfile*);
  /// Cycles under the active profile, kept up to date: attribution(active).total(), but free.
  u64 now() const { return active_cycles_; }

  /// A guest that makes every exit different could fill the host's memory with shapes. From this many on, new
  /// ones share a row per reason: sums stay exact, minimum and maximum are then those under the active
  /// profile.
  static constexpr std::size_t kMaxShapes = 32768;

 private:
  static constexpr std::size_t kEvents = static_cast<std::size_t>(CostEvent::kCount);
  using Totals = std::array<u64, kEvents>;
  struct Shape {
    ExitReason reason;
    EventVector events;
    u64 samples;
  };
  struct Overflow {
    ExitReason reason;
    u64 samples = 0;
    Totals events{};
    EventVector cheapest{}, dearest{};
  };
  // A linear hash of the event vector: adding an event to the current exit updates it in one step.
  static constexpr Totals kHashFactor = [] {
    Totals factors{};
    u64 x = 0x9E3779B97F4A7C15u;
    for (u64& f : factors) {
      x ^= x >> 30;
      x *= 0xBF58476D1CE4E5B9u;
      x ^= x >> 27;
      f = x | 1;
    }
    return factors;
  }();

  u64 price_of(const EventVector&) const;
  void grow_index();
  void overflow(ExitReason);
  Totals totals() const;

  Totals outside_{};
  std::vector<Shape> shapes_;
  std::vector<u32> index_;  ///< open addressing, a power of two: position in shapes_ plus 1, or 0
  std::vector<Overflow> overflow_;
  EventVector current_{};
  u64 current_hash_ = 0;
  ExitReason current_reason_{}, last_reason_{};
  SourceLine handler_{};
  std::optional<u32> detail_;
  u64 exits_closed_ = 0;
  bool in_exit_ = false;
  u64 idle_ = 0, active_cycles_ = 0;
  std::array<u32, kEvents> price_{};
};

}  // namespace ringside
