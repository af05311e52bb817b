// Local APIC and I/O APIC on the machine's bus: who interrupts the processor, when, and with which vector.
#include "cpu/msr.h"
#include "tests/catch.h"
#include "tests/hypervisor/device_fixture.h"

using namespace ringside;

namespace {

constexpr u32 kApic = LocalApic::kDefaultBase, kIo = IoApic::kBase;

struct ApicMachine : TestMachine {
  ApicMachine() : TestMachine({.apic = true}) {}
  u32 get(u32 reg) { return machine.mmio_read(GuestPhys(kApic + reg), 4); }
  void set(u32 reg, u32 value) { machine.mmio_write(GuestPhys(kApic + reg), value, 4); }
  u32 io_get(u8 index) {
    machine.mmio_write(GuestPhys(kIo), index, 4);
    return machine.mmio_read(GuestPhys(kIo + 0x10), 4);
  }
  void io_set(u8 index, u32 value) {
    machine.mmio_write(GuestPhys(kIo), index, 4);
    machine.mmio_write(GuestPhys(kIo + 0x10), value, 4);
  }
  void line(u8 irq, bool level) { devices().pic.set_line(irq, level); }
};

/// One step of a scenario: what is done, and whether the processor is interrupted afterwards.
struct Step {
  enum Do { Set, Get, IoSet, IoGet, Raise, Drop, Ack, Wait, Out } what;
  u32 a = 0, b = 0;      ///< register and value, irq, expected vector, cycles, or port and value
  bool pending = false;  ///< INTR afterwards
};
constexpr auto Set = Step::Set, Get = Step::Get, IoSet = Step::IoSet, IoGet = Step::IoGet,
               Raise = Step::Raise, Drop = Step::Drop, Ack = Step::Ack, Wait = Step::Wait, Out = Step::Out;

// Registers of the local APIC, redirection entries of the I/O APIC (low double word).
constexpr u32 kId = 0x20, kVersion = 0x30, kTpr = 0x80, kApr = 0x90, kPpr = 0xA0, kEoi = 0xB0, kLdr = 0xD0,
              kDfr = 0xE0, kSvr = 0xF0, kIsr = 0x100, kTmr = 0x180, kIrr = 0x200, kEsr = 0x280, kIcr = 0x300,
              kIcrHigh = 0x310, kTimer = 0x320, kLint0 = 0x350, kError = 0x370, kInitial = 0x380,
              kCurrent = 0x390, kDivide = 0x3E0;
constexpr u32 entry(unsigned pin) { return 0x10 + 2 * pin; }
constexpr u32 kMasked = 1u << 16, kPeriodic = 1u << 17, kLevel = 1u << 15, kLogical = 1u << 11,
              kSelf = 1u << 18, kRemoteIrr = 1u << 14, kExtInt = 7u << 8;

struct Scenario {
  const char* name;
  std::vector<Step> steps;
};

/// Each begins with the APIC enabled by software, spurious vector FFh, LINT0 masked.
const Scenario kScenarios[] = {
    {"an IPI to itself, in service until EOI",
     {{Set, kIcr, kSelf | 0x51, true},
      {Get, kIrr + 0x20, 1u << 17, true},
      {Ack, 0x51},
      {Get, kIrr + 0x20, 0},
      {Get, kIsr + 0x20, 1u << 17},
      {Get, kPpr, 0x50},
      {Set, kEoi, 0},
      {Get, kIsr + 0x20, 0},
      {Get, kPpr, 0}}},
    {"the higher class goes first, the same class waits",
     {{Set, kIcr, kSelf | 0x41, true},
      {Set, kIcr, kSelf | 0x62, true},
      {Ack, 0x62},
      {Set, kIcr, kSelf | 0x6F, false},
      {Set, kIcr, kSelf | 0x70, true},
      {Ack, 0x70},
      {Set, kEoi, 0},
      {Set, kEoi, 0, true},
      {Ack, 0x6F},
      {Set, kEoi, 0, true},
      {Ack, 0x41},
      {Set, kEoi, 0}}},
    {"the task priority holds its class and those below back",
     {{Set, kTpr, 0x5F},
      {Set, kIcr, kSelf | 0x5F, false},
      {Get, kApr, 0x5F},
      {Set, kIcr, kSelf | 0x60, true},
      {Get, kApr, 0x60, true},
      {Ack, 0x60},
      {Get, kPpr, 0x60},
      {Set, kEoi, 0},
      {Get, kPpr, 0x5F},
      {Set, kTpr, 0x40, true},
      {Ack, 0x5F}}},
    {"what the task priority takes back is spurious, and not in service",
     {{Set, kIcr, kSelf | 0x31, true}, {Set, kTpr, 0xFF}, {Ack, 0xFF}, {Get, kIsr + 0x10, 0}}},
    {"switched off by software it holds what it has and masks its own sources",
     {{Set, kTimer, 0x40},
      {Set, kIcr, kSelf | 0x31, true},
      {Set, kSvr, 0xFF},
      {Get, kIrr + 0x10, 1u << 17},
      {Get, kTimer, kMasked | 0x40},
      {Set, kTimer, 0x40},
      {Get, kTimer, kMasked | 0x40},
      {Set, kIcr, kSelf | 0x52, false},
      {Get, kIrr + 0x20, 0},
      {Set, kSvr, 0x1FF, true},
      {Ack, 0x31}}},
    {"IPIs by destination: physical, broadcast, nobody, all but itself",
     {{Set, kId, 0x03000000},
      {Get, kId, 0x03000000},
      {Set, kIcrHigh, 0x03000000},
      {Set, kIcr, 0x81, true},
      {Ack, 0x81},
      {Set, kEoi, 0},
      {Set, kIcrHigh, 0xFF000000},
      {Set, kIcr, 0x82, true},
      {Ack, 0x82},
      {Set, kEoi, 0},
      {Set, kIcrHigh, 0x04000000},
      {Set, kIcr, 0x83},
      {Set, kEsr, 0},
      {Get, kEsr, 4},  // nobody accepted it
      {Set, kIcr, 3u << 18 | 0x84},
      {Set, kIcr, 2u << 18 | 0x85, true},
      {Ack, 0x85}}},
    {"logical destinations, flat",
     {{Set, kLdr, 0x06000000},
      {Set, kDfr, 0xFFFFFFFF},
      {Set, kIcrHigh, 0x04000000},
      {Set, kIcr, kLogical | 0x31, true},
      {Ack, 0x31},
      {Set, kEoi, 0},
      {Set, kIcrHigh, 0x01000000},
      {Set, kIcr, kLogical | 0x32}}},
    {"logical destinations, cluster",
     {{Set, kLdr, 0x21000000},
      {Set, kDfr, 0x0FFFFFFF},
      {Get, kDfr, 0x0FFFFFFF},
      {Set, kIcrHigh, 0x11000000},
      {Set, kIcr, kLogical | 0x31},
      {Set, kIcrHigh, 0x23000000},
      {Set, kIcr, kLogical | 0x31, true},
      {Ack, 0x31},
      {Set, kEoi, 0},
      {Set, kIcrHigh, 0xF1000000},
      {Set, kIcr, kLogical | 0x32, true},
      {Ack, 0x32}}},
    {"INIT and start-up reach nobody, the de-assertion is no message",
     {{Set, kIcr, 0x000C4500},
      {Set, kIcr, 0x00088500},
      {Set, kEsr, 0},
      {Get, kEsr, 0},
      {Set, kIcrHigh, 0x01000000},
      {Set, kIcr, 0x00004500},
      {Set, kIcr, 0x00004610},
      {Set, kEsr, 0},
      {Get, kEsr, 4}}},
    {"illegal vectors and registers are errors, with an interrupt of their own",
     {{Set, kError, 0xE0},
      {Set, kIcr, kSelf | 0x0F, true},
      {Ack, 0xE0},
      {Set, kEoi, 0},
      {Get, kEsr, 0},
      {Set, kEsr, 0},
      {Get, kEsr, 0x20},
      {Set, kEsr, 0},
      {Get, kEsr, 0},
      {Get, 0x3F0, 0, true},
      {Ack, 0xE0},
      {Set, kEoi, 0},
      {Set, kEsr, 0},
      {Get, kEsr, 0x80},
      {IoSet, entry(5), 0x05},
      {Raise, 5, 0, true},
      {Ack, 0xE0},
      {Set, kEoi, 0},
      {Set, kEsr, 0},
      {Get, kEsr, 0x40}}},
    {"an error interrupt with an illegal vector is one more error and no loop",
     {{Set, kError, 0x05}, {Set, kIcr, kSelf | 0x0F}, {Set, kEsr, 0}, {Get, kEsr, 0x60}}},
    {"one shot: counts down once",
     {{Set, kDivide, 0x3},  // by 16
      {Set, kTimer, 0x40},
      {Set, kInitial, 100},
      {Get, kCurrent, 100},
      {Wait, 16 * 60},
      {Get, kCurrent, 40},
      {Wait, 16 * 40 - 1},
      {Get, kCurrent, 1},
      {Wait, 1, 0, true},
      {Get, kCurrent, 0, true},
      {Ack, 0x40},
      {Set, kEoi, 0},
      {Wait, 100000},
      {Get, kCurrent, 0}}},
    {"periodic: without drift, at most one request at a time",
     {{Set, kDivide, 0xB},  // by 1
      {Set, kTimer, kPeriodic | 0x40},
      {Set, kInitial, 1000},
      {Wait, 999},
      {Wait, 1, 0, true},
      {Ack, 0x40},
      {Set, kEoi, 0},
      {Wait, 999},
      {Get, kCurrent, 1},
      {Wait, 1, 0, true},
      {Get, kCurrent, 1000, true},
      {Wait, 5500, 0, true},
      {Get, kCurrent, 500, true},
      {Ack, 0x40},
      {Set, kEoi, 0},
      {Wait, 499},
      {Wait, 1, 0, true}}},
    {"masked, the timer counts without interrupting",
     {{Set, kDivide, 0xB},
      {Set, kTimer, kMasked | kPeriodic | 0x40},
      {Set, kInitial, 100},
      {Wait, 250},
      {Get, kCurrent, 50},
      {Set, kTimer, kPeriodic | 0x41},
      {Wait, 49},
      {Wait, 1, 0, true},
      {Ack, 0x41}}},
    {"another divisor keeps the count, an initial count of 0 stops it",
     {{Set, kDivide, 0x0},  // by 2
      {Set, kTimer, 0x40},
      {Set, kInitial, 100},
      {Wait, 100},
      {Get, kCurrent, 50},
      {Set, kDivide, 0xA},  // by 128
      {Get, kCurrent, 50},
      {Wait, 128 * 49},
      {Get, kCurrent, 1},
      {Set, kInitial, 0},
      {Get, kCurrent, 0},
      {Wait, 100000}}},
    {"an edge at the I/O APIC interrupts once; at a masked pin it is lost",
     {{IoSet, entry(4), 0x34},
      {Raise, 4, 0, true},
      {Ack, 0x34},
      {Set, kEoi, 0},
      {Drop, 4},
      {IoSet, entry(4), kMasked | 0x34},
      {Raise, 4},
      {IoSet, entry(4), 0x34},
      {Drop, 4},
      {Raise, 4, 0, true},
      {Get, kTmr + 0x10, 0, true},
      {Ack, 0x34}}},
    {"a level asks again after EOI until it drops",
     {{IoSet, entry(10), kLevel | 0x5A},
      {Raise, 10, 0, true},
      {IoGet, entry(10), kLevel | kRemoteIrr | 0x5A, true},
      {Get, kTmr + 0x20, 1u << 26, true},
      {Ack, 0x5A},
      {Set, kEoi, 0, true},
      {Ack, 0x5A},
      {Drop, 10},
      {Set, kEoi, 0},
      {IoGet, entry(10), kLevel | 0x5A}}},
    {"a level at a masked pin waits for the mask to go",
     {{IoSet, entry(10), kMasked | kLevel | 0x5A},
      {Raise, 10},
      {IoSet, entry(10), kLevel | 0x5A, true},
      {Ack, 0x5A},
      {IoSet, entry(10), kMasked | kLevel | 0x5A},
      {Set, kEoi, 0},
      {IoSet, entry(10), kLevel | 0x5A, true},
      {Ack, 0x5A},
      {IoSet, entry(10), kMasked | 0x5A},  // how old kernels clear the remote IRR
      {IoGet, entry(10), kMasked | 0x5A}}},
    {"the timer's IRQ 0 is at pin 2, and pin 0 carries the 8259",
     {{IoSet, entry(2), 0x30},
      {Raise, 0, 0, true},
      {Ack, 0x30},
      {Set, kEoi, 0},
      {IoSet, entry(0), kExtInt, true},  // the 8259 has it, too
      {Ack, 0x20}}},
    {"a message for another processor is nobody's",
     {{IoSet, entry(4) + 1, 0x01000000},
      {IoSet, entry(4), 0x34},
      {Raise, 4},
      {Drop, 4},
      {IoSet, entry(4) + 1, 0x00000000},
      {Raise, 4, 0, true}}},
    {"LINT0 as ExtINT is the virtual wire of the 8259, and goes before the APIC's own",
     {{Raise, 1},
      {Set, kIcr, kSelf | 0xF1, true},
      {Set, kLint0, kExtInt, true},
      {Ack, 0x21, 0, true},
      {Ack, 0xF1},
      {Out, 0x20, 0x20}}},
    {"LINT0 as a vector of its own",
     {{Set, kLint0, 0x47}, {Raise, 1, 0, true}, {Ack, 0x47}, {Set, kEoi, 0}, {Get, kIsr + 0x40, 0}}},
    {"identification",
     {{Get, kVersion, 0x00040011},
      {IoGet, 1, 0x00170011},
      {IoSet, 0, 0x0F123456},
      {IoGet, 0, 0x0F000000},
      {IoGet, 2, 0x0F000000},
      {IoGet, 0x50, 0}}},
};

}  // namespace

