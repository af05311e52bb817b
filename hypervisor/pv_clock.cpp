#include "hypervisor/pv_clock.h"

#include <cstddef>
#include <cstring>

#include "hypervisor/devices/cmos.h"

namespace ringside {
namespace {

constexpr u64 kNanosecond = 1'000'000'000;
constexpr u64 kEnable = 1;
constexpr u8 kStable = 1;

static_assert(sizeof(PvSystemTime) == 32 && sizeof(PvWallClock) == 12);

/// Shift and multiplier that turn ticks of `hz` into nanoseconds, the multiplier with all its 32 bits in use.
void scale(u64 hz, PvSystemTime& time) {
  u64 rate = hz;
  for (time.shift = 0; rate > 2 * kNanosecond; rate /= 2) --time.shift;
  for (; rate <= kNanosecond; rate *= 2) ++time.shift;
  // What was shifted out of an odd rate must not be lost: the quotient is taken of the whole one.
  const Wide ticks =
      time.shift < 0 ? Wide{kNanosecond} << (32 - time.shift) : Wide{kNanosecond} << 32 >> time.shift;
  time.multiplier = static_cast<u32>(ticks / hz);
}

}  // namespace

CpuidResult kvm_cpuid(u32 leaf, u32 features) {
  CpuidResult result;
  if (leaf == kvm_interface::kFeatureLeaf) result.eax = features;
  if (leaf == kvm_interface::kSignatureLeaf) {
    result.eax = kvm_interface::kFeatureLeaf;  // the last one
    const char signature[] = "KVMKVMKVM\0\0";
    std::memcpy(&result.ebx, signature, 4);
    std::memcpy(&result.ecx, signature + 4, 4);
    std::memcpy(&result.edx, signature + 8, 4);
  }
  return result;
}

std::optional<u64> PvClock::read_msr(u32 index) const {
  if (index == kvm_interface::kSystemTimeMsr) return state_.system_time;
  if (index == kvm_interface::kWallClockMsr) return state_.wall_clock;
  return std::nullopt;
}

bool PvClock::write_msr(u32 index, u64 value, u64 counter) {
  if (index == kvm_interface::kSystemTimeMsr) {
    state_.system_time = value;
    write_system_time(counter);
  } else if (index == kvm_interface::kWallClockMsr) {
    state_.wall_clock = value;
    write_wall_clock();
  } else {
    return false;
  }
  return true;
}

/// While a page is being written its version is odd: that is the protocol, though nobody can look meanwhile.
void PvClock::write_system_time(u64 counter) {
  if (!(state_.system_time & kEnable)) return;
  const GuestPhys page(state_.system_time & ~kEnable);
  PvSystemTime time{};
  time.counter = counter;
  time.nanoseconds = ticks_at(clock_.now(), kNanosecond, clock_.hz());
  time.flags = kStable;
  scale(clock_.hz(), time);
  time.version = ++state_.version;
  if (!dma_.write(page, time)) return;
  time.version = ++state_.version;
  dma_.write(page, time.version);
}

void PvClock::write_wall_clock() {
  const GuestPhys page(state_.wall_clock);
  PvWallClock time{};
  if (!state_.wall_clock || !dma_.read(page, time)) return;
  time = {time.version | 1, static_cast<u32>(Cmos::kPowerOnTime), 0};
  dma_.write(page, time);
  ++time.version;
  dma_.write(page, time.version);
}

}  // namespace ringside
