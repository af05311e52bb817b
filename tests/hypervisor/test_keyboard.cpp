#include "tests/catch.h"
#include "tests/hypervisor/device_fixture.h"

using namespace ringside;

TEST_CASE("Keyboard controller and keyboard answer their commands", "[devices]") {
  struct Row {
    const char* name;
    std::vector<std::pair<u16, u8>> writes;
    std::vector<int> answers;
  };
  const Row rows[] = {
      {"self test", {{0x64, 0xAA}}, {0x55}},
      {"interface test", {{0x64, 0xAB}}, {0x00}},
      {"command byte", {{0x64, 0x60}, {0x60, 0x41}, {0x64, 0x20}}, {0x41}},
      {"output port", {{0x64, 0xD0}}, {0xCF}},
      {"A20 off and on", {{0x64, 0xD1}, {0x60, 0xDD}, {0x64, 0xD0}}, {0xCD}},
      {"reset", {{0x60, 0xFF}}, {0xFA, 0xAA}},
      {"identify", {{0x60, 0xF2}}, {0xFA, 0xAB, 0x41}},
      {"LEDs", {{0x60, 0xED}, {0x60, 0x02}}, {0xFA, 0xFA}},
      {"which scancode set", {{0x60, 0xF0}, {0x60, 0x00}}, {0xFA, 0xFA, 0x41}},
      {"echo", {{0x60, 0xEE}}, {0xEE}},
      {"unknown", {{0x60, 0x01}}, {0xFE}},
      {"no mouse", {{0x64, 0xA9}}, {0x02}},
      {"mouse bytes go nowhere", {{0x64, 0xD4}, {0x60, 0xFF}}, {}},
  };
  for (const Row& row : rows) {
    TestMachine m;
    INFO(row.name);
    for (const auto& [port, value] : row.writes) m.out(port, value);
    std::vector<int> answers;
    while (m.in(0x64) & 1) answers.push_back(m.in(0x60));
    CHECK(answers == row.answers);
  }
}

TEST_CASE("The A20 gate by port 92h and by the keyboard controller", "[devices]") {
  struct Row {
    const char* name;
    std::vector<std::pair<u16, u8>> writes;
    bool on;
  };
  const Row rows[] = {
      {"after power-on", {}, true},
      {"port 92h off", {{0x92, 0x00}}, false},
      {"port 92h on", {{0x92, 0x00}, {0x92, 0x02}}, true},
      {"output port off", {{0x64, 0xD1}, {0x60, 0xDD}}, false},
      {"output port on", {{0x92, 0x00}, {0x64, 0xD1}, {0x60, 0xDF}}, true},
      {"commands DDh and DFh", {{0x64, 0xDD}, {0x64, 0xDF}, {0x64, 0xDD}}, false},
  };
  constexpr GuestPhys kAbove(0x123456);
  for (const Row& row : rows) {
    INFO(row.name);
    TestMachine m;
    bool told = true;
    m.machine.on_a20([&](bool on) { told = on; });
    for (const auto& [port, value] : row.writes) m.out(port, value);
    CHECK(told == row.on);
    CHECK(m.machine.through_a20(kAbove) == GuestPhys(row.on ? 0x123456 : 0x023456));
    CHECK((m.in(0x92) >> 1 & 1) == row.on);
    m.out(0x64, 0xD0);
    CHECK((m.in(0x60) >> 1 & 1) == row.on);
    CHECK(m.machine.reset_cause() == nullptr);
    TestMachine other;
    other.devices().restore(m.devices().save());
    CHECK(other.machine.through_a20(kAbove) == m.machine.through_a20(kAbove));
  }
}

TEST_CASE("Each key interrupts", "[devices]") {
  TestMachine m;
  m.start_interrupt_controllers(3);
  m.machine.press_key(0x1E);
  m.machine.press_key(0x9E);
  for (const u8 code : {u8{0x1E}, u8{0x9E}}) {
    REQUIRE(m.machine.interrupt_pending());
    CHECK(m.machine.acknowledge_interrupt() == 0x21);
    CHECK(m.in(0x60) == code);
  }
  CHECK_FALSE(m.machine.interrupt_pending());
  m.out(0x64, 0xAD);  // disabled: nothing arrives
  m.machine.press_key(0x1E);
  CHECK((m.in(0x64) & 1) == 0);
}

TEST_CASE("Three ways to reset", "[devices]") {
  TestMachine a, b, c;
  CHECK(a.machine.reset_cause() == nullptr);
  a.out(0x64, 0xFE);
  CHECK(a.machine.reset_cause() != nullptr);
  b.out(0x64, 0xD1);
  b.out(0x60, 0xDE);
  CHECK(b.machine.reset_cause() != nullptr);
  c.out(0x92, 3);
  CHECK(c.machine.reset_cause() != nullptr);
}

TEST_CASE("A full keyboard buffer loses keys and nothing else", "[devices]") {
  TestMachine m;
  for (int i = 0; i < 1000; ++i) m.machine.press_key(static_cast<u8>(i));
  unsigned n = 0;
  while (m.in(0x64) & 1) {
    CHECK(m.in(0x60) == n);
    ++n;
  }
  CHECK(n == Keyboard::kQueueBytes);
}
