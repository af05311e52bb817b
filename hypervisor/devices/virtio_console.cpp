#include "hypervisor/devices/virtio_console.h"

#include <algorithm>

namespace ringside {
namespace {

constexpr unsigned kReceive = 0, kTransmit = 1;

}  // namespace

void VirtioConsole::process() {
  transmit();
  if (driver_ready()) receive();  // unless what was to be transmitted has broken the device
}

void VirtioConsole::transmit() {
  while (auto chain = pop(kTransmit)) {
    for (const Virtqueue::Piece& p : chain->pieces) {
      if (p.device_writes) continue;
      std::string text(p.length, '\0');
      if (dma_.read(p.address, text.data(), text.size())) log_.put(text);
    }
    serial_.other_way_spoke();
    queue(kTransmit).push(chain->head, 0);
  }
  ask_for_notification(kTransmit);
  settle(kTransmit);
}

void VirtioConsole::receive() {
  while (serial_.input_waiting() && !serial_.in_use()) {
    auto chain = pop(kReceive);
    if (!chain) break;
    u32 written = 0;
    for (const Virtqueue::Piece& p : chain->pieces) {
      if (!p.device_writes) continue;
      const std::string text = serial_.take_typed(p.length);
      dma_.write(p.address, text.data(), text.size());
      written += static_cast<u32>(text.size());
    }
    queue(kReceive).push(chain->head, written);
  }
  // Buffers may wait here for ever: only while text waits for one is its arrival news.
  if (serial_.input_waiting()) ask_for_notification(kReceive);
  settle(kReceive);
}

}  // namespace ringside
