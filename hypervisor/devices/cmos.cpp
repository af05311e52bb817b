#include "hypervisor/devices/cmos.h"

#include <algorithm>
#include <chrono>

namespace ringside {
namespace {

enum : u8 {
  kSecond = 0,
  kMinute = 2,
  kHour = 4,
  kWeekday = 6,
  kDay,
  kMonth,
  kYear,
  kA,
  kB,
  kC,
  kD,
  kCentury = 0x32
};
enum : u8 { kUpdateInProgress = 0x80 };  // A
enum : u8 {
  k24Hours = 2,
  kBinary = 4,
  kUpdateOn = 0x10,
  kAlarmOn = 0x20,
  kPeriodicOn = 0x40,
  kSet = 0x80
};                                                                                           // B
enum : u8 { kUpdateFlag = 0x10, kAlarmFlag = 0x20, kPeriodicFlag = 0x40, kRequest = 0x80 };  // C
constexpr u8 kDontCare = 0xC0, kAfternoon = 0x80;
constexpr u64 kUpdateMicroseconds = 244;

Cmos::Date split(i64 seconds) {
  namespace ch = std::chrono;
  const ch::sys_seconds t{ch::seconds(seconds)};
  const auto day = ch::floor<ch::days>(t);
  const ch::year_month_day ymd(day);
  const int in_day = static_cast<int>((t - day).count());
  return {static_cast<int>(ymd.year()),
          static_cast<int>(static_cast<unsigned>(ymd.month())),
          static_cast<int>(static_cast<unsigned>(ymd.day())),
          static_cast<int>(ch::weekday(day).c_encoding()) + 1,
          in_day / 3600,
          in_day / 60 % 60,
          in_day % 60};
}

/// Out-of-range fields carry over, as 31 February becomes 2 or 3 March.
i64 join(const Cmos::Date& d) {
  namespace ch = std::chrono;
  const ch::sys_days month =
      ch::year(d.year) / ch::month(static_cast<unsigned>(std::clamp(d.month, 1, 12))) / 1;
  return ch::sys_seconds(month).time_since_epoch().count() + (d.day - 1) * 86400LL + d.hour * 3600LL +
         d.minute * 60LL + d.second;
}

}  // namespace

Cmos::Cmos(const Clock& clock, IrqLine irq, u64 ram_bytes) : clock_(clock), irq_(irq) {
  auto& m = state_.memory;
  const auto word = [&](u8 at, u64 value) {
    const u64 v = std::min<u64>(value, 0xFFFF);
    m[at] = static_cast<u8>(v);
    m[at + 1] = static_cast<u8>(v >> 8);
  };
  const u64 mib = 1u << 20;
  const u64 extended_kib = ram_bytes > mib ? (ram_bytes - mib) / 1024 : 0;
  m[kA] = 0x26;  // 32,768 Hz time base, 1024 Hz periodic rate
  m[kB] = k24Hours;
  m[0x14] = 0x06;  // equipment: 80-column colour display, coprocessor bit clear
  word(0x15, std::min<u64>(640, ram_bytes / 1024));
  word(0x17, extended_kib);
  word(0x30, extended_kib);
  word(0x34, ram_bytes > 16 * mib ? (ram_bytes - 16 * mib) / 65536 : 0);
}

i64 Cmos::seconds() const {
  if (state_.memory[kB] & kSet) return state_.frozen;
  return static_cast<i64>(kPowerOnTime + clock_.now() / clock_.hz()) + state_.offset;
}

Cmos::Date Cmos::date() const { return split(seconds()); }

u8 Cmos::encode(int value) const {
  return static_cast<u8>(state_.memory[kB] & kBinary ? value : value / 10 << 4 | value % 10);
}

int Cmos::decode(u8 value) const {
  return state_.memory[kB] & kBinary ? value : (value >> 4) * 10 + (value & 15);
}

u8 Cmos::read_register(u8 index) {
  const Date d = date();
  switch (index) {
    case kSecond: return encode(d.second);
    case kMinute: return encode(d.minute);
    case kHour:
      if (state_.memory[kB] & k24Hours) return encode(d.hour);
      return encode(d.hour % 12 ? d.hour % 12 : 12) | (d.hour >= 12 ? kAfternoon : 0);
    case kWeekday: return encode(d.weekday);
    case kDay: return encode(d.day);
    case kMonth: return encode(d.month);
    case kYear: return encode(d.year % 100);
    case kCentury: return encode(d.year / 100);
    case kA: {
      const u64 in_second = clock_.now() % clock_.hz();
      const bool updating = clock_.hz() - in_second <= microseconds(kUpdateMicroseconds, clock_.hz()) &&
                            !(state_.memory[kB] & kSet);
      return state_.memory[kA] | (updating ? kUpdateInProgress : 0);
    }
    case kC: {
      take_events();
      const u8 value = state_.memory[kC];
      state_.memory[kC] = 0;
      update();
      return value;
    }
    case kD: return 0x80;  // the battery is good
    default: return state_.memory[index];
  }
}

void Cmos::write_register(u8 index, u8 value) {
  Date d = date();
  const auto set_clock = [&] {
    const i64 wanted = join(d);
    state_.offset += wanted - seconds();
    state_.frozen = wanted;
  };
  switch (index) {
    case kSecond: d.second = decode(value); return set_clock();
    case kMinute: d.minute = decode(value); return set_clock();
    case kHour: {
      const bool twelve = !(state_.memory[kB] & k24Hours);
      d.hour = twelve ? decode(value & ~kAfternoon) % 12 + (value & kAfternoon ? 12 : 0) : decode(value);
      return set_clock();
    }
    case kWeekday: return;  // follows from the date
    case kDay: d.day = decode(value); return set_clock();
    case kMonth: d.month = decode(value); return set_clock();
    case kYear: d.year = d.year / 100 * 100 + decode(value); return set_clock();
    case kCentury: d.year = decode(value) * 100 + d.year % 100; return set_clock();
    case kA:
      take_events();
      state_.memory[kA] = value & ~kUpdateInProgress;
      return update();
    case kB: {
      take_events();
      const i64 shown = seconds();
      state_.memory[kB] = value;
      if (value & kSet)
        state_.frozen = shown;
      else
        state_.offset += shown - seconds();  // the clock goes on from what it shows
      return update();
    }
    case kC:
    case kD: return;
    default: state_.memory[index] = value; return update();
  }
}

u32 Cmos::read(u32 offset, unsigned) {
  return offset == 0 ? static_cast<u32>(state_.index | (state_.nmi_masked ? 0x80 : 0))
                     : read_register(state_.index);
}

void Cmos::write(u32 offset, u32 value, unsigned) {
  if (offset == 0) {
    state_.index = value & 0x7F;
    state_.nmi_masked = value & 0x80;
  } else {
    write_register(state_.index, static_cast<u8>(value));
  }
}

u64 Cmos::periodic_hz() const {
  const unsigned rate = state_.memory[kA] & 15;
  if (!rate) return 0;
  return 32768u >> ((rate < 3 ? rate + 7 : rate) - 1);  // rates 1 and 2 are 256 and 128 Hz
}

/// Whether the alarm time lies in a span of seconds of simulated time; a day at most need be looked at.
bool Cmos::alarm_between(u64 first, u64 last) const {
  const auto& m = state_.memory;
  const auto matches = [&](u8 wanted, int actual) {
    return (wanted & kDontCare) == kDontCare || decode(wanted) == actual;
  };
  const auto hour_matches = [&](int hour) {
    if ((m[5] & kDontCare) == kDontCare) return true;
    if (m[kB] & k24Hours) return decode(m[5]) == hour;
    return decode(m[5] & ~kAfternoon) % 12 + (m[5] & kAfternoon ? 12 : 0) == hour;
  };
  for (u64 s = first; s <= std::min(last, first + 86400); ++s) {
    const Date d = split(static_cast<i64>(kPowerOnTime + s) + state_.offset);
    if (matches(m[1], d.second) && matches(m[3], d.minute) && hour_matches(d.hour)) return true;
  }
  return false;
}

/// Raises the flags of everything that happened since the last look.
void Cmos::take_events() {
  const u64 now = clock_.now(), hz = clock_.hz();
  u8& flags = state_.memory[kC];
  if (const u64 rate = periodic_hz(); rate && ticks_at(now, rate, hz) != ticks_at(state_.seen, rate, hz))
    flags |= kPeriodicFlag;
  const u64 second = now / hz, before = state_.seen / hz;
  if (second != before && !(state_.memory[kB] & kSet)) {
    flags |= kUpdateFlag;
    if (alarm_between(before + 1, second)) flags |= kAlarmFlag;
  }
  state_.seen = now;
}

void Cmos::update() {
  u8& flags = state_.memory[kC];
  const u8 enabled = state_.memory[kB];
  if (flags & enabled & (kUpdateFlag | kAlarmFlag | kPeriodicFlag)) flags |= kRequest;
  irq_.set(flags & kRequest);

  const u64 hz = clock_.hz();
  deadline_ = kNoDeadline;
  if (flags & kRequest) return;  // nothing more to say before register C is read
  if (const u64 rate = periodic_hz(); rate && (enabled & kPeriodicOn))
    deadline_ = cycle_of_tick(ticks_at(clock_.now(), rate, hz) + 1, rate, hz);
  if ((enabled & (kUpdateOn | kAlarmOn)) && !(enabled & kSet))
    deadline_ = std::min(deadline_, (clock_.now() / hz + 1) * hz);
}

void Cmos::advance() {
  take_events();
  update();
}

void Cmos::restore(const State& state) {
  state_ = state;
  update();
}

}  // namespace ringside
