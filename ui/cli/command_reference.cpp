// `ringside guests`, `profiles` and `explain`: the tables of the project, printed.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "cpu/host_error.h"
#include "guests/builtin.h"
#include "hypervisor/text/suggest.h"
#include "ui/cli/commands.h"
#include "ui/cli/terminal.h"
#include "ui/model/report_data.h"

namespace ringside::cli {
namespace {

void print_profile(const CostProfile& profile, std::size_t column, const Style& style) {
  fmt::print("{}\n  {}\n\n", style.paint(Colour::Heading, profile.name),
             wrap(profile.description, style.width, 2, 2));
  fmt::print("{}\n", style.paint(Colour::Bold, fmt::format("  {:<41} {:<8} {:>6}  {:<12}  {}", "event",
                                                           "bucket", "cycles", "figure", "source")));
  constexpr unsigned kSourceColumn = 2 + 41 + 1 + 8 + 1 + 6 + 2 + 12 + 2;
  const unsigned source_width = std::max(style.width, kSourceColumn + 30);
  for (std::size_t i = 0; i < profile.prices.size(); ++i) {
    const auto event = static_cast<CostEvent>(i);
    const Price& price = profile.prices[i];
    fmt::print("  {:<41} {:<8} {:>6}  {:<12}  {}\n", name(event), name(bucket(event)), price.cycles,
               name(price.provenance), wrap(price.source, source_width, kSourceColumn, kSourceColumn));
  }
  fmt::print("\n{}\n",
             style.paint(Colour::Bold, fmt::format("  {:<66} {:>7}  {}", "round trips that these prices make",
                                                   "cycles", "published")));
  for (const RoundTrip& trip : round_trips()) {
    const Price& published = trip.published[column];
    fmt::print("  {:<66} {:>7}  {}\n", trip.name, price(trip.events, profile),
               published.cycles ? fmt::format("{} {}", published.cycles, name(published.provenance)) : "-");
  }
  fmt::print("\n");
}

Json profile_json(const CostProfile& profile) {
  Json prices = Json::array();
  for (std::size_t i = 0; i < profile.prices.size(); ++i)
    prices.push_back({{"event", name(static_cast<CostEvent>(i))},
                      {"bucket", name(bucket(static_cast<CostEvent>(i)))},
                      {"cycles", profile.prices[i].cycles},
                      {"provenance", name(profile.prices[i].provenance)},
                      {"source", profile.prices[i].source}});
  return {
      {"name", profile.name}, {"description", profile.description}, {"hz", profile.hz}, {"prices", prices}};
}

/// CR_ACCESS for "cr-access", "CrAccess" and the like.
std::string letters_only(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)))
      out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

void print_reason(const ExitReasonInfo& row, const Style& style) {
  const auto paragraph = [&](std::string_view title, std::string_view text) {
    if (text.empty()) return;
    fmt::print("  {}{}\n", style.paint(Colour::Bold, fmt::format("{:<9}", title)),
               wrap(text, style.width, 11, 11));
  };
  fmt::print("{}  ({})\n", style.paint(Colour::Heading, row.name), name(row.topic));
  paragraph("What", row.what);
  paragraph("trap", row.why_trap.empty() ? "Does not happen." : row.why_trap);
  paragraph("para", row.why_para.empty() ? "Does not happen." : row.why_para);
  paragraph("hvm", row.why_hvm.empty() ? "Does not happen." : row.why_hvm);
  paragraph("Monitor", row.monitor_does);
  paragraph("Read", row.manual);
}

Json reason_json(const ExitReasonInfo& row) {
  return {{"reason", row.name},
          {"topic", name(row.topic)},
          {"what", row.what},
          {"why_trap", row.why_trap},
          {"why_para", row.why_para},
          {"why_hvm", row.why_hvm},
          {"monitor_does", row.monitor_does},
          {"manual", row.manual}};
}

}  // namespace

int guests_command(bool json) {
  Json list = Json::array();
  for (const BuiltinGuest& guest : builtin_guests()) {
    list.push_back({{"name", guest.name},
                    {"description", guest.description},
                    {"paravirtual", !guest.paravirtual_image.empty()},
                    {"disk", !guest.disk.empty()}});
    if (!json)
      fmt::print("{:<10} {}{}{}\n", guest.name, guest.description,
                 guest.paravirtual_image.empty() ? "" : " [paravirtual build]",
                 guest.disk.empty() ? "" : " [disk]");
  }
  if (json) fmt::print("{}\n", dump(list));
  return 0;
}

int profiles_command(const std::string& wanted, bool json) {
  const Style style = output_style();
  Json list = Json::array();
  if (!wanted.empty()) cost_profile(wanted);
  for (std::size_t i = 0; i < cost_profiles().size(); ++i) {
    const CostProfile& profile = cost_profiles()[i];
    if (!wanted.empty() && profile.name != wanted) continue;
    if (json)
      list.push_back(profile_json(profile));
    else
      print_profile(profile, i, style);
  }
  if (json) {
    fmt::print("{}\n", dump(list));
  } else {
    fmt::print(
        "{}\n",
        wrap(fmt::format("The default is {}. Verified: read in the primary paper. Derived: computed from "
                         "verified figures. Illustrative: plausible, but nobody's measurement.",
                         default_cost_profile().name),
             style.width, 0));
  }
  return 0;
}

int explain_command(const std::string& wanted, bool json) {
  const Style style = output_style();
  Json list = Json::array();
  std::vector<std::string_view> known;
  for (const ExitReasonInfo& row : exit_reasons()) {
    known.push_back(row.name);
    if (!wanted.empty() && letters_only(row.name) != letters_only(wanted)) continue;
    list.push_back(reason_json(row));
    if (json) continue;
    if (wanted.empty())
      fmt::print("{:<18} {}\n", row.name, wrap(row.what, style.width, 19, 19));
    else
      print_reason(row, style);
  }
  if (list.empty()) {
    std::string upper = wanted;
    for (char& c : upper) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    throw HostError(unknown_name("exit reason", upper, known));
  }
  if (json) fmt::print("{}\n", dump(list));
  return 0;
}

}  // namespace ringside::cli
