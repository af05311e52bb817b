// The ring devices, over MMIO and on the PCI bus, and the network cards under a hostile driver and a hostile
// network: registers, the PCI configuration space, rings and descriptors as the input says, frames of any
// content from outside, an address translator between, and time that passes. The sanitizers see to it that
// nothing outside the guest's memory is touched.
//
// The input is a list of operations of eight bytes: what, where, value.
#include <cstring>

#include "hypervisor/network/nat.h"
#include "hypervisor/network/switch.h"
#include "tests/hypervisor/lance_driver.h"
#include "tests/hypervisor/pci_ring_driver.h"

namespace {

using namespace ringside;

/// A port of a card, wherever the driver has put it.
u16 card_port(TestMachine& m, u8 which, u16 where) {
  const u32 base = PciFunctionAccess{m, kPciMap[which % 3].slot.number}.get(0x10) & ~3u;
  return static_cast<u16>(base + where % (VirtioPci::kPorts + 4));
}

void play(const std::uint8_t* data, std::size_t size) {
  constexpr u32 kDevices[] = {RS_VIRTIO_BLOCK, RS_VIRTIO_CONSOLE, RS_VIRTIO_NET};
  static const std::vector<u8> contents(64 * kSectorBytes, 0x5A);
  const auto wire = std::make_shared<VirtualSwitch>(2, 1'000'000'000, LinkConfig{.latency_microseconds = 1});
  const auto outside = VirtualSwitch::port(wire, 1);
  std::shared_ptr<NetworkPort> cable = VirtualSwitch::port(wire, 0);
  if (size && data[0] & 0x80) cable = std::make_shared<NatPort>(cable, nullptr);
  TestMachine m({.disk = make_memory_disk(contents),
                 .network = cable,
                 .console_input = "typed\n",
                 .cards = {.block = true, .console = true, .net = true}},
                1u << 20);
  // Set up by the book, so that a short input gets somewhere; then anything goes.
  RingDriver block(m, RS_VIRTIO_BLOCK), console(m, RS_VIRTIO_CONSOLE, 1), net(m, RS_VIRTIO_NET, 1);
  if (size && data[0] & 0x40) PciRingDriver(m, kPciMap[data[0] % 3].slot.number, data[0] >> 5 & 1);
  LanceDriver lance(m);
  lance.buffer(0, 1536);
  block.block_request(0, RS_VIRTIO_BLOCK_IN, 1, 512);
  block.offer(0);
  RingDriver* const drivers[] = {&block, &console, &net};
  for (std::size_t at = 0; at + 8 <= size && at < 8 * 512; at += 8) {
    u16 where;
    u32 value;
    std::memcpy(&where, data + at + 2, sizeof where);
    std::memcpy(&value, data + at + 4, sizeof value);
    const u8 which = data[at + 1];
    switch (data[at] % 17) {
      case 0: m.machine.mmio_write(GuestPhys(kDevices[which % 3] + where % 0x200), value, 4); break;
      case 1: m.machine.mmio_read(GuestPhys(kDevices[which % 3] + where % 0x200), 4); break;
      case 2: block.put(RingDriver::kDescriptors + where % 128, value); break;
      case 3: block.put(RingDriver::kAvailable + where % 32, static_cast<u16>(value)); break;
      case 4: block.put(RingDriver::kHeader + where % 128, value); break;
      case 5: m.wait_microseconds(value % 64); break;
      case 6: drivers[which % 3]->notify(value % 3); break;
      case 7: block.offer(where % 16); break;
      case 8: lance.put(LanceDriver::kInit + where % 0x2020, value); break;
      case 9: lance.set(which % 4, value); break;
      case 10:
        lance.frame(which % 4, Frame(data + at, data + at + std::min<std::size_t>(size - at, 1600)));
        break;
      case 11:
        m.machine.port_in(static_cast<u16>(RS_LANCE_PORTS + where % RS_LANCE_PORT_COUNT), 1 + which % 2);
        break;
      case 12:
        if (size - at >= kFrameHeader)
          outside->send(Frame(data + at, data + at + std::min<std::size_t>(size - at, kMostFrame)),
                        m.clock.cycles);
        m.machine.network_changed();
        break;
      case 13:  // any register of the PCI bus, or of a card's configuration space
        PciFunctionAccess{m, kPciMap[which % 3].slot.number}.select(static_cast<u8>(where));
        m.machine.port_out(static_cast<u16>(0xCF8 + (where >> 8) % 8), value, 1u << which / 3 % 3);
        break;
      case 14: PciFunctionAccess{m, kPciMap[which % 3].slot.number}.get(static_cast<u8>(where)); break;
      case 15: m.machine.port_out(card_port(m, which, where), value, 1u << which / 3 % 3); break;
      case 16: m.machine.port_in(card_port(m, which, where), 1u << which / 3 % 3); break;
    }
  }
  outside->discard(~u64{0} - 1);
  m.wait_microseconds(200);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  play(data, size);
  return 0;
}
