#include "ui/model/guest_source.h"

#include <fmt/format.h>

#include <filesystem>

#include "cpu/host_error.h"
#include "guests/builtin.h"
#include "hypervisor/boot/linux_boot.h"
#include "hypervisor/text/suggest.h"

namespace ringside {
namespace {

[[noreturn]] void unknown_guest(const std::string& name) {
  std::vector<std::string_view> known;
  for (const BuiltinGuest& guest : builtin_guests()) known.push_back(guest.name);
  throw HostError(unknown_name("guest", name, known) + " A file of that name does not exist either.");
}

Image load_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) throw HostError(fmt::format("{}: no such file", path));
  if (std::filesystem::is_directory(path, error))
    throw HostError(fmt::format(
        "{}: is a folder; give a Multiboot ELF, a bzImage, a flat binary or a boot sector", path));
  return load_image(path);
}

}  // namespace

const Image& GuestSource::image_for(Mode mode) const {
  if (mode != Mode::Para) return image;
  if (!paravirtual)
    throw HostError(fmt::format("{} has no paravirtual build (--pv-kernel FILE gives one)", name));
  return *paravirtual;
}

std::shared_ptr<BlockBackend> GuestSource::make_disk() const {
  if (!disk_file.empty()) return open_disk_image(disk_file, write_disk_file);
  if (!built_in_disk.empty()) return make_memory_disk(built_in_disk);
  return nullptr;
}

GuestSource find_guest(const std::string& name, const std::string& paravirtual_file,
                       const std::string& disk_file, const std::string& modules) {
  GuestSource source;
  source.name = name;
  source.disk_file = disk_file;
  std::error_code error;
  if (const BuiltinGuest* guest = find_builtin_guest(name)) {
    source.image = parse_image(name, guest->image);
    if (!guest->paravirtual_image.empty())
      source.paravirtual = parse_image(name + " (paravirtual)", guest->paravirtual_image);
    source.built_in_disk = guest->disk;
    source.needs_peer = guest->needs_peer;
  } else {
    if (!std::filesystem::exists(name, error) && name.find_first_of("/.") == std::string::npos)
      unknown_guest(name);
    source.image = load_file(name);
    if (source.image.paravirtual) source.paravirtual = source.image;
    if (source.image.format == Image::Format::BootSector && disk_file.empty()) {
      source.disk_file = name;  // the BIOS starts it from there
      source.image.firmware.assign(bios().begin(), bios().end());
    }
  }
  if (!paravirtual_file.empty()) {
    source.paravirtual = load_file(paravirtual_file);
    if (!source.paravirtual->paravirtual)
      throw HostError(
          fmt::format("{}: is no paravirtual kernel: it has no Ringside ELF notes (see "
                      "hypervisor/abi/paravirtual.h)",
                      paravirtual_file));
  }
  if (starts_in_real_mode(source.image)) source.image.firmware.assign(bios().begin(), bios().end());
  if (!modules.empty()) load_modules(source.image, modules);
  if (!disk_file.empty()) source.make_disk();  // a bad image is an error before anything runs
  return source;
}

}  // namespace ringside
