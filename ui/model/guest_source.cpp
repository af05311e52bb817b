#include <filesystem>
#include <vector>

#include "cpu/host_error.h"
#include "guests/builtin.h"
#include "hypervisor/suggest.h"
#include "ui/model/session.h"

namespace ringside::model {

GuestSource open_guest(const std::string& name, const std::string& command_line) {
  GuestSource source{.name = name, .command_line = command_line};
  if (const BuiltinGuest* guest = find_builtin_guest(name)) {
    source.image = parse_image(name, guest->image);
    if (!guest->paravirtual_image.empty())
      source.paravirtual_image = parse_image(name, guest->paravirtual_image);
    source.disk.assign(guest->disk.begin(), guest->disk.end());
    return source;
  }
  if (!std::filesystem::exists(name)) {
    std::vector<std::string_view> known;
    for (const BuiltinGuest& guest : builtin_guests()) known.push_back(guest.name);
    throw HostError(unknown_name("guest", name, known) + " A file of that name does not exist either.");
  }
  Image image = load_image(name);
  source.name = std::filesystem::path(name).filename().string();
  if (image.paravirtual) source.paravirtual_image = image;
  source.image = std::move(image);
  return source;
}

}  // namespace ringside::model