TEST_CASE("Local and I/O APIC as the manuals say", "[apic]") {
  for (const Scenario& scenario : kScenarios) {
    ApicMachine m;
    m.start_interrupt_controllers();
    m.set(kSvr, 0x1FF);
    m.set(kLint0, kMasked);
    unsigned number = 0;
    for (const Step& step : scenario.steps) {
      INFO(scenario.name << ", step " << ++number);
      switch (step.what) {
        case Set: m.set(step.a, step.b); break;
        case Get: CHECK(m.get(step.a) == step.b); break;
        case IoSet: m.io_set(static_cast<u8>(step.a), step.b); break;
        case IoGet: CHECK(m.io_get(static_cast<u8>(step.a)) == step.b); break;
        case Raise: m.line(static_cast<u8>(step.a), true); break;
        case Drop: m.line(static_cast<u8>(step.a), false); break;
        case Ack: CHECK(m.machine.acknowledge_interrupt() == step.a); break;
        case Wait: m.wait(step.a); break;
        case Out: m.out(static_cast<u16>(step.a), step.b); break;
      }
      CHECK(m.machine.interrupt_pending() == step.pending);
    }
  }
}

TEST_CASE(
    "Virtual wire: as it wakes up, and switched off in hardware, the 8259 interrupts as without an APIC",
    "[apic]") {
  for (bool hardware_off : {false, true}) {
    INFO("off in hardware: " << hardware_off);
    ApicMachine m;
    m.start_interrupt_controllers();
    if (hardware_off) {
      m.set(kLint0, kMasked);
      m.machine.set_apic_base(kApic);
      CHECK(m.get(kVersion) == 0xFFFFFFFF);  // nobody answers
    }
    m.line(3, true);
    CHECK(m.machine.interrupt_pending());
    CHECK(m.machine.acknowledge_interrupt() == 0x23);
    CHECK(m.machine.acknowledge_interrupt() == 0x27);  // spurious, of the 8259
  }
}

