// `ringside doctor`: what this host offers. Only what was tried is claimed.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

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
  const std::string text = wrap(detail, style.width, 27, 27);
  fmt::print("{:<18} {} {}\n", what, style.paint(colour, fmt::format("{:<7}", verdict)), text);
}

void kvm_line(const Style& style) {
  const int device = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (device < 0) {
    const int error = errno;
    const char* remedy =
        error == EACCES ? "add yourself to the group kvm: sudo usermod -aG kvm $USER, then log in again"
        : error == ENOENT
            ? "turn virtualization on in the firmware setup (VT-x or SVM), or nested virtualization on "
              "the host of this virtual machine; then load kvm-intel or kvm-amd"
            : "see dmesg";
    line(style, "/dev/kvm", Colour::Warning, "no",
         fmt::format("{}: {}. All simulated modes work without it.", std::strerror(error), remedy));
    return;
  }
  const int version = ioctl(device, KVM_GET_API_VERSION, 0);
  close(device);
  line(style, "/dev/kvm", version == KVM_API_VERSION ? Colour::Good : Colour::Warning,
       version == KVM_API_VERSION ? "yes" : "no",
       fmt::format("opens, API version {} (12 is expected)", version));
}

}  // namespace

int doctor_command() {
  const Style style = output_style();
  line(style, "processor", Colour::Good, "ok",
       fmt::format("{}, {} at once", processor_name(), std::thread::hardware_concurrency()));
  line(style, "simulated modes", Colour::Good, "ok", "native, trap, para and hvm need nothing of this host");
  kvm_line(style);
  for (const auto& [program, purpose] :
       {std::pair{"qemu-system-i386", "boots the same images: an independent judge in the tests"},
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
