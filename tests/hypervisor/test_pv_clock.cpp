// The paravirtual clock: what its pages say, and a guest that reads them.
#include <cmath>

#include "hypervisor/devices/cmos.h"
#include "hypervisor/snapshot.h"
#include "tests/catch.h"
#include "tests/hypervisor/device_fixture.h"

using namespace ringside;

namespace {

constexpr GuestPhys kSystemTime(0x200000), kWallClock(0x200100), kLast(0x200200);

Image guest() { return load_image(std::string(RINGSIDE_BINARY_DIR) + "/tests/images/pv_clock.bin"); }

VmConfig with_clock(bool offered = true) {
  VmConfig config;
  config.mode = Mode::Hvm;
  config.host.ram_bytes = u64{4} << 20;
  config.host.pv_clock = offered;
  return config;
}

/// As a guest computes it.
u64 nanoseconds(const PvSystemTime& page, u64 counter) {
  u64 ticks = counter - page.counter;
  ticks = page.shift < 0 ? ticks >> -page.shift : ticks << page.shift;
  return page.nanoseconds + static_cast<u64>(Wide{ticks} * page.multiplier >> 32);
}

}  // namespace

TEST_CASE("a clock page turns the counter's ticks into nanoseconds at any rate", "[pv_clock]") {
  for (const u64 hz : {u64{1}, u64{999'999'937}, u64{33'333'333}, u64{1'000'000'000}, u64{2'000'000'001},
                       u64{2'600'000'000}, u64{5'300'000'017}}) {
    INFO(hz);
    TestMachine m;
    m.clock.rate = hz;
    m.clock.cycles = 3 * hz;
    PvClock clock(m.clock, m.machine.dma());
    CHECK(clock.write_msr(kvm_interface::kSystemTimeMsr, kSystemTime.value | 1, 1000));
    const auto page = *m.machine.ram().read<PvSystemTime>(kSystemTime);
    CHECK(page.version == 2);
    CHECK(page.flags == 1);
    CHECK(page.counter == 1000);
    CHECK(page.nanoseconds == 3'000'000'000);
    // An hour later, and right to a part in 2^31.
    const u64 later = nanoseconds(page, 1000 + 3600 * hz);
    CHECK(later <= 3'603'000'000'000);
    CHECK(later >= 3'603'000'000'000 - 3600 * 1'000'000'000ull / (u64{1} << 31) - 1);
    clock.counter_changed(0);
    CHECK(m.machine.ram().read<PvSystemTime>(kSystemTime)->version == 4);
    CHECK(m.machine.ram().read<PvSystemTime>(kSystemTime)->counter == 0);
  }
}

TEST_CASE("a clock page is written where the guest wants it, and nowhere else", "[pv_clock]") {
  TestMachine m;
  PvClock clock(m.clock, m.machine.dma());
  const u64 end = m.machine.ram().size();
  for (const u32 index : {kvm_interface::kSystemTimeMsr, kvm_interface::kWallClockMsr}) {
    CHECK(clock.write_msr(index, 0, 0));
    for (const u64 address : {end | 1, (end - 8) | 1, ~u64{0}, u64{0xFFFFFFFFFFFFFFF1}, u64{0xFEB00001}}) {
      CHECK(clock.write_msr(index, address, 0));
      CHECK(clock.read_msr(index) == address);
    }
  }
  const std::vector<u8> zeros(end);
  CHECK(std::equal(zeros.begin(), zeros.end(), m.machine.ram().at(GuestPhys(0), end)));
  CHECK(clock.write_msr(kvm_interface::kSystemTimeMsr, kSystemTime.value, 0));  // not enabled
  CHECK(m.machine.ram().read<u32>(kSystemTime) == 0u);
  CHECK_FALSE(clock.write_msr(0x4B564D02, 0, 0));
  CHECK_FALSE(clock.read_msr(0x4B564D02).has_value());
}

TEST_CASE("a guest reads the paravirtual clock: even versions, never backwards, no exits",
          "[pv_clock][hvm]") {
  VirtualMachine vm(guest(), with_clock());
  const Ending ending = vm.run({.instructions = 1'000'000});
  INFO(vm.why());
  CHECK(ending == Ending::Success);
  CHECK(vm.host().machine.console() == "KVMKVMKVMLFRamtG");
  const GuestMemory& ram = vm.host().machine.ram();
  const auto page = *ram.read<PvSystemTime>(kSystemTime);
  CHECK(page.version == 4);  // written twice: at the guest's wish, and when it had set its counter
  CHECK(page.counter == 5);
  const auto wall = *ram.read<PvWallClock>(kWallClock);
  CHECK(wall.version % 2 == 0);
  CHECK(wall.seconds == Cmos::kPowerOnTime);
  // The last time that it read was a little before the end of the run.
  const u64 now = ticks_at(vm.host().now(), 1'000'000'000, vm.host().hz());
  CHECK(*ram.read<u64>(kLast) <= now);
  CHECK(*ram.read<u64>(kLast) + 100'000 > now);
  CHECK(vm.host().ledger.samples(ExitReason::Wrmsr) == 3);
  CHECK(vm.host().ledger.samples(ExitReason::Rdtsc) == 0);
}

TEST_CASE("without the paravirtual clock its registers do not exist", "[pv_clock][hvm]") {
  VirtualMachine vm(guest(), with_clock(false));
  CHECK(vm.run({.instructions = 1'000'000}) == Ending::Success);
  CHECK(vm.host().machine.console() == "Ringside G");
}

TEST_CASE("a snapshot has the paravirtual clock in it", "[pv_clock][hvm]") {
  VirtualMachine vm(guest(), with_clock());
  vm.run({.instructions = 200});  // the clock is in use
  const auto snapshot = vm.save(nullptr);
  const auto there = vm.host().pv_clock->state();
  CHECK(there.version == 2);
  CHECK(vm.run({.instructions = 1'000'000}) == Ending::Success);
  const std::string printed = vm.host().machine.console();
  CHECK_FALSE(vm.host().pv_clock->state() == there);
  vm.restore(*snapshot);
  CHECK(vm.host().pv_clock->state() == there);
  CHECK(vm.run({.instructions = 1'000'000}) == Ending::Success);
  CHECK(vm.host().machine.console() == printed);
}
