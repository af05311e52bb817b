// The guest that the user named: a built-in one or a file, with its paravirtual build and its disk.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hypervisor/boot/image.h"
#include "hypervisor/devices/block_backend.h"
#include "hypervisor/virtual_machine.h"

namespace ringside {

struct GuestSource {
  std::string name;  ///< as the user gave it
  Image image;
  std::optional<Image> paravirtual;   ///< for Mode::Para; may be the same image
  std::span<const u8> built_in_disk;  ///< empty = none
  std::string disk_file;              ///< empty = none; replaces the built-in one
  bool write_disk_file = false;
  bool needs_peer = false;  ///< runs on two machines on a network

  /// Throws HostError if this guest has nothing to run in that mode.
  const Image& image_for(Mode) const;
  /// A disk of its own for each run, so that runs do not see each other's writes.
  std::shared_ptr<BlockBackend> make_disk() const;
};

/// Throws HostError: no such guest (with a suggestion), or a file that cannot be one.
/// `modules` as for load_modules(); empty = none.
GuestSource find_guest(const std::string& name_or_file, const std::string& paravirtual_file,
                       const std::string& disk_file, const std::string& modules = {});

}  // namespace ringside
