#include "hypervisor/boot/symbols.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cpu/host_error.h"
#include "hypervisor/boot/elf32.h"

namespace ringside {
namespace {

constexpr std::uintmax_t kLargestFile = u64{1} << 30;

std::vector<u8> read_symbol_file(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size =
      std::filesystem::is_regular_file(path, error) ? std::filesystem::file_size(path, error) : 0;
  std::ifstream in(path, std::ios::binary);
  if (error || !in || size == 0 || size > kLargestFile)
    throw HostError(
        fmt::format("--symbols '{}' cannot be read: give a System.map or an ELF file with symbols", path));
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

std::vector<Symbol> parse_system_map(std::string_view text) {
  std::vector<Symbol> symbols;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    u32 address = 0;
    const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), address, 16);
    const std::string_view tail = line.substr(static_cast<std::size_t>(rest - line.data()));
    if (error != std::errc{} || tail.size() < 4 || tail[0] != ' ' || tail[2] != ' ') continue;
    if (std::string_view("tTwW").find(tail[1]) == std::string_view::npos || address == 0) continue;
    const std::string_view name = tail.substr(3);
    symbols.push_back({address, 0, std::string(name.substr(0, name.find_first_of(" \t\r")))});
  }
  std::stable_sort(symbols.begin(), symbols.end(),
                   [](const Symbol& a, const Symbol& b) { return a.address < b.address; });
  // A map has no sizes: a function reaches to the next one.
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i)
    symbols[i].size = symbols[i + 1].address - symbols[i].address;
  return symbols;
}

void load_symbols(Image& image, const std::string& path) {
  const std::vector<u8> bytes = read_symbol_file(path);
  std::vector<Symbol> symbols;
  if (is_elf(bytes)) {
    Image file;
    file.name = path;
    read_elf32(file, bytes);
    symbols = std::move(file.symbols);
  } else {
    symbols = parse_system_map({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  if (symbols.empty())
    throw HostError(fmt::format(
        "--symbols '{}' names no function: give a System.map or an ELF file that is not stripped", path));
  image.symbols = std::move(symbols);
}

}  // namespace ringside
