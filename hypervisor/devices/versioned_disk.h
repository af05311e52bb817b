// A disk whose contents can be put aside and back: what has been written lies over the disk below, which
// never changes.
//
// Blocks are shared between versions until they are written again, so a version costs what changed since the
// last one, plus an index of all changed blocks.
#pragma once

#include <array>
#include <map>

#include "hypervisor/devices/block_backend.h"

namespace ringside {

class VersionedDisk final : public BlockBackend {
 public:
  using Sector = std::array<u8, kSectorBytes>;
  using Version = std::map<u64, std::shared_ptr<const Sector>>;  ///< changed sectors

  explicit VersionedDisk(std::shared_ptr<BlockBackend> below) : below_(std::move(below)) {}

  u64 sectors() const override { return below_->sectors(); }
  bool read(u64 sector, std::span<u8> out) override;
  bool write(u64 sector, std::span<const u8> in) override;

  const Version& version() const { return changed_; }
  void restore(const Version& version) { changed_ = version; }

 private:
  std::shared_ptr<BlockBackend> below_;
  Version changed_;
};

}  // namespace ringside