TEST_CASE("The local APIC moves to where IA32_APIC_BASE says, and wakes up anew when it is enabled again",
          "[apic]") {
  ApicMachine m;
  m.set(kTpr, 0x30);
  constexpr u32 kElsewhere = 0xD0000000;
  m.machine.set_apic_base(kElsewhere | msr::kApicEnable);
  CHECK(m.machine.mmio_read(GuestPhys(kElsewhere + kTpr), 4) == 0x30);
  CHECK(m.get(kTpr) == 0xFFFFFFFF);
  m.machine.set_apic_base(kElsewhere);
  m.machine.set_apic_base(kApic | msr::kApicEnable);
  CHECK(m.get(kTpr) == 0);
  CHECK(m.get(kSvr) == 0xFF);
}

TEST_CASE("APIC registers by other widths than their own", "[apic]") {
  ApicMachine m;
  CHECK(m.machine.mmio_read(GuestPhys(kApic + kVersion + 2), 1) == 4);
  CHECK(m.machine.mmio_read(GuestPhys(kApic + kVersion), 2) == 0x11);
  CHECK(m.machine.mmio_read(GuestPhys(kApic + kVersion + 4), 4) == 0);
  m.machine.mmio_write(GuestPhys(kApic + kTpr), 0x30, 1);
  CHECK(m.get(kTpr) == 0);
}

