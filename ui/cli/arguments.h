// The command line before CLI11 sees it, and the words that its options take.
#pragma once

#include <string>
#include <vector>

#include "hypervisor/virtual_machine.h"
#include "ui/cli/runs.h"

namespace ringside::cli {

/// QEMU's one-dash words become two-dash options (-append TEXT -> --append TEXT); what follows an option that
/// takes a value is left alone.
std::vector<std::string> long_options(int argc, const char* const* argv);

// Each throws HostError naming the option, what is wrong, and what it takes.
u64 parse_memory(const std::string& text);  ///< "32", "32M", "1G": bytes; a plain number is MiB
u64 parse_count(const std::string& option, const std::string& text);  ///< "5000000", "5M", "2G"
CpuModel parse_cpu(const std::string& text);
SensitiveInstructions parse_sensitive(const std::string& text);
std::vector<Mode> parse_modes(const std::string& text);  ///< "native,trap", "all"

/// "64,4,8,tagged": entries, ways, entries for large pages, and whether they survive an exit. Empty: none.
TlbGeometry parse_tlb(const std::string& text, bool walk_cache);

/// "bs=512..1M" doubles from the first to the last value; "depth=1,8,32" names them. Numbers may have a
/// suffix, k, M or G of 1024; any other word is taken as it is.
struct Variation {
  std::string name;
  std::vector<std::string> values;
};
Variation parse_variation(const std::string& text);
std::string parse_io(const std::string& text);           ///< one of the ways to the devices
Paravirtual parse_paravirtual(const std::string& text);  ///< "kvmclock,virtio-blk"; empty = nothing
bool parse_switch(std::string_view what, const std::string& text);  ///< "on" or "off"

u16 parse_gdb_port(const std::string& text);              ///< "tcp::1234"
std::pair<int, int> parse_size(const std::string& text);  ///< "1600x900", 640x480 to 7680x4320

inline constexpr u64 kLeastMemory = 1u << 20, kMostMemory = u64{2048} << 20;

}  // namespace ringside::cli
