#include "ui/cli/live_console.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace ringside::cli {
namespace {
constexpr char kPrefix = 'A' & 0x1F;  // Ctrl-A
}

LiveConsole::LiveConsole(std::FILE* out) : out_(out) {
  terminal_ = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &saved_) == 0;
  if (!terminal_) return;
  termios raw = saved_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
  raw.c_iflag &= ~static_cast<tcflag_t>(IXON);
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  fmt::print(stderr, "(Ctrl-A x ends the run)\n");
}

LiveConsole::~LiveConsole() {
  if (terminal_) tcsetattr(STDIN_FILENO, TCSANOW, &saved_);
}

void LiveConsole::show(VirtualMachine& vm) {
  const std::string& text = vm.host().machine.console();
  if (text.size() <= shown_) return;
  std::fwrite(text.data() + shown_, 1, text.size() - shown_, out_);
  std::fflush(out_);
  shown_ = text.size();
}

void LiveConsole::type(VirtualMachine& vm, int milliseconds) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  // A pipe may hold more than the guest will ever read; keys are read at once, because one of them may be
  // Ctrl-A.
  if (!terminal_ && vm.host().machine.console_input_waiting()) return;
  if (!input_open_ || poll(&input, 1, milliseconds) <= 0) return;
  std::array<char, 4096> buffer;
  const ssize_t n = read(STDIN_FILENO, buffer.data(), buffer.size());
  if (n <= 0) {
    input_open_ = false;
    vm.request_stop();  // the next step runs without waiting for input
    return;
  }
  std::string text;
  for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(n))) {
    if (terminal_ && prefix_) {
      prefix_ = false;
      if (c == 'x') quit_ = true;
      if (c != kPrefix) continue;
    } else if (terminal_ && c == kPrefix) {
      prefix_ = true;
      continue;
    }
    text += c;
  }
  vm.host().machine.type(text);
  if (quit_) vm.request_stop();
}

void LiveConsole::started(VirtualMachine& vm) {
  vm.host().machine.on_console_line([this, &vm] { show(vm); });
}

bool LiveConsole::step(VirtualMachine& vm) {
  show(vm);
  type(vm, 0);
  return !quit_;
}

void LiveConsole::idle(VirtualMachine& vm, u64 cycles) {
  show(vm);
  // In a terminal the guest's time is the user's time; from a pipe there is nothing to wait for but the next
  // byte.
  const u64 milliseconds = cycles * 1000 / vm.host().hz();
  type(vm, terminal_ ? static_cast<int>(std::min<u64>(milliseconds, 20)) : 1);
}

}  // namespace ringside::cli
