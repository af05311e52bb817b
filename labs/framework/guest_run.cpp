#include "labs/framework/guest_run.h"

#include <fmt/format.h>

#include <chrono>

#include "cpu/host_error.h"
#include "guests/builtin.h"
#include "labs/framework/check.h"

namespace ringside::labs {

RunReport run_guest(const GuestRun& what) {
  VmConfig config;
  config.mode = what.mode;
  config.sensitive = what.sensitive;
  config.host.ram_bytes = what.ram_bytes;
  config.host.profile = what.profile;
  config.ept_levels = what.ept_levels;
  config.command_line = what.command_line;
  config.custom_monitor = what.monitor;
  Image image;
  if (what.image) {
    image = *what.image;
  } else {
    const BuiltinGuest* guest = find_builtin_guest(what.guest);
    if (!guest) throw HostError(fmt::format("there is no built-in guest '{}'", what.guest));
    const bool paravirtual = what.mode == Mode::Para && !guest->paravirtual_image.empty();
    image = parse_image(what.guest, paravirtual ? guest->paravirtual_image : guest->image);
    if (!guest->disk.empty()) config.host.machine.disk = make_memory_disk(guest->disk);
  }
  if (what.disk) config.host.machine.disk = what.disk;
  const auto start = std::chrono::steady_clock::now();
  VirtualMachine vm(image, config);
  vm.run({.instructions = what.instructions, .wall_seconds = what.seconds});
  return make_report(vm, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

namespace {
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}
}  // namespace

std::string difference(const std::string& seen, const std::string& expected) {
  if (seen == expected) return {};
  const auto a = lines_of(seen), b = lines_of(expected);
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (i >= a.size())
      return fmt::format("the console ends after {} lines; next should have come '{}'", a.size(), b[i]);
    if (a[i] != b[i])
      return fmt::format("line {} of the console is '{}' instead of '{}'", i + 1, a[i].substr(0, 80), b[i]);
  }
  return fmt::format("the console has {} lines instead of {}", a.size(), b.size());
}

std::optional<u64> said(const RunReport& run, std::string_view key) {
  const std::string line = std::string(key) + " ";
  const std::size_t at = run.console.find(line);
  if (at == std::string::npos || (at > 0 && run.console[at - 1] != '\n')) return std::nullopt;
  const std::size_t end = run.console.find('\n', at);
  return number(run.console.substr(at + line.size(), end - at - line.size()));
}

}  // namespace ringside::labs
