#include "tests/catch.h"
#include "tests/hypervisor/device_fixture.h"

using namespace ringside;

namespace {

/// One step of a scenario: what is done, and what INTR and the next acknowledged vector are afterwards.
struct Step {
  enum Do { Raise, Drop, Ack, Out } what;
  unsigned a = 0, b = 0;  ///< irq; expected vector; port and value
  bool pending = false;   ///< INTR afterwards
};

struct Scenario {
  const char* name;
  u8 icw4;
  std::vector<Step> steps;
};

constexpr auto Raise = Step::Raise, Drop = Step::Drop, Ack = Step::Ack, Out = Step::Out;

const Scenario kScenarios[] = {
    {"an edge interrupts once",
     1,
     {{Raise, 1, 0, true}, {Ack, 0x21}, {Out, 0x20, 0x20}, {Drop, 1}, {Raise, 1, 0, true}}},
    {"a held line does not interrupt again", 1, {{Raise, 1, 0, true}, {Ack, 0x21}, {Out, 0x20, 0x20, false}}},
    {"lower numbers win",
     1,
     {{Raise, 5, 0, true}, {Raise, 1, 0, true}, {Ack, 0x21, 0, false}, {Out, 0x20, 0x20, true}, {Ack, 0x25}}},
    {"a higher priority interrupts a service",
     1,
     {{Raise, 5, 0, true}, {Ack, 0x25}, {Raise, 6, 0, false}, {Raise, 0, 0, true}, {Ack, 0x20}}},
    {"a request that goes away is spurious 7", 1, {{Raise, 3, 0, true}, {Drop, 3, 0, false}, {Ack, 0x27}}},
    {"the slave comes in through line 2",
     1,
     {{Raise, 14, 0, true}, {Ack, 0x2E, 0, false}, {Out, 0xA0, 0x20}, {Out, 0x20, 0x20, false}}},
    {"the slave ranks before 3",
     1,
     {{Raise, 3, 0, true},
      {Raise, 8, 0, true},
      {Ack, 0x28, 0, false},
      {Out, 0xA0, 0x20, false},
      {Out, 0x20, 0x20, true},
      {Ack, 0x23}}},
    {"a second slave request waits for both EOIs",
     1,
     {{Raise, 9, 0, true},
      {Raise, 10, 0, true},
      {Ack, 0x29, 0, false},
      {Out, 0x20, 0x20, false},
      {Out, 0xA0, 0x20, true},
      {Ack, 0x2A}}},
    {"masked requests wait",
     1,
     {{Out, 0x21, 0x02}, {Raise, 1, 0, false}, {Out, 0x21, 0x00, true}, {Ack, 0x21}}},
    {"automatic EOI", 3, {{Raise, 1, 0, true}, {Ack, 0x21}, {Drop, 1}, {Raise, 1, 0, true}, {Ack, 0x21}}},
    {"automatic EOI keeps later slave requests",
     3,
     {{Raise, 9, 0, true}, {Raise, 10, 0, true}, {Ack, 0x29, 0, true}, {Ack, 0x2A}}},
    {"specific EOI",
     1,
     {{Raise, 5, 0, true},
      {Ack, 0x25},
      {Raise, 1, 0, true},
      {Ack, 0x21},
      {Out, 0x20, 0x65},
      {Raise, 6, 0, false},
      {Out, 0x20, 0x61, true},
      {Ack, 0x26}}},
    {"rotation on EOI makes the served line last",
     1,
     {{Raise, 0, 0, true},
      {Ack, 0x20},
      {Out, 0x20, 0xA0},
      {Drop, 0},
      {Raise, 0, 0, true},
      {Raise, 1, 0, true},
      {Ack, 0x21}}},
    {"set priority", 1, {{Out, 0x20, 0xC4}, {Raise, 4, 0, true}, {Raise, 5, 0, true}, {Ack, 0x25}}},
    {"rotation in automatic EOI",
     3,
     {{Out, 0x20, 0x80},
      {Raise, 0, 0, true},
      {Ack, 0x20},
      {Drop, 0},
      {Raise, 0, 0, true},
      {Raise, 7, 0, true},
      {Ack, 0x27}}},
    {"special mask lets lower priorities in",
     1,
     {{Raise, 1, 0, true},
      {Ack, 0x21},
      {Raise, 5, 0, false},
      {Out, 0x20, 0x68, false},
      {Out, 0x21, 0x02, true},
      {Ack, 0x25}}},
    {"special fully nested: the slave interrupts itself",
     0x11,
     {{Raise, 10, 0, true}, {Ack, 0x2A}, {Raise, 8, 0, true}, {Ack, 0x28}}},
    {"fully nested: it does not", 1, {{Raise, 10, 0, true}, {Ack, 0x2A}, {Raise, 8, 0, false}}},
    {"level-triggered by ELCR: held means again",
     1,
     {{Out, 0x4D0, 0x20}, {Raise, 5, 0, true}, {Ack, 0x25}, {Out, 0x20, 0x20, true}, {Drop, 5, 0, false}}},
    {"the timer's line stays edge-triggered",
     1,
     {{Out, 0x4D0, 0x01}, {Raise, 0, 0, true}, {Ack, 0x20}, {Out, 0x20, 0x20, false}}},
    {"initialisation forgets requests",
     1,
     {{Raise, 1, 0, true},
      {Out, 0x20, 0x11, false},
      {Out, 0x21, 0x40},
      {Out, 0x21, 4},
      {Out, 0x21, 1, false},
      {Drop, 1},
      {Raise, 1, 0, true},
      {Ack, 0x41}}},
    {"without ICW4 automatic EOI is off",
     3,
     {{Out, 0x20, 0x10},
      {Out, 0x21, 0x20},
      {Out, 0x21, 4},
      {Raise, 1, 0, true},
      {Ack, 0x21},
      {Drop, 1},
      {Raise, 1, 0, false}}},
};

}  // namespace

