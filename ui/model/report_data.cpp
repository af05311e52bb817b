#include "ui/model/report_data.h"

#include <fmt/format.h>

#include <cmath>

#include "ui/model/kvm_json.h"

namespace ringside {
namespace {

constexpr std::size_t kBuckets = static_cast<std::size_t>(Bucket::kCount);

/// Ratios and times to so many digits: more would only look precise.
double rounded(double value, double unit) { return std::round(value / unit) * unit; }

/// Sensitive instructions that executed silently.
Json silent_json(const std::vector<SilentInstruction>& silent) {
  Json rows = Json::array();
  for (const SilentInstruction& s : silent)
    rows.push_back({{"mnemonic", s.mnemonic},
                    {"address", s.eip},
                    {"symbol", s.symbol},
                    {"count", s.count},
                    {"first_instruction", s.first_instruction},
                    {"what_goes_wrong", s.what_goes_wrong}});
  return rows;
}

Json run_object(const RunReport& r) {
  Json cycles{{"total", r.cycles.total()}};
  for (std::size_t b = 0; b < kBuckets; ++b)
    cycles[std::string(name(static_cast<Bucket>(b)))] = r.cycles.cycles[b];
  Json exits = Json::array();
  for (const ExitStatistics& e : r.exits)
    exits.push_back({{"reason", info(e.reason).name},
                     {"samples", e.samples},
                     {"cycles", e.cycles},
                     {"min", e.min},
                     {"max", e.max}});
  Json run;
  run["mode"] = name(r.mode);
  run["status"] = name(r.status);
  run["reason"] = r.reason;
  run["exit_code"] = r.ending ? Json(static_cast<int>(*r.ending)) : Json();
  run["console"] = r.console;
  run["instructions"] = r.instructions;
  run["cycles"] = std::move(cycles);
  run["exits"] = std::move(exits);
  run["walks"] = {{"tlb_misses", r.walks.tlb_misses},
                  {"references", r.walks.references},
                  {"nested", r.walks.nested},
                  {"cached", r.walks.cached}};
  if (r.network) {
    const RunReport::Network& n = *r.network;
    run["network"] = {{"packets_sent", n.card.sent},         {"bytes_sent", n.card.sent_bytes},
                      {"packets_received", n.card.received}, {"bytes_received", n.card.received_bytes},
                      {"packets_lost", n.card.dropped},      {"translated", n.translated},
                      {"untranslatable", n.untranslatable},  {"peer", n.peer ? run_object(*n.peer) : Json()}};
  }
  if (!r.silent.empty()) run["silent"] = silent_json(r.silent);
  run["overhead"] = r.overhead ? Json(rounded(*r.overhead, 1e-4)) : Json();
  run["measured"] = {{"wall_s", rounded(r.measured.wall_s, 1e-6)}, {"mips", rounded(r.measured.mips, 1e-2)}};
  if (r.measured.kvm) run["measured"]["kvm"] = model::kvm_json(*r.measured.kvm);
  return run;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

}  // namespace

Json run_json(const std::string& guest, const RunReport& report) {
  Json json{{"schema", "ringside/run/v1"}, {"guest", guest}};
  json["profile"] = report.profile ? Json(report.profile->name) : Json();
  json.update(run_object(report));
  return json;
}

Json compare_json(const std::string& guest, const CostProfile& profile,
                  const std::vector<RunReport>& reports) {
  Json runs = Json::array();
  for (const RunReport& r : reports) runs.push_back(run_object(r));
  return {{"schema", "ringside/compare/v1"},
          {"guest", guest},
          {"profile", profile.name},
          {"runs", std::move(runs)}};
}

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

std::string compare_csv(const std::vector<RunReport>& reports) {
  std::vector<ExitReason> reasons;
  for (const ExitReasonInfo& row : exit_reasons())
    for (const RunReport& r : reports)
      if (r.exit_samples(row.reason) && (reasons.empty() || reasons.back() != row.reason))
        reasons.push_back(row.reason);

  std::string out = "mode,status,reason,exit_code,instructions,total_cycles";
  for (std::size_t b = 0; b < kBuckets; ++b) out += fmt::format(",{}_cycles", name(static_cast<Bucket>(b)));
  out += ",overhead,exits";
  for (ExitReason reason : reasons) out += fmt::format(",{}", info(reason).name);
  out += ",measured_wall_s,measured_mips\r\n";

  for (const RunReport& r : reports) {
    out += fmt::format("{},{},{},", name(r.mode), name(r.status), csv_field(r.reason));
    if (r.ending) out += fmt::format("{}", static_cast<int>(*r.ending));
    out += fmt::format(",{},{}", r.instructions, r.cycles.total());
    for (const u64 cycles : r.cycles.cycles) out += fmt::format(",{}", cycles);
    out += r.overhead ? fmt::format(",{:.4f}", *r.overhead) : ",";
    out += fmt::format(",{}", r.exit_samples());
    for (ExitReason reason : reasons) out += fmt::format(",{}", r.exit_samples(reason));
    out += fmt::format(",{:.6f},{:.2f}\r\n", r.measured.wall_s, r.measured.mips);
  }
  return out;
}

}  // namespace ringside
