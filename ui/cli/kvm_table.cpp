#include "ui/cli/kvm_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "ui/cli/tables.h"

namespace ringside::cli {
namespace {

std::string microseconds(u64 ns) { return fmt::format("{:.1f}", static_cast<double>(ns) / 1000); }

std::string counter_lines(const KvmMeasurements& m) {
  // Everything is counted for the processor or for the machine; the largest first, two in a line.
  std::vector<KvmCounter> all = m.processor;
  all.insert(all.end(), m.machine.begin(), m.machine.end());
  // Times and settings are no events.
  std::erase_if(all, [](const KvmCounter& c) {
    return c.name.find("_ns") != std::string::npos || c.name.rfind("max_", 0) == 0 || c.name == "guest_mode";
  });
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.value > b.value; });
  std::string out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    out +=
        fmt::format("{}{:<24} {:>12}", i % 2 ? "    " : "  ", printable(all[i].name), grouped(all[i].value));
    if (i % 2 || i + 1 == all.size()) out += '\n';
  }
  return out;
}

}  // namespace

std::string kvm_table(const KvmMeasurements& m, double wall_s, const Style& style) {
  const std::string where = m.emulated_host ? "inside an emulated host: no figure for speed" : "on this host";
  std::string out = style.paint(
      Colour::Bold, fmt::format("  {:<18} {:>12} {:>12} {:>12}", "Measured, us", "Samples", "Median", "99%"));
  out += '\n';
  for (const KvmMeasurements::ExitTime& t : m.exit_times)
    out += fmt::format("  {:<18} {:>12} {:>12} {:>12}\n", info(t.reason).name, grouped(t.samples),
                       microseconds(t.median_ns), microseconds(t.p99_ns));
  out +=
      "  " +
      wrap(fmt::format(
               "Wall time of handling an exit in user space, between two KVM_RUN; measured {}. {} entries, "
               "{:.3f} s of {:.3f} s inside KVM_RUN.",
               where, grouped(m.entries), static_cast<double>(m.guest_ns) / 1e9, wall_s),
           style.width, 2, 2) +
      "\n";
  if (const std::string counters = counter_lines(m); !counters.empty()) {
    out += style.paint(Colour::Bold, "  Inside the host kernel") +
           " (KVM_GET_STATS_FD; exits that it handled itself)\n";
    out += counters;
  }
  if (m.dirty_pages)
    out += fmt::format("  Pages that the guest has written (KVM_GET_DIRTY_LOG): {}, {} KiB\n",
                       grouped(*m.dirty_pages), grouped(*m.dirty_pages * 4));
  return out;
}

}  // namespace ringside::cli