TEST_CASE("The interrupt controllers behave as the data sheet says", "[devices]") {
  for (const Scenario& scenario : kScenarios) {
    TestMachine m;
    m.start_interrupt_controllers(scenario.icw4);
    PicPair& pic = m.devices().pic;
    for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
      const Step& s = scenario.steps[i];
      INFO(scenario.name << ", step " << i);
      switch (s.what) {
        case Raise: pic.set_line(static_cast<u8>(s.a), true); break;
        case Drop: pic.set_line(static_cast<u8>(s.a), false); break;
        case Ack: CHECK(unsigned{m.machine.acknowledge_interrupt()} == s.a); break;
        case Out: m.out(static_cast<u16>(s.a), s.b); break;
      }
      if (s.what == Raise || s.what == Out || s.pending) CHECK(m.machine.interrupt_pending() == s.pending);
    }
  }
}

TEST_CASE("IRR, ISR, masks and poll can be read", "[devices]") {
  TestMachine m;
  m.start_interrupt_controllers();
  m.out(0x21, 0xF0);
  CHECK(m.in(0x21) == 0xF0);
  m.devices().pic.set_line(6, true);
  m.devices().pic.set_line(1, true);
  CHECK(m.in(0x20) == 0x42);  // IRR shows masked requests too
  CHECK(m.machine.acknowledge_interrupt() == 0x21);
  m.out(0x20, 0x0B);
  CHECK(m.in(0x20) == 0x02);  // ISR
  m.out(0x20, 0x0A);
  CHECK(m.in(0x20) == 0x40);
  m.out(0x21, 0);
  m.out(0x20, 0x20);
  m.out(0x20, 0x0C);
  CHECK(m.in(0x20) == 0x86);  // poll acknowledges
  m.out(0x20, 0x0C);
  CHECK(m.in(0x20) == 0);
}

TEST_CASE("A vanished slave request is spurious 15 and leaves the master's line 2 in service", "[devices]") {
  TestMachine m;
  m.start_interrupt_controllers();
  m.devices().pic.set_line(12, true);  // and lets it vanish between the two INTA cycles
  PicPair::State s = m.devices().pic.state();
  s.chip[1].irr = 0;
  m.devices().pic.restore(s);
  CHECK(m.machine.acknowledge_interrupt() == 0x2F);
  CHECK(m.devices().pic.state().chip[0].isr == 4);
  CHECK(m.devices().pic.state().chip[1].isr == 0);
}
