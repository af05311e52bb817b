#include "ui/cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "cpu/host_error.h"
#include "hypervisor/text/suggest.h"

namespace ringside::cli {
namespace {

/// QEMU's words of more than one letter; all of them take a value.
constexpr std::array<std::string_view, 6> kQemuWords{"-append", "-kernel", "-initrd", "-hda", "-cpu", "-gdb"};

/// A number with an optional one-letter suffix; false if it is anything else or does not fit.
bool parse_number(std::string_view text, std::string_view suffixes, u64 base, u64& value, char& suffix) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || end - rest > 1) return false;
  suffix = rest == end ? '\0' : *rest;
  if (!suffix) return true;
  const auto power = suffixes.find(suffix);
  if (power == std::string_view::npos) return false;
  for (std::size_t i = 0; i <= power; ++i)
    if (__builtin_mul_overflow(value, base, &value)) return false;
  return true;
}

template <class T, std::size_t N>
T choose(std::string_view kind, std::string_view text, const std::array<std::string_view, N>& names,
         const std::array<T, N>& values) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) throw HostError(unknown_name(kind, text, names));
  return values[static_cast<std::size_t>(found - names.begin())];
}

}  // namespace

std::vector<std::string> long_options(int argc, const char* const* argv) {
  std::vector<std::string> out;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (std::find(kQemuWords.begin(), kQemuWords.end(), word) == kQemuWords.end()) {
      out.emplace_back(word);
      continue;
    }
    out.push_back("-" + std::string(word));
    if (i + 1 < argc) out.emplace_back(argv[++i]);
  }
  return out;
}

u64 parse_memory(const std::string& text) {
  u64 value = 0;
  char suffix = 0;
  if (!parse_number(text, "KMG", 1024, value, suffix))
    throw HostError(
        fmt::format("-m {}: not an amount of memory; give MiB, or a number with K, M or G", text));
  if (!suffix && __builtin_mul_overflow(value, u64{1} << 20, &value)) value = ~u64{0};
  if (value < kLeastMemory)
    throw HostError(fmt::format("-m {}: too little memory; a guest needs at least 1 (MiB)", text));
  if (value > kMostMemory)
    throw HostError(
        fmt::format("-m {}: too much memory; at most 2048 (MiB), as the guest is 32-bit and the monitor "
                    "needs room beside it",
                    text));
  return value & ~u64{kPageMask};
}

u64 parse_count(const std::string& option, const std::string& text) {
  u64 value = 0;
  char suffix = 0;
  if (!parse_number(text, "kMG", 1000, value, suffix) || value == 0)
    throw HostError(
        fmt::format("{} {}: not a count; give a positive number, also with k, M or G", option, text));
  return value;
}

CpuModel parse_cpu(const std::string& text) {
  return choose<CpuModel, 6>("processor", text, {"386", "486", "pentium", "p6", "pentium3", "pentium4"},
                             {CpuModel::I386, CpuModel::I486, CpuModel::Pentium, CpuModel::P6,
                              CpuModel::Pentium3, CpuModel::Pentium4});
}

SensitiveInstructions parse_sensitive(const std::string& text) {
  return choose<SensitiveInstructions, 2>("policy for sensitive instructions", text, {"trap", "leak"},
                                          {SensitiveInstructions::Trap, SensitiveInstructions::Leak});
}

std::vector<Mode> parse_modes(const std::string& text) {
  if (text == "all") return {all_modes().begin(), all_modes().end()};
  std::vector<Mode> modes;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const Mode mode = parse_mode(text.substr(at, end - at));
    if (std::find(modes.begin(), modes.end(), mode) != modes.end())
      throw HostError(fmt::format("--modes {}: {} is named twice", text, name(mode)));
    modes.push_back(mode);
    at = end + 1;
  }
  return modes;
}

TlbGeometry parse_tlb(const std::string& text, bool walk_cache) {
  TlbGeometry tlb;
  if (!walk_cache) tlb.walk_cache = 0;
  if (text.empty()) return tlb;
  const auto wrong = [&](std::string_view why) {
    return HostError(fmt::format(
        "--tlb {}: {}; give ENTRIES,WAYS,LARGE,tagged or untagged, for example 64,4,8,tagged", text, why));
  };
  std::vector<std::string> words;
  for (std::size_t at = 0; at <= text.size(); at = std::min(text.find(',', at), text.size()) + 1)
    words.push_back(text.substr(at, std::min(text.find(',', at), text.size()) - at));
  if (words.size() != 4) throw wrong("not four words");
  std::array<u64, 3> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    char suffix = 0;
    if (!parse_number(words[i], "", 1, numbers[i], suffix)) throw wrong("not a number");
  }
  const auto [entries, ways, large] = numbers;
  if (entries == 0 || entries > 4096 || large > 1024)
    throw wrong("1 to 4096 entries and 0 to 1024 large ones");
  if (ways == 0 || entries % ways) throw wrong("the number of ways divides that of entries");
  if (words[3] != "tagged" && words[3] != "untagged") throw wrong("the last word is tagged or untagged");
  tlb.entries = static_cast<u16>(entries);
  tlb.ways = static_cast<u16>(ways);
  tlb.large = static_cast<u16>(large);
  tlb.tagged = words[3] == "tagged";
  return tlb;
}

