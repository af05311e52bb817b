// Where a disk's sectors live: in memory, or in an image file.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "cpu/address.h"

namespace ringside {

inline constexpr u32 kSectorBytes = 512;

class BlockBackend {
 public:
  virtual ~BlockBackend() = default;
  virtual u64 sectors() const = 0;
  /// Whole sectors. False if out of range or the host failed; the device reports an error to the guest.
  virtual bool read(u64 sector, std::span<u8> out) = 0;
  virtual bool write(u64 sector, std::span<const u8> in) = 0;
};

std::shared_ptr<BlockBackend> make_memory_disk(std::span<const u8> contents);
/// Changes stay in memory unless `writable`. Throws HostError: missing, empty, or not a multiple of 512 bytes.
std::shared_ptr<BlockBackend> open_disk_image(const std::string& path, bool writable);

}  // namespace ringside
