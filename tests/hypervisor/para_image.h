// A made-up paravirtual image, and hosts to run it on.
#pragma once

#include "hypervisor/para/para_monitor.h"
#include "hypervisor/virtual_machine.h"

namespace ringside::test {

inline constexpr u32 kVirtBase = 0xC0000000, kEntry = kVirtBase + 0x100000, kHypercallPage = kEntry + 0x1000;

/// One page of code, 0Fh 0Bh (UD2) throughout, and a hypercall page.
inline Image para_image() {
  Image image;
  image.format = Image::Format::Multiboot;
  image.name = "made-up";
  image.segments.push_back({0x100000, kEntry, 0x2000, std::vector<u8>(0x1000, 0x0B)});
  image.paravirtual = Image::Paravirtual{kEntry, kVirtBase, kHypercallPage};
  return image;
}

inline HostConfig para_host(u64 ram_bytes, std::shared_ptr<BlockBackend> disk = nullptr,
                            std::string input = {}) {
  HostConfig config;
  config.ram_bytes = ram_bytes;
  config.monitor_bytes = monitor_bytes(Mode::Para, ram_bytes);
  config.machine.disk = disk;
  config.machine.console_input = input;
  return config;
}

/// A disk whose byte n of sector s is s + n.
inline std::shared_ptr<BlockBackend> counting_disk(u32 sectors) {
  std::vector<u8> bytes(sectors * kSectorBytes);
  for (u32 i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<u8>(i / kSectorBytes + i);
  return make_memory_disk(bytes);
}

}  // namespace ringside::test
