#include "ui/cli/operator.h"

#include <fmt/format.h>

#include <algorithm>
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

struct NamedKey {
  std::string_view name;
  u8 code;
};
constexpr NamedKey kNamedKeys[] = {
    {"<F1>", 0x3B}, {"<F2>", 0x3C},   {"<F3>", 0x3D},    {"<F4>", 0x3E},  {"<F5>", 0x3F},
    {"<F6>", 0x40}, {"<F7>", 0x41},   {"<F8>", 0x42},    {"<F9>", 0x43},  {"<F10>", 0x44},
    {"<Up>", 0x48}, {"<Down>", 0x50}, {"<Enter>", 0x1C}, {"<Esc>", 0x01},
};

u8 scan_code(char c) {
  if (c == ' ') return kSpace;
  const auto at = kKeys.find(c == '\n' ? '\r' : c);
  if (at == std::string_view::npos)
    throw HostError(fmt::format(
        "--keys: '{}' takes more than one key; small letters, digits, -=[];'`\\,./ and names like "
        "<F1> or <Enter> do not",
        c));
  return static_cast<u8>(at + 1);
}

/// "c<Enter>" as scan codes. Throws HostError for what is no key.
std::vector<u8> scan_codes(std::string_view keys) {
  std::vector<u8> codes;
  while (!keys.empty()) {
    const auto named = std::find_if(std::begin(kNamedKeys), std::end(kNamedKeys),
                                    [&](const NamedKey& key) { return keys.starts_with(key.name); });
    const bool found = named != std::end(kNamedKeys);
    codes.push_back(found ? named->code : scan_code(keys.front()));
    keys.remove_prefix(found ? named->name.size() : 1);
  }
  return codes;
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
    scan_codes(line);
    lines_.push_back(line);
  }
}

void Operator::type(VirtualMachine& vm, const std::string& line) {
  if (options_.keys.empty()) return vm.host().machine.type(line + '\r');
  for (u8 code : scan_codes(line)) {
    vm.host().machine.press_key(code);
    vm.host().machine.press_key(code | kReleased);
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
    const bool shown = !options_.keys.empty() && screen_ != screen_seen_ &&
                       screen_.find(options_.prompt) != std::string::npos;
    if (shown || printed(options_.prompt)) {
      seen_ = console.size();
      screen_seen_ = screen_;
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
