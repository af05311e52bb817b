#include "tests/catch.h"
#include "tests/hypervisor/device_fixture.h"

using namespace ringside;

namespace {
constexpr u16 kBase = 0x3F8;
enum { kData, kIer, kIir, kLcr, kMcr, kLsr, kMsr, kScratch };
struct Port : TestMachine {
  explicit Port(std::string typed = {}) : TestMachine({.console_input = std::move(typed)}) {
    start_interrupt_controllers(3);
    set(kMcr, 8);
  }
  u8 get(unsigned r) { return in(static_cast<u16>(kBase + r)); }
  void set(unsigned r, u8 v) { out(static_cast<u16>(kBase + r), v); }
};
}  // namespace

TEST_CASE("What is sent appears on the console, in order with port E9h", "[devices]") {
  Port p;
  p.set(kData, 'a');
  p.out(0xE9, 'b');
  p.set(kData, 'c');
  CHECK(p.machine.console() == "abc");
  CHECK(p.in(0xE9) == 0xE9);
  CHECK((p.get(kLsr) & 0x60) == 0x60);
  CHECK_FALSE(p.machine.interrupt_pending());
}

TEST_CASE("The transmit interrupt follows a character later and is cleared by reading its identity",
          "[devices]") {
  Port p;
  p.set(kIer, 2);
  CHECK(p.machine.interrupt_pending());  // enabling it while empty raises it
  CHECK(p.get(kIir) == 2);
  CHECK(p.get(kIir) == 1);
  CHECK_FALSE(p.machine.interrupt_pending());
  p.set(kData, 'x');
  CHECK(p.get(kIir) == 1);
  p.wait_microseconds(Uart::kCharacterMicroseconds);
  CHECK(p.machine.interrupt_pending());
  CHECK(p.machine.acknowledge_interrupt() == 0x24);
  CHECK(p.get(kIir) == 2);
}

TEST_CASE("Typed text arrives through the FIFO with its interrupts", "[devices]") {
  Port p("hello, world, hello");
  CHECK(p.machine.console_input_waiting());
  p.set(kIir, 0);
  SECTION("one at a time without the FIFO") {
    p.set(kIer, 1);
    std::string got;
    while (p.get(kLsr) & 1) {
      CHECK(p.get(kIir) == 4);
      got += static_cast<char>(p.get(kData));
    }
    CHECK(got == "hello, world, hello");
    CHECK(p.get(kIir) == 1);
  }
  SECTION("the trigger level, then the time-out") {
    p.set(kIir, 0xC1);
    p.set(kIer, 1);
    CHECK(p.get(kIir) == 0xC4);
    for (int i = 0; i < 6; ++i) p.get(kData);  // 13 are left: below the level of 14
    CHECK(p.get(kIir) == 0xC1);
    p.wait_microseconds(4 * Uart::kCharacterMicroseconds);
    CHECK(p.get(kIir) == 0xCC);
    CHECK(p.machine.interrupt_pending());
    p.get(kData);
    CHECK(p.get(kIir) == 0xC1);
  }
  SECTION("clearing the FIFO loses nothing that was typed") {
    p.set(kIir, 0x03);
    std::string got;
    while (p.get(kLsr) & 1) got += static_cast<char>(p.get(kData));
    CHECK(got == "hello, world, hello");
  }
  CHECK(p.machine.console_input_waiting() == ((p.get(kLsr) & 1) == 1));
}

TEST_CASE("Divisor latch, scratch, loopback and overrun", "[devices]") {
  Port p;
  p.set(kLcr, 0x83);
  p.set(kData, 0x34);
  p.set(kIer, 0x12);
  CHECK(p.get(kData) == 0x34);
  CHECK(p.get(kIer) == 0x12);
  p.set(kLcr, 3);
  CHECK(p.get(kIer) == 0);
  p.set(kScratch, 0x5A);
  CHECK(p.get(kScratch) == 0x5A);

  CHECK(p.get(kMsr) == 0xB0);
  p.set(kMcr, 0x1A);
  CHECK((p.get(kMsr) & 0xF0) == 0x90);  // RTS as CTS, OUT2 as DCD
  p.set(kData, 'L');
  CHECK(p.machine.console().empty());
  CHECK(p.get(kData) == 'L');
  p.set(kData, '1');
  p.set(kData, '2');
  CHECK((p.get(kLsr) & 2) == 2);
  CHECK((p.get(kLsr) & 2) == 0);
}

TEST_CASE("Without OUT2 the interrupt line is not connected", "[devices]") {
  Port p("x");
  p.set(kIer, 1);
  CHECK(p.machine.interrupt_pending());
  p.set(kMcr, 0);
  CHECK_FALSE(p.machine.interrupt_pending());
}

TEST_CASE("A flood of output is bounded", "[devices]") {
  ConsoleLog log;
  const std::string chunk(1 << 20, 'x');
  for (int i = 0; i < 20; ++i) log.put(chunk);
  log.put(u8{'y'});
  CHECK(log.text().size() == ConsoleLog::kLimit);
}
