#include "hypervisor/devices/local_apic.h"

#include <algorithm>
#include <bit>

#include "cpu/msr.h"

namespace ringside {
namespace {

/// Registers by their offset / 16.
enum Register : u32 {
  kId = 0x02,
  kVersionRegister = 0x03,
  kTpr = 0x08,
  kApr = 0x09,
  kPpr = 0x0A,
  kEoi = 0x0B,
  kLdr = 0x0D,
  kDfr = 0x0E,
  kSvr = 0x0F,
  kIsr = 0x10,
  kTmr = 0x18,
  kIrr = 0x20,
  kEsr = 0x28,
  kIcrLow = 0x30,
  kIcrHigh = 0x31,
  kLvtTimer = 0x32,
  kLvtPerformance = 0x34,
  kLvtError = 0x37,
  kInitialCount = 0x38,
  kCurrentCount = 0x39,
  kDivide = 0x3E
};

constexpr u32 kMasked = 1u << 16, kPeriodic = 1u << 17;         // LVT
constexpr u32 kSoftwareEnabled = 1u << 8, kFocusOff = 1u << 9;  // SVR
constexpr u32 kLogical = 1u << 11, kDeassertLevel = 1u << 14;   // ICR
constexpr u32 kIcrLowBits = 0x000CCFFF, kIcrHighBits = 0xFF000000;
enum Shorthand : u32 { kNoShorthand, kSelf, kAllIncludingSelf, kAllExcludingSelf };
enum ErrorBit : u8 { kSendAccept = 4, kSendVector = 0x20, kReceiveVector = 0x40, kRegisterAddress = 0x80 };

/// What can be written of each LVT entry; delivery status and remote IRR cannot.
constexpr std::array<u32, LocalApic::kLvtCount> kLvtBits{0x300FF, 0x107FF, 0x1A7FF, 0x1A7FF, 0x100FF};

/// Vectors 0 to 15 belong to exceptions; no interrupt may have one.
constexpr u8 kFirstVector = 16;
constexpr u8 kEveryone = 0xFF, kEveryoneOnApicBus = 0x0F;

constexpr u8 priority_class(u8 vector) { return vector & 0xF0; }
constexpr DeliveryMode mode_of(u32 low) { return static_cast<DeliveryMode>(low >> 8 & 7); }

}  // namespace

int VectorSet::highest() const {
  for (int i = 7; i >= 0; --i)
    if (const u32 bits = word[static_cast<std::size_t>(i)]) return i * 32 + 31 - std::countl_zero(bits);
  return -1;
}

// ---- enabled or not

bool LocalApic::enabled() const { return state_.base & msr::kApicEnable; }
bool LocalApic::software_enabled() const { return enabled() && (state_.svr & kSoftwareEnabled); }

void LocalApic::set_base(u64 value) {
  // Once enabled anew it is as after power-on.
  const bool line = state_.lint0;
  if ((state_.base ^ value) & msr::kApicEnable) state_ = State{};
  state_.lint0 = line;
  state_.base = value;
  update();
}

void LocalApic::restore(const State& state) {
  state_ = state;
  update();
}

/// What follows from the state.
void LocalApic::update() {
  const State& s = state_;
  window_ = enabled() ? s.base & msr::kApicFrame : ~u64{0};
  takes_8259_ = !enabled() || (!(s.lvt[kLint0] & kMasked) && mode_of(s.lvt[kLint0]) == DeliveryMode::ExtInt);
  const int next = s.irr.highest();
  pending_ = software_enabled() && next >= 0 &&
             priority_class(static_cast<u8>(next)) > priority_class(processor_priority());
  deadline_ = s.counting && timer_matters() ? s.zero_at : kNoDeadline;
}

// ---- priorities (SDM vol. 3 section 11.8.3)

u8 LocalApic::processor_priority() const {
  const int served = state_.isr.highest();
  const u8 in_service = served < 0 ? 0 : priority_class(static_cast<u8>(served));
  return priority_class(state_.tpr) >= in_service ? state_.tpr : in_service;
}

u8 LocalApic::arbitration_priority() const {
  const auto class_of = [](int v) { return v < 0 ? u8{0} : priority_class(static_cast<u8>(v)); };
  const u8 requested = class_of(state_.irr.highest()), served = class_of(state_.isr.highest());
  const u8 task = priority_class(state_.tpr);
  if (task >= requested && task > served) return state_.tpr;
  return std::max<u8>(task & served, requested);
}

// ---- interrupts in

void LocalApic::error(u8 bit) {
  const bool again = state_.errors & bit;
  state_.errors |= bit;
  if (!again) local_interrupt(kError);  // an error interrupt with an illegal vector is itself such an error
}

void LocalApic::request(u8 vector, bool level) {
  state_.irr.set(vector);
  state_.tmr.set(vector, level);
  update();
}

void LocalApic::local_interrupt(Lvt entry) {
  const u32 lvt = state_.lvt[entry];
  if ((lvt & kMasked) || !software_enabled()) return;
  const u8 vector = static_cast<u8>(lvt);
  if (vector < kFirstVector) return error(kReceiveVector);
  request(vector, false);
}

void LocalApic::set_lint0(bool level) {
  const bool rises = level && !state_.lint0;
  state_.lint0 = level;
  if (rises && mode_of(state_.lvt[kLint0]) == DeliveryMode::Fixed) local_interrupt(kLint0);
}

bool LocalApic::addressed(u8 destination, bool logical) const {
  if (!logical)
    return destination == kEveryone || destination == kEveryoneOnApicBus || destination == state_.id;
  if (destination == kEveryone) return true;
  if (state_.model == 0xF) return destination & state_.logical_id;
  const u8 cluster = destination >> 4;
  return (cluster == 0xF || cluster == state_.logical_id >> 4) && (destination & state_.logical_id & 0xF);
}

bool LocalApic::accept(const ApicMessage& m) {
  const bool fixed = m.mode == DeliveryMode::Fixed || m.mode == DeliveryMode::LowestPriority;
  if (!fixed || !software_enabled() || !addressed(m.destination, m.logical)) return false;
  if (m.vector < kFirstVector) {
    error(kReceiveVector);
    return false;
  }
  request(m.vector, m.level);
  return true;
}

/// The interrupt command register has been written: an interprocessor interrupt.
void LocalApic::command() {
  const u32 low = state_.icr_low;
  const DeliveryMode mode = mode_of(low);
  const auto shorthand = static_cast<Shorthand>(low >> 18);
  const ApicMessage message{.vector = static_cast<u8>(low),
                            .destination = static_cast<u8>(state_.icr_high >> 24),
                            .logical = (low & kLogical) != 0};
  // "INIT level de-assert" only gives the APICs their arbitration priorities.
  if (mode == DeliveryMode::Init && !(low & kDeassertLevel)) return;
  const bool fixed = mode == DeliveryMode::Fixed || mode == DeliveryMode::LowestPriority;
  if (fixed && message.vector < kFirstVector) return error(kSendVector);
  const bool to_self = shorthand == kNoShorthand ? addressed(message.destination, message.logical)
                                                 : shorthand != kAllExcludingSelf;
  if (to_self && fixed && software_enabled()) request(message.vector, false);
  if (!to_self && shorthand == kNoShorthand) error(kSendAccept);
}

// ---- the processor's side

u8 LocalApic::acknowledge() {
  settle();  // while what is requested still is: timeouts that changed nothing have not been waited for
  if (!pending_) return static_cast<u8>(state_.svr);
  const u8 vector = static_cast<u8>(state_.irr.highest());
  state_.irr.set(vector, false);
  state_.isr.set(vector);
  update();
  return vector;
}

void LocalApic::end_of_interrupt() {
  const int served = state_.isr.highest();
  if (served < 0) return;
  const u8 vector = static_cast<u8>(served);
  state_.isr.set(vector, false);
  update();
  if (state_.tmr.has(vector) && broadcast_eoi) broadcast_eoi(vector);
}

// ---- the timer

unsigned LocalApic::divide_shift() const {
  const u32 code = (state_.divide & 3) | (state_.divide >> 1 & 4);  // 0: by 2 ... 6: by 128, 7: by 1
  return (code + 1) & 7;
}

/// Whether its passing zero would change anything. While its interrupt waits already, nobody need look: a
/// guest that is halted for good beside a fast timer would keep its host awake.
bool LocalApic::timer_matters() const {
  const u32 lvt = state_.lvt[kTimer];
  const u8 vector = static_cast<u8>(lvt);
  if ((lvt & kMasked) || !software_enabled()) return false;
  if (vector < kFirstVector) return !(state_.errors & kReceiveVector);
  return !state_.irr.has(vector) || state_.tmr.has(vector);
}

/// Lets the count pass zero if it has come to that.
void LocalApic::settle() {
  State& s = state_;
  const u64 now = clock_.now();
  if (!s.counting || now < s.zero_at) return;
  if (s.lvt[kTimer] & kPeriodic) {
    const u64 period = u64{s.initial_count} << divide_shift();
    s.zero_at += ((now - s.zero_at) / period + 1) * period;
  } else {
    s.counting = false;
  }
  local_interrupt(kTimer);
  update();
}

void LocalApic::advance() { settle(); }

void LocalApic::start_count(u32 count) {
  state_.counting = count != 0;
  state_.zero_at = clock_.now() + (u64{count} << divide_shift());
  update();
}

u32 LocalApic::current_count() const {
  const u64 now = clock_.now();
  if (!state_.counting || now >= state_.zero_at) return 0;
  const unsigned shift = divide_shift();
  return static_cast<u32>((state_.zero_at - now + (u64{1} << shift) - 1) >> shift);
}

// ---- registers

u32 LocalApic::read_register(u32 index) {
  const State& s = state_;
  if (index >= kIsr && index < kEsr) {
    const VectorSet& set = index < kTmr ? s.isr : index < kIrr ? s.tmr : s.irr;
    return set.word[index & 7];
  }
  if (index >= kLvtPerformance && index <= kLvtError) return s.lvt[kPerformance + (index - kLvtPerformance)];
  switch (index) {
    case kId: return u32{s.id} << 24;
    case kVersionRegister: return kVersion;
    case kTpr: return s.tpr;
    case kApr: return arbitration_priority();
    case kPpr: return processor_priority();
    case kEoi: return 0;
    case kLdr: return u32{s.logical_id} << 24;
    case kDfr: return u32{s.model} << 28 | 0x0FFFFFFF;
    case kSvr: return s.svr;
    case kEsr: return s.esr;
    case kIcrLow: return s.icr_low;
    case kIcrHigh: return s.icr_high;
    case kLvtTimer: return s.lvt[kTimer];
    case kInitialCount: return s.initial_count;
    case kCurrentCount: settle(); return current_count();
    case kDivide: return s.divide;
    default: error(kRegisterAddress); return 0;
  }
}

void LocalApic::write_lvt(Lvt entry, u32 value) {
  state_.lvt[entry] = (value & kLvtBits[entry]) | (software_enabled() ? 0 : kMasked);
}

void LocalApic::write_svr(u32 value) {
  state_.svr = value & (0xFF | kSoftwareEnabled | kFocusOff);
  if (!software_enabled())
    for (u32& lvt : state_.lvt) lvt |= kMasked;
}

void LocalApic::write_register(u32 index, u32 value) {
  State& s = state_;
  if (index >= kLvtPerformance && index <= kLvtError)
    return write_lvt(static_cast<Lvt>(kPerformance + (index - kLvtPerformance)), value);
  switch (index) {
    case kId: s.id = value >> 24 & 0x0F; break;
    case kTpr: s.tpr = static_cast<u8>(value); break;
    case kEoi: end_of_interrupt(); break;
    case kLdr: s.logical_id = static_cast<u8>(value >> 24); break;
    case kDfr: s.model = static_cast<u8>(value >> 28); break;
    case kSvr: write_svr(value); break;
    case kEsr:
      s.esr = s.errors;
      s.errors = 0;
      break;
    case kIcrLow:
      s.icr_low = value & kIcrLowBits;
      command();
      break;
    case kIcrHigh: s.icr_high = value & kIcrHighBits; break;
    case kLvtTimer: write_lvt(kTimer, value); break;
    case kInitialCount:
      s.initial_count = value;
      start_count(value);
      break;
    case kDivide: {
      const u32 left = current_count();
      s.divide = value & 0x0B;
      if (s.counting) start_count(left);  // what is left to count takes another time from now on
      break;
    }
    case kVersionRegister:
    case kApr:
    case kPpr:
    case kCurrentCount: break;  // read-only
    default:
      if (index < kIsr || index >= kEsr) error(kRegisterAddress);
      break;
  }
}

u32 LocalApic::read(u32 offset, unsigned size) {
  if (offset & 12) return 0;  // between two registers
  const u32 value = read_register(offset >> 4) >> 8 * (offset & 3);
  return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

void LocalApic::write(u32 offset, u32 value, unsigned size) {
  if (size != 4 || (offset & 15)) return;  // undefined by the manual
  settle();
  write_register(offset >> 4, value);
  update();
}

}  // namespace ringside
