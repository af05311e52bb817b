// `ringside walk`: one page walk of a running guest, reference by reference.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cpu/host_error.h"
#include "hypervisor/text/suggest.h"
#include "hypervisor/walk_trace.h"
#include "ui/cli/arguments.h"
#include "ui/cli/commands.h"
#include "ui/cli/tables.h"
#include "ui/model/report_data.h"

namespace ringside::cli {
namespace {

/// A hexadecimal address (with or without 0x), or a symbol of the image.
LinearAddr parse_address(const std::string& text, const Image& image) {
  for (const Symbol& symbol : image.symbols)
    if (symbol.name == text) return LinearAddr(symbol.address);
  const std::size_t skip = text.rfind("0x", 0) == 0 ? 2 : 0;
  u32 value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + skip, end, value, 16);
  if (text.size() > skip && error == std::errc{} && rest == end) return LinearAddr(value);
  throw HostError(
      fmt::format("--address {}: neither a hexadecimal address below 2^32 nor a symbol of this guest", text));
}

std::string_view access_name(Access access) {
  return access == Access::Read ? "read" : access == Access::Write ? "write" : "fetch";
}

std::string meaning(const WalkReference& r) {
  if (r.table == WalkReference::Table::Nested)
    return fmt::format("for guest-physical {:X}h", r.translates & ~u64{kPageMask});
  if (!(r.entry & pte::P)) return "not present";
  return fmt::format("{} {}{}{}{}{}", r.level > 1 && r.entry & pte::PS ? "large page," : "",
                     r.entry & pte::W ? 'W' : '-', r.entry & pte::U ? 'U' : '-', r.entry & pte::A ? 'A' : '-',
                     r.entry & pte::D ? 'D' : '-', r.entry & pte::G ? 'G' : '-');
}

std::string reference_rows(const std::vector<WalkReference>& references) {
  std::string out;
  for (std::size_t i = 0; i < references.size(); ++i) {
    const WalkReference& r = references[i];
    out += fmt::format("  {:>2}  {:<7} {:>5}   {} {:>9X}h   {:>10X}h  {}\n", i + 1, name(r.table), r.level,
                       r.table == WalkReference::Table::Guest ? "guest-physical" : "machine       ",
                       r.address, r.entry, meaning(r));
  }
  return out;
}

std::string formula(const WalkTrace& t) {
  const auto made = t.references.size();
  const std::string count = fmt::format("{} reference{} on a TLB miss", made, made == 1 ? "" : "s");
  if (!t.nested_levels || !t.mapped) return count;
  const unsigned n = t.guest_levels, m = t.nested_levels, full = (n + 1) * (m + 1) - 1;
  if (made == full) return fmt::format("{}: ({} + 1) x ({} + 1) - 1", count, n, m);
  return fmt::format("{}, where 4 KiB pages throughout would take ({} + 1) x ({} + 1) - 1 = {}", count, n, m,
                     full);
}

Json rows_json(const std::vector<WalkReference>& references) {
  Json rows = Json::array();
  for (const WalkReference& r : references) {
    Json row{{"table", name(r.table)}, {"level", r.level}, {"address", r.address}, {"entry", r.entry}};
    if (r.table == WalkReference::Table::Nested) row["translates"] = r.translates;
    rows.push_back(std::move(row));
  }
  return rows;
}

Json walk_json(const std::string& guest, const WalkTrace& t, u64 instructions) {
  Json json{{"schema", "ringside/walk/v1"},
            {"guest", guest},
            {"mode", name(t.mode)},
            {"instructions", instructions},
            {"address", t.address.value},
            {"access", access_name(t.access)},
            {"paging", t.paging},
            {"mapped", t.mapped},
            {"ends", t.ends}};
  json["guest_physical"] = t.guest_physical ? Json(t.guest_physical->value) : Json();
  json["machine"] = t.machine ? Json(t.machine->value) : Json();
  json["page_bytes"] = t.page_bytes;
  json["references"] = rows_json(t.references);
  json["software"] = rows_json(t.software);
  if (t.shadow)
    json["shadow"] = {{"guest", t.shadow->guest},
                      {"shadow", t.shadow->shadow},
                      {"out_of_sync", t.shadow->unsynced},
                      {"why", describe(t.shadow->why)}};
  return json;
}

}  // namespace

int walk_command(const WalkCommand& given) {
  const Mode mode = parse_mode(given.mode);
  if (mode == Mode::Kvm)
    throw HostError(
        "walk: the tables of real hardware cannot be looked into; choose native, trap, para or hvm");
  const RunOptions options = options_of(given);
  const GuestSource source = source_of(given);
  const Image image = source.image_for(mode);
  const LinearAddr address = parse_address(given.address, image);
  const Access access = given.access == "write"   ? Access::Write
                        : given.access == "fetch" ? Access::Fetch
                                                  : Access::Read;
  VirtualMachine vm(image, vm_config(mode, source, options));
  Limits limits = options.limits;
  if (!given.at.empty()) limits.instructions = parse_count("--at", given.at);
  vm.run(limits);
  const bool user = given.ring == "user" || (given.ring.empty() && vm.monitor().virtual_state().cpl() == 3);
  const WalkTrace t = trace_walk(vm, address, access, user);

  if (given.json) {
    fmt::print("{}\n", dump(walk_json(source.name, t, vm.instructions())));
    return 0;
  }
  const Style style = output_style();
  fmt::print("{}\n", style.paint(Colour::Bold,
                                 fmt::format("{} of {:08X}h by the {}, guest {} under {}, after {} "
                                             "instructions{}",
                                             access_name(access), address.value, user ? "user" : "kernel",
                                             printable(source.name), name(mode), grouped(vm.instructions()),
                                             vm.ended() ? " (its end)" : "")));
  if (!t.paging && mode != Mode::Trap)
    fmt::print("  The guest has paging off: the address is guest-physical.\n");
  if (!t.references.empty())
    fmt::print("   #  table   level   entry at                        entry\n{}",
               reference_rows(t.references));
  fmt::print("  {}\n", formula(t));
  if (!t.software.empty())
    fmt::print("  The guest's own tables, which the monitor walks in software at a page fault:\n{}",
               reference_rows(t.software));
  if (t.shadow)
    fmt::print("  guest entry {:X}h, shadow entry {:X}h: {}{}\n", t.shadow->guest, t.shadow->shadow,
               describe(t.shadow->why), t.shadow->unsynced ? "; its table is out of sync" : "");
  if (t.mapped)
    fmt::print("  -> {}machine {:X}h, in a page of {} KiB\n",
               t.guest_physical ? fmt::format("guest-physical {:X}h, ", t.guest_physical->value) : "",
               t.machine->value, t.page_bytes >> 10);
  else
    fmt::print("  -> {}\n", t.ends);
  return 0;
}

}  // namespace ringside::cli
