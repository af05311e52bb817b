#include "hypervisor/boot/firmware.h"

#include <fmt/format.h>

#include <algorithm>

#include "cpu/host_error.h"
#include "hypervisor/boot/memory_map.h"

namespace ringside {
namespace {

/// Where the ROM's entry.S looks for a DirectStart.
constexpr u32 kDirectStart = 0xFFFE0;

}  // namespace

CpuState start_firmware(const Image& image, GuestMemory& ram) {
  const u64 bytes = image.firmware.size();
  u8* to = bytes <= kFirmwareEnd - kFirmwareBegin ? ram.at(GuestPhys(kFirmwareEnd - bytes), bytes) : nullptr;
  if (!to) throw HostError(fmt::format("'{}' starts through a BIOS, which needs 1 MiB of RAM", image.name));
  std::copy(image.firmware.begin(), image.firmware.end(), to);
  CpuState s = reset_state();
  s.seg[CS].base = kFirmwareBegin;
  return s;
}

CpuState start_firmware(const Image& image, GuestMemory& ram, DirectStart program) {
  const CpuState s = start_firmware(image, ram);
  ram.write(GuestPhys(kDirectStart), program);
  return s;
}

}  // namespace ringside