Variation parse_variation(const std::string& text) {
  const auto wrong = [&](std::string_view why) {
    return HostError(
        fmt::format("--vary {}: {}; give NAME=FROM..TO, which doubles, or NAME=A,B,C", text, why));
  };
  const auto number = [](std::string_view digits) -> std::optional<u64> {
    u64 value = 0;
    char suffix = 0;
    if (parse_number(digits, "kMG", 1024, value, suffix) || parse_number(digits, "KMG", 1024, value, suffix))
      return value;
    return std::nullopt;
  };
  const std::size_t equals = text.find('='), dots = text.find("..");
  if (equals == std::string::npos || equals == 0) throw wrong("there is no name");
  if (text.find_first_of(" {}") != std::string::npos) throw wrong("neither spaces nor braces are allowed");
  Variation v{text.substr(0, equals), {}};
  if (dots != std::string::npos) {
    const auto first = number(std::string_view(text).substr(equals + 1, dots - equals - 1)),
               last = number(std::string_view(text).substr(dots + 2));
    if (!first || !last) throw wrong("a range has two numbers, also with k, M or G (of 1024)");
    if (*first == 0 || *first > *last) throw wrong("a range goes up, from at least 1");
    for (u64 value = *first; value <= *last && value >= *first; value *= 2)
      v.values.push_back(fmt::format("{}", value));
    return v;
  }
  for (std::size_t at = equals + 1; at <= text.size(); at = std::min(text.find(',', at), text.size()) + 1) {
    const std::string value = text.substr(at, std::min(text.find(',', at), text.size()) - at);
    if (value.empty()) throw wrong("a value is missing");
    const auto as_number = number(value);
    v.values.push_back(as_number ? fmt::format("{}", *as_number) : value);
  }
  if (v.values.empty()) throw wrong("a value is missing");
  return v;
}

std::string parse_io(const std::string& text) {
  static constexpr std::array<std::string_view, 5> kWays{"pio", "mmio", "ring", "poll", "passthrough"};
  return std::string(choose<std::string_view, 5>("way to the devices", text, kWays, kWays));
}

Paravirtual parse_paravirtual(const std::string& text) {
  Paravirtual wanted;
  const std::array<std::string_view, 4> names{"kvmclock", "virtio-blk", "virtio-console", "virtio-net"};
  const std::array<bool*, 4> switches{&wanted.clock, &wanted.cards.block, &wanted.cards.console,
                                      &wanted.cards.net};
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    *choose("paravirtual help", text.substr(at, end - at), names, switches) = true;
    at = end + 1;
  }
  return wanted;
}

bool parse_switch(std::string_view what, const std::string& text) {
  return choose<bool, 2>(what, text, {"off", "on"}, {false, true});
}

u16 parse_gdb_port(const std::string& text) {
  constexpr std::string_view kPrefix = "tcp::";
  u16 port = 0;
  const char* const end = text.data() + text.size();
  if (text.rfind(kPrefix, 0) == 0) {
    const auto [rest, error] = std::from_chars(text.data() + kPrefix.size(), end, port);
    if (error == std::errc{} && rest == end) return port;
  }
  throw HostError(fmt::format(
      "-gdb {}: give tcp::PORT with a port from 0 (any free one) to 65535, for example tcp::1234", text));
}

std::pair<int, int> parse_size(const std::string& text) {
  const std::size_t x = text.find('x');
  int width = 0, height = 0;
  const auto number = [](std::string_view digits, int& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && end == digits.data() + digits.size();
  };
  const std::string_view all = text;
  if (x == std::string::npos || !number(all.substr(0, x), width) || !number(all.substr(x + 1), height) ||
      width < 640 || height < 480 || width > 7680 || height > 4320)
    throw HostError(
        fmt::format("--size {}: give WIDTHxHEIGHT from 640x480 to 7680x4320, for example 1600x900", text));
  return {width, height};
}

}  // namespace ringside::cli
