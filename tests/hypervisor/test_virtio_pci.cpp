// The ring devices as cards on the PCI bus, as other people's drivers find and use them.
#include "tests/catch.h"
#include "tests/hypervisor/pci_ring_driver.h"

using namespace ringside;

namespace {

using Kind = PciRingDriver::Kind;
constexpr u8 kBlockDevice = 4, kConsoleDevice = 5, kNetDevice = 6;

MachineConfig with_cards() {
  std::vector<u8> bytes(64 * kSectorBytes);
  for (u32 i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<u8>(i / kSectorBytes + 1);
  return {.disk = make_memory_disk(bytes), .cards = {.block = true, .console = true}};
}

}  // namespace

TEST_CASE("cards are on the bus only if they are asked for and have something behind them", "[pci]") {
  const auto found = [](MachineConfig config) {
    TestMachine m(std::move(config));
    std::vector<u32> ids;
    for (const u8 device : {kBlockDevice, kConsoleDevice, kNetDevice})
      ids.push_back(PciFunctionAccess{m, device}.get(0));
    return ids;
  };
  constexpr u32 kNone = 0xFFFFFFFF;
  CHECK(found({}) == std::vector<u32>{kNone, kNone, kNone});
  CHECK(found({.cards = {.block = true, .console = true, .net = true}}) ==
        std::vector<u32>{kNone, 0x10431AF4, kNone});
  CHECK(found(with_cards()) == std::vector<u32>{0x10421AF4, 0x10431AF4, kNone});
}

TEST_CASE("a card says by its capabilities where its registers are", "[pci]") {
  TestMachine m(with_cards());
  PciRingDriver d(m, kBlockDevice, 0, false);
  CHECK((d.config.get(0x04) >> 16 & 0x10) != 0);  // there is a list
  CHECK(d.config.get(0x08) == 0x01000001);
  CHECK(d.config.get(0x2C) == 0x10421AF4);
  CHECK(d.config.get(0x3C, 2) == (0x0100 | RS_IRQ_VIRTIO_BLOCK));
  CHECK(d.base == 0xC000);
  REQUIRE(d.capability.size() == 5);
  std::vector<bool> taken(0x80);
  for (const Kind kind : {Kind::kCommon, Kind::kNotify, Kind::kIsr, Kind::kDevice}) {
    const u8 at = d.capability[kind];
    CHECK(d.config.get(at + 4, 1) == 0);
    const u32 offset = d.config.get(at + 8), bytes = d.config.get(at + 12);
    REQUIRE(offset + bytes <= taken.size());
    for (u32 i = offset; i < offset + bytes; ++i) {
      CHECK_FALSE(taken[i]);
      taken[i] = true;
    }
  }
  CHECK(d.config.get(d.capability[Kind::kNotify] + 16) == 0);  // one register for every queue
  CHECK(d.in(Kind::kDevice, 0, 4) == 64);
  CHECK(d.in(Kind::kDevice, RS_VIRTIO_BLOCK_CONFIG_SEG_MAX, 2) == 254);
  CHECK(d.in(Kind::kDevice, RS_VIRTIO_BLOCK_CONFIG_SEG_MAX, 1) == 254);
}

TEST_CASE("a card's ports can be sized, moved and switched off", "[pci]") {
  TestMachine m(with_cards());
  PciRingDriver d(m, kBlockDevice, 0, false);
  constexpr u32 kQueues = PciRingDriver::kQueues;
  CHECK(m.machine.port_in(0xC000 + kQueues, 2) == 1);
  d.config.set(0x04, 0, 2);
  CHECK(m.machine.port_in(0xC000 + kQueues, 2) == 0xFFFF);
  d.config.set(0x10, 0xFFFFFFFF);
  CHECK(d.config.get(0x10) == 0xFFFFFF81);
  d.config.set(0x10, 0x1000);
  d.config.set(0x04, 1, 2);
  CHECK(m.machine.port_in(0x1000 + kQueues, 2) == 1);
  CHECK(m.machine.port_in(0xC000 + kQueues, 2) == 0xFFFF);
  CHECK(m.machine.port_in(0x1000 + 0x7F, 2) == 0xFF00);  // the last port, and one that is nobody's
  d.config.set(0x11, 0xFF, 1);
  CHECK(d.config.get(0x10) == 0xFF01);
  CHECK(m.machine.port_in(static_cast<u16>(0xFF00 + kQueues), 2) == 1);
  d.config.set(0x10, 0xFFFFFF80);  // beyond the port space: nowhere
  CHECK(m.machine.port_in(static_cast<u16>(0xFF80 + kQueues), 2) == 0xFFFF);
  d.config.set(0x10, RS_PORT_UART & ~0x7Fu);  // over other devices: they win
  CHECK(m.machine.port_in(RS_PORT_UART + 5, 1) == 0x60);
}

TEST_CASE("a disk behind the PCI bus reads, and interrupts until its status has been read", "[pci]") {
  TestMachine m(with_cards());
  m.start_interrupt_controllers();
  PciRingDriver d(m, kBlockDevice);
  d.block_request(0, RS_VIRTIO_BLOCK_IN, 5, 1024);
  d.offer(0);
  d.notify();
  m.wait_microseconds(20);
  REQUIRE(d.used() == 1);
  CHECK(d.look<u8>(RingDriver::kStatus) == RS_VIRTIO_BLOCK_OK);
  CHECK(d.look<u8>(RingDriver::kData) == 6);
  CHECK(d.look<u8>(RingDriver::kData + 1023) == 7);
  REQUIRE(m.machine.interrupt_pending());
  CHECK(m.machine.acknowledge_interrupt() == 0x20 + RS_IRQ_VIRTIO_BLOCK);
  m.out(0x20, 0x20);
  CHECK(m.machine.interrupt_pending());  // level-triggered: still
  CHECK(d.in(Kind::kIsr, 0, 1) == RS_VIRTIO_INTERRUPT_RING);
  CHECK_FALSE(m.machine.interrupt_pending());
  CHECK(d.in(Kind::kIsr, 0, 1) == 0);
}

TEST_CASE("a queue has its full size until the driver asks for less", "[pci]") {
  TestMachine m(with_cards());
  PciRingDriver d(m, kConsoleDevice, 0, false);
  const auto common = [&](u32 at) { return d.in(Kind::kCommon, at, 2); };
  CHECK(common(PciRingDriver::kQueues) == 2);
  CHECK(common(PciRingDriver::kQueueSize) == 256);
  d.out(Kind::kCommon, PciRingDriver::kQueueSize, 100, 2);  // no power of two
  CHECK(common(PciRingDriver::kQueueSize) == 256);
  d.out(Kind::kCommon, PciRingDriver::kQueueSize, 64, 2);
  CHECK(common(PciRingDriver::kQueueSize) == 64);
  d.out(Kind::kCommon, PciRingDriver::kQueueDesc, 0x1000, 4);
  d.out(Kind::kCommon, PciRingDriver::kQueueDesc + 4, 7, 4);
  CHECK(d.in(Kind::kCommon, PciRingDriver::kQueueDesc, 4) == 0x1000);
  CHECK(d.in(Kind::kCommon, PciRingDriver::kQueueDesc + 4, 4) == 7);
  d.out(Kind::kCommon, PciRingDriver::kQueueSelect, 1, 2);
  CHECK(common(PciRingDriver::kQueueSize) == 256);
  d.out(Kind::kCommon, PciRingDriver::kQueueEnable, 1, 2);
  CHECK(common(PciRingDriver::kQueueEnable) == 1);
  d.out(Kind::kCommon, PciRingDriver::kQueueEnable, 0, 2);  // only a reset does that
  CHECK(common(PciRingDriver::kQueueEnable) == 1);
  CHECK(m.devices().virtio_console.state().queue[1].size == 256);
  d.out(Kind::kCommon, PciRingDriver::kQueueSelect, 2, 2);
  CHECK(common(PciRingDriver::kQueueSize) == 0);
  CHECK(common(16) == 0xFFFF);  // no MSI-X vector
  CHECK(common(26) == 0xFFFF);
}

TEST_CASE("a driver cannot have features that were not offered", "[pci]") {
  TestMachine m(with_cards());
  PciRingDriver d(m, kBlockDevice, 0, false);
  const auto offered = [&](u32 half) {
    d.out(Kind::kCommon, PciRingDriver::kDeviceFeaturesSelect, half, 4);
    CHECK(d.in(Kind::kCommon, PciRingDriver::kDeviceFeaturesSelect, 4) == half);
    return d.in(Kind::kCommon, PciRingDriver::kDeviceFeatures, 4);
  };
  const auto accepted = [&](u32 low, u32 high) {
    d.out(Kind::kCommon, PciRingDriver::kDeviceStatus, 0, 1);
    for (const u32 half : {0, 1}) {
      d.out(Kind::kCommon, PciRingDriver::kDriverFeaturesSelect, half, 4);
      d.out(Kind::kCommon, PciRingDriver::kDriverFeatures, half ? high : low, 4);
      CHECK(d.in(Kind::kCommon, PciRingDriver::kDriverFeatures, 4) == (half ? high : low));
    }
    d.add_status(RS_VIRTIO_STATUS_DRIVER | RS_VIRTIO_STATUS_FEATURES_OK);
    return (d.in(Kind::kCommon, PciRingDriver::kDeviceStatus, 1) & RS_VIRTIO_STATUS_FEATURES_OK) != 0;
  };
  const u32 low = offered(0), high = offered(1);
  CHECK(low == (1u << RS_VIRTIO_FEATURE_EVENT_IDX | 1u << RS_VIRTIO_BLOCK_FEATURE_SEG_MAX |
                1u << RS_VIRTIO_BLOCK_FEATURE_FLUSH));
  CHECK(high == 1);
  CHECK(offered(2) == 0);
  CHECK(accepted(low, high));
  CHECK(accepted(0, high));
  CHECK_FALSE(accepted(low, 0));  // not without VERSION_1
  CHECK_FALSE(accepted(low | 1, high));
  CHECK_FALSE(accepted(low, 3));
}

TEST_CASE("the window in the configuration space reaches the same registers", "[pci]") {
  TestMachine m(with_cards());
  PciRingDriver d(m, kConsoleDevice, 1);
  const u8 window = d.capability[Kind::kWindow];
  const auto place = [&](u32 bar, u32 offset, u32 length) {
    d.config.set(window + 4, bar, 1);
    d.config.set(window + 8, offset);
    d.config.set(window + 12, length);
  };
  place(0, PciRingDriver::kDeviceStatus, 1);
  CHECK(d.config.get(window + 16, 1) == 15);  // acknowledged, driver, driver and features OK
  CHECK(d.config.get(window + 16) == 15);
  place(0, PciRingDriver::kQueueDesc, 4);
  CHECK(d.config.get(window + 16) == RingDriver::kDescriptors);
  d.put(RingDriver::kData, u8{'!'});
  d.describe(0, RingDriver::kData, 1, 0);
  d.offer(0);
  place(0, d.config.get(d.capability[Kind::kNotify] + 8), 2);
  d.config.set(window + 16, 1, 2);
  CHECK(m.machine.console() == "!");
  const struct {
    u32 bar, offset, length;
  } rows[] = {{1, 20, 1}, {0, 20, 0}, {0, 20, 3}, {0, 21, 2}, {0, 0x80, 4}, {0, 0xFFFFFFFC, 4}, {0, 20, ~0u}};
  for (const auto& row : rows) {
    INFO(row.bar << " " << row.offset << " " << row.length);
    place(row.bar, row.offset, row.length);
    d.config.set(window + 16, 0);
    CHECK(d.config.get(window + 16) == 0);
    CHECK(d.in(Kind::kCommon, PciRingDriver::kDeviceStatus, 1) == 15);  // untouched
  }
}

TEST_CASE("accesses of the wrong width or to nothing change nothing", "[pci]") {
  TestMachine m(with_cards());
  PciRingDriver d(m, kBlockDevice);
  const auto before = m.devices().save();
  for (u32 at = 0; at < 0x80; ++at)
    for (const unsigned size : {1u, 2u, 4u}) {
      const bool field = (size == 1 && at == 20) ||
                         (size == 2 && (at == 22 || at == 24 || at == 28 || at == 0x3C)) ||
                         (size == 4 && at % 4 == 0 && at < 0x38);
      if (!field) m.machine.port_out(static_cast<u16>(d.base + at), 0, size);
      // What reads acknowledges nothing but the interrupt status.
      m.machine.port_in(static_cast<u16>(d.base + at), size);
    }
  auto after = m.devices().save();
  CHECK(after.unclaimed != before.unclaimed);  // those that reach beyond the card are noted
  after.unclaimed = before.unclaimed;
  CHECK(after == before);
}

TEST_CASE("what was typed goes where the guest last printed", "[pci]") {
  TestMachine m(with_cards());
  PciRingDriver in(m, kConsoleDevice, 0);
  in.describe(0, RingDriver::kData, 4, RS_VRING_WRITE);
  in.offer(0);
  in.notify(0);
  m.out(RS_PORT_UART, '$');
  m.machine.type("a");
  CHECK(in.used() == 0);
  CHECK(m.in(RS_PORT_UART) == 'a');
  m.machine.type("b");
  PciRingDriver out(m, kConsoleDevice, 1);  // starts the device anew, with the other queue only
  out.describe(0, RingDriver::kData, 1, 0);
  out.offer(0);
  out.notify(1);
  CHECK_FALSE(m.devices().uart.in_use());
  PciRingDriver again(m, kConsoleDevice, 0);
  again.describe(0, RingDriver::kData, 4, RS_VRING_WRITE);
  again.offer(0);
  again.notify(0);
  CHECK(again.used() == 1);
  CHECK(again.look<u8>(RingDriver::kData) == 'b');
}

TEST_CASE("a snapshot has the cards in it", "[pci]") {
  TestMachine m(with_cards());
  PciRingDriver d(m, kBlockDevice);
  d.config.set(0x10, 0x2000);
  d.config.set(d.capability[Kind::kWindow] + 8, 20);
  d.config.set(d.capability[Kind::kWindow] + 12, 1);
  const auto kept = m.devices().save();
  d.config.set(0x10, 0x3000);
  d.config.set(d.capability[Kind::kWindow] + 8, 0);
  CHECK_FALSE(m.devices().save() == kept);
  m.devices().restore(kept);
  CHECK(m.devices().save() == kept);
  CHECK(m.machine.port_in(0x2000 + PciRingDriver::kQueues, 2) == 1);
}
