#include "ui/cli/operator.h"

#include <fmt/format.h>

#include <string_view>

#include "cpu/host_error.h"
#include "hypervisor/machine_layout.h"

namespace ringside::cli {
namespace {

/// The characters of scan code set 1 from code 1 on; a blank stands for a key without a character.
constexpr std::string_view kKeys =
    "\x1B"
    "1234567890-=\b\tqwertyuiop[]\r asdfghjkl;'` \\zxcvbnm,./";
constexpr u8 kSpace = 0x39, kReleased = 0x80;

u8 scan_code(char c) {
  if (c == ' ') return kSpace;
  const auto at = kKeys.find(c == '\n' ? '\r' : c);
  if (at == std::string_view::npos)
    throw HostError(
        fmt::format("--keys: '{}' takes more than one key; small letters, digits and -=[];'`\\,./ do "
                    "not",
                    c));
  return static_cast<u8>(at + 1);
}

std::string screen_text(VirtualMachine& vm) {
  const Vga& vga = vm.host().machine.devices().vga;
  std::string text;
  for (unsigned row = 0; row < Vga::kRows; ++row) text += vga.row_text(row) + '\n';
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

}  // namespace

Operator::Operator(OperatorOptions options)
    : options_(std::move(options)), lines_(options_.type.begin(), options_.type.end()) {
  if (options_.prompt.empty())
    throw HostError("--prompt: give the text that the guest prints before it waits");
  if (!options_.type.empty() && !options_.keys.empty())
    throw HostError("--type and --keys exclude each other: a guest has one prompt");
  for (const std::string& line : options_.keys) {
    for (char c : line) scan_code(c);
    lines_.push_back(line);
  }
}

void Operator::type(VirtualMachine& vm, const std::string& line) {
  if (options_.keys.empty()) return vm.host().machine.type(line + '\r');
  for (char c : line) {
    vm.host().machine.press_key(scan_code(c));
    vm.host().machine.press_key(scan_code(c) | kReleased);
  }
}

void Operator::started(VirtualMachine& vm) {
  // A guest may go on from what it shows within a step: look at every line.
  vm.host().machine.on_console_line([&vm] { vm.request_stop(); });
}

bool Operator::step(VirtualMachine& vm) {
  const std::string& console = vm.host().machine.console();
  screen_ = screen_text(vm);
  const auto printed = [&](const std::string& text) {
    return console.size() > seen_ && console.find(text, seen_) != std::string::npos;
  };
  if (!lines_.empty()) {
    if (printed(options_.prompt)) {
      seen_ = console.size();
      type(vm, lines_.front());
      lines_.pop_front();
    }
    return true;
  }
  satisfied_ = !options_.until.empty() &&
               (printed(options_.until) || screen_.find(options_.until) != std::string::npos);
  return !satisfied_;
}

}  // namespace ringside::cli
