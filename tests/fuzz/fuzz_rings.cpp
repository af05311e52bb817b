// The ring devices under a hostile driver: registers, rings and descriptors as the input says, and time that
// passes. The sanitizers see to it that nothing outside the guest's memory is touched.
//
// The input is a list of operations of eight bytes: what, where, value.
#include <cstring>

#include "tests/hypervisor/ring_driver.h"

namespace {

using namespace ringside;

void play(const std::uint8_t* data, std::size_t size) {
  constexpr u32 kDevices[] = {RS_VIRTIO_BLOCK, RS_VIRTIO_CONSOLE};
  static const std::vector<u8> contents(64 * kSectorBytes, 0x5A);
  TestMachine m({.disk = make_memory_disk(contents), .console_input = "typed\n"}, 1u << 20);
  // Set up by the book, so that a short input gets somewhere; then anything goes.
  RingDriver block(m, RS_VIRTIO_BLOCK), console(m, RS_VIRTIO_CONSOLE, 1);
  block.block_request(0, RS_VIRTIO_BLOCK_IN, 1, 512);
  block.offer(0);
  for (std::size_t at = 0; at + 8 <= size && at < 8 * 512; at += 8) {
    u16 where;
    u32 value;
    std::memcpy(&where, data + at + 2, sizeof where);
    std::memcpy(&value, data + at + 4, sizeof value);
    switch (data[at] % 8) {
      case 0: m.machine.mmio_write(GuestPhys(kDevices[data[at + 1] % 2] + where % 0x200), value, 4); break;
      case 1: m.machine.mmio_read(GuestPhys(kDevices[data[at + 1] % 2] + where % 0x200), 4); break;
      case 2: block.put(RingDriver::kDescriptors + where % 128, value); break;
      case 3: block.put(RingDriver::kAvailable + where % 32, static_cast<u16>(value)); break;
      case 4: block.put(RingDriver::kHeader + where % 128, value); break;
      case 5: m.wait_microseconds(value % 64); break;
      case 6: (data[at + 1] % 2 ? console : block).notify(value % 3); break;
      case 7: block.offer(where % 16); break;
    }
  }
  m.wait_microseconds(200);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  play(data, size);
  return 0;
}
