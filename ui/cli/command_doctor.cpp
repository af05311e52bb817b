// `ringside doctor`: what this host offers. Only what was tried is claimed.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "hypervisor/kvm/probe.h"
#include "ui/cli/commands.h"
#include "ui/cli/terminal.h"

namespace ringside::cli {
namespace {

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

std::string in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "";
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    const auto file = std::filesystem::path(folder) / program;
    if (access(file.c_str(), X_OK) == 0) return file.string();
  }
  return {};
}

void line(const Style& style, std::string_view what, Colour colour, std::string_view verdict,
          std::string_view detail) {
  const std::string text = wrap(detail, style.width, 31, 31);
  fmt::print("{:<22} {} {}\n", what, style.paint(colour, fmt::format("{:<7}", verdict)), text);
}

/// /dev/kvm by doing: what the tiny guests of hypervisor/kvm/probe.cpp could and could not.
void kvm_lines(const Style& style) {
  const KvmProbe& probe = host_kvm();
  if (!probe.usable()) {
    line(style, "/dev/kvm", Colour::Warning, "no", probe.error + " All simulated modes work without it.");
    return;
  }
  line(style, "/dev/kvm", probe.complete() ? Colour::Good : Colour::Warning,
       probe.complete() ? "yes" : "in part",
       probe.complete() ? fmt::format("mode kvm works; measured: {:.1f} microseconds for an OUT and back",
                                      static_cast<double>(probe.port_write_ns) / 1000)
                        : "guests that need what is missing do not run in mode kvm here; --kvm-host boots a "
                          "throw-away host with a whole one");
  const auto show = [&](const KvmAbility& ability, std::string_view purpose) {
    line(style, "  " + ability.name, ability.works ? Colour::Good : Colour::Warning,
         ability.works ? "yes" : "no", ability.works ? purpose : ability.detail);
  };
  for (const KvmAbility& ability : probe.abilities) show(ability, "");
  for (const KvmAbility& ability : probe.for_debuggers) show(ability, "for gdb and the windows");
}

}  // namespace

int doctor_command() {
  const Style style = output_style();
  line(style, "processor", Colour::Good, "ok",
       fmt::format("{}, {} at once", processor_name(), std::thread::hardware_concurrency()));
  line(style, "simulated modes", Colour::Good, "ok", "native, trap, para and hvm need nothing of this host");
  kvm_lines(style);
  for (const auto& [program, purpose] :
       {std::pair{"qemu-system-i386", "boots the same images: an independent judge in the tests"},
        std::pair{"qemu-system-x86_64", "boots the throw-away host of --kvm-host"},
        std::pair{"bochs", "the same, and the stricter one about protection"},
        std::pair{"gdb", "for debugging a guest kernel by its symbols"}}) {
    const std::string found = in_path(program);
    line(style, program, found.empty() ? Colour::Warning : Colour::Good, found.empty() ? "no" : "yes",
         found.empty() ? fmt::format("optional; {}", purpose) : found);
  }
  line(style, "output", Colour::Good, "ok",
       fmt::format("{} columns, {}", style.width,
                   style.colour ? "with colours" : "without colours (no terminal, NO_COLOR, or TERM=dumb)"));
  return 0;
}

}  // namespace ringside::cli