TEST_CASE("Saved APICs go on as the originals", "[apic]") {
  ApicMachine a;
  a.set(kSvr, 0x1FF);
  a.set(kDivide, 3);
  a.set(kTimer, kPeriodic | 0x40);
  a.set(kInitial, 1000);
  a.io_set(entry(10), kLevel | 0x5A);
  a.line(10, true);
  a.wait(777);
  const auto saved = a.devices().save();
  ApicMachine b;
  b.clock.cycles = a.clock.cycles;
  b.devices().restore(saved);
  CHECK(b.devices().save() == saved);
  CHECK(a.machine.next_deadline() == b.machine.next_deadline());
  for (ApicMachine* m : {&a, &b}) {
    CHECK(m->machine.acknowledge_interrupt() == 0x5A);
    m->set(kEoi, 0);
    m->wait(40'000);
  }
  CHECK(a.devices().save() == b.devices().save());
}

TEST_CASE("Garbage in the APICs' registers does no harm", "[apic]") {
  ApicMachine m;
  m.start_interrupt_controllers();
  u32 random = 4711;
  const auto next = [&] { return random = random * 1664525 + 1013904223; };
  for (int i = 0; i < 300000; ++i) {
    const u32 choice = next() >> 24;
    const GuestPhys at((choice & 1 ? kApic : kIo) + (next() >> 20));
    const unsigned size = 1u << (choice >> 1 & 3) % 3;
    if (choice & 8)
      m.machine.mmio_read(at, size);
    else
      m.machine.mmio_write(GuestPhys(at.value & ~u64{choice & 16 ? 15u : 0u}), next() ^ next() >> 16, size);
    if (choice >> 5 == 0) m.line(static_cast<u8>(next() >> 28), next() >> 31);
    if (choice >> 5 == 1) m.wait_microseconds(next() >> 28);
    if (m.machine.interrupt_pending() && choice >> 5 == 2) m.machine.acknowledge_interrupt();
    if (choice == 0xFF) m.machine.set_apic_base(kApic | (next() & 0x100000 ? msr::kApicEnable : 0));
  }
  auto saved = m.devices().save();
  saved.console_bytes = 0;
  ApicMachine other;
  other.clock.cycles = m.clock.cycles;
  other.devices().restore(saved);
  CHECK(other.devices().save() == saved);
  CHECK(other.machine.interrupt_pending() == m.machine.interrupt_pending());
}
