#include "tests/catch.h"
#include "tests/hypervisor/device_fixture.h"

using namespace ringside;

namespace {

constexpr u64 kTick = 1000;  // cycles: the clock runs at 1000 times the timer's rate

struct Timer : TestMachine {
  Timer() { clock.rate = Pit::kHz * kTick; }
  void program(u8 control, u16 count) {
    const u16 port = 0x40 + (control >> 6);
    out(0x43, control);
    if ((control >> 4 & 3) != 2) out(port, count & 0xFF);
    if ((control >> 4 & 3) != 1) out(port, count >> 8);
  }
  u16 count(unsigned channel) {
    out(0x43, static_cast<u8>(channel << 6));
    const u8 low = in(static_cast<u16>(0x40 + channel));
    return static_cast<u16>(low | in(static_cast<u16>(0x40 + channel)) << 8);
  }
  void ticks(u64 n) { wait(n * kTick); }
};

/// The output level of channel 2 after a number of ticks since the count was loaded (or the gate triggered).
struct Wave {
  u8 mode;
  u16 count;
  const char* levels;
};
const Wave kWaves[] = {
    {0, 4, "000011111111"}, {1, 4, "000011111111"}, {2, 4, "111011101110"}, {3, 4, "110011001100"},
    {3, 5, "111001110011"}, {4, 4, "111101111111"}, {5, 4, "111101111111"}, {2, 2, "101010101010"},
};

}  // namespace

TEST_CASE("The timer's outputs have the data sheet's shapes", "[devices]") {
  for (const Wave& w : kWaves) {
    Timer t;
    INFO("mode " << int{w.mode} << ", count " << w.count);
    const bool triggered = w.mode == 1 || w.mode == 5;
    t.out(0x61, triggered ? 0 : 1);
    t.program(static_cast<u8>(0xB0 | w.mode << 1), w.count);
    if (triggered) t.out(0x61, 1);
    std::string levels;
    t.ticks(1);  // loading
    for (std::size_t i = 0; w.levels[i]; ++i, t.ticks(1)) levels += t.in(0x61) & 0x20 ? '1' : '0';
    CHECK(levels == w.levels);
  }
}

TEST_CASE("The timer interrupts at its exact rate", "[devices]") {
  for (const u64 hz : {u64{3'800'000'000}, u64{2'600'000'000}, u64{1'000'000'007}}) {
    for (const unsigned divisor : {11931u, 1193u, 2u, 65536u}) {
      TestMachine m;
      m.clock.rate = hz;
      m.start_interrupt_controllers(3);
      m.out(0x43, 0x34);
      m.out(0x40, divisor & 0xFF);
      m.out(0x40, divisor >> 8 & 0xFF);
      const u64 wanted = 1000;
      u64 interrupts = 0;
      while (interrupts < wanted) {
        m.clock.cycles = m.machine.next_deadline();
        m.machine.advance();
        if (m.machine.interrupt_pending()) {
          REQUIRE(m.machine.acknowledge_interrupt() == 0x20);
          ++interrupts;
        }
      }
      INFO(hz << " Hz, divisor " << divisor);
      CHECK(m.clock.cycles == cycle_of_tick(1 + wanted * divisor, Pit::kHz, hz));
    }
  }
}

TEST_CASE("Counts can be read in every way", "[devices]") {
  Timer t;
  t.program(0x34, 1000);
  t.ticks(1 + 10);
  CHECK(t.count(0) == 990);
  SECTION("a latch holds while the count goes on") {
    t.out(0x43, 0x00);
    t.ticks(100);
    t.out(0x43, 0x00);  // a second latch does nothing
    CHECK(t.in(0x40) == (990 & 0xFF));
    CHECK(t.in(0x40) == 990 >> 8);
    CHECK(t.count(0) == 890);
  }
  SECTION("read-back gives status, then count") {
    t.out(0x43, 0xC2);
    CHECK(t.in(0x40) == 0xB4);  // output high, both bytes, mode 2, binary
    CHECK(t.in(0x40) == (990 & 0xFF));
    CHECK(t.in(0x40) == 990 >> 8);
  }
  SECTION("the period starts again") {
    t.ticks(990);
    CHECK(t.count(0) == 1000);
  }
  SECTION("a new count waits for the end of the period") {
    t.out(0x40, 50);
    t.out(0x40, 0);
    CHECK(t.count(0) == 990);
    t.ticks(990 + 10);
    CHECK(t.count(0) == 40);
  }
}

TEST_CASE("BCD counts and zero as the largest count", "[devices]") {
  Timer t;
  t.program(0x31, 0x1000);  // mode 0, BCD
  t.ticks(1 + 1);
  CHECK(t.count(0) == 0x0999);
  t.program(0x30, 0);
  t.ticks(1 + 1);
  CHECK(t.count(0) == 65535);
  t.program(0x31, 0);
  t.ticks(1 + 1);
  CHECK(t.count(0) == 0x9999);
}

TEST_CASE("A one-shot interrupts once and a gate stops the count", "[devices]") {
  Timer t;
  t.start_interrupt_controllers(3);
  t.program(0x30, 100);
  CHECK_FALSE(t.machine.interrupt_pending());
  t.ticks(100);
  CHECK_FALSE(t.machine.interrupt_pending());
  t.ticks(1);
  CHECK(t.machine.interrupt_pending());
  CHECK(t.machine.acknowledge_interrupt() == 0x20);
  CHECK(t.machine.next_deadline() == Machine::kNever);

  t.out(0x61, 1);
  t.program(0xB0, 100);
  t.ticks(11);
  t.out(0x61, 0);
  const u16 stopped = t.count(2);
  t.ticks(50);
  CHECK(t.count(2) == stopped);
  t.out(0x61, 1);
  t.ticks(5);
  CHECK(t.count(2) == stopped - 5);
}
