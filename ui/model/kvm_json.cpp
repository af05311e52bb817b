#include "ui/model/kvm_json.h"

#include <fmt/format.h>

#include "cpu/host_error.h"

namespace ringside::model {
namespace {

using Json = nlohmann::ordered_json;

Json counters_json(const std::vector<KvmCounter>& counters) {
  Json object = Json::object();
  for (const KvmCounter& c : counters) object[c.name] = c.value;
  return object;
}

std::vector<KvmCounter> counters_from(const Json& object) {
  std::vector<KvmCounter> counters;
  for (const auto& [name, value] : object.items()) counters.push_back({name, value.get<u64>()});
  return counters;
}

ExitReason reason_from(const Json& name) {
  for (const ExitReasonInfo& row : exit_reasons())
    if (row.name == name.get<std::string>()) return row.reason;
  throw HostError(fmt::format("unknown exit reason {}", name.dump()));
}

RunReport::Status status_from(const std::string& text) {
  for (const auto status : {RunReport::Status::Ok, RunReport::Status::Unavailable, RunReport::Status::Failed})
    if (name(status) == text) return status;
  throw HostError("unknown status " + text);
}

KvmMeasurements kvm_from(const Json& j) {
  KvmMeasurements m;
  m.emulated_host = j.at("emulated_host").get<bool>();
  m.entries = j.at("entries").get<u64>();
  m.guest_ns = j.at("guest_ns").get<u64>();
  if (!j.at("dirty_pages").is_null()) m.dirty_pages = j.at("dirty_pages").get<u64>();
  for (const Json& t : j.at("exit_times"))
    m.exit_times.push_back({reason_from(t.at("reason")), t.at("samples").get<u64>(),
                            t.at("median_ns").get<u64>(), t.at("p99_ns").get<u64>()});
  m.processor = counters_from(j.at("host_kernel").at("processor"));
  m.machine = counters_from(j.at("host_kernel").at("machine"));
  return m;
}

RunReport report_from(const Json& j) {
  RunReport r;
  r.mode = parse_mode(j.at("mode").get<std::string>());
  r.status = status_from(j.at("status").get<std::string>());
  r.reason = j.at("reason").get<std::string>();
  if (!j.at("exit_code").is_null()) r.ending = static_cast<Ending>(j.at("exit_code").get<int>());
  r.console = j.at("console").get<std::string>();
  r.instructions = j.at("instructions").get<u64>();
  if (!j.at("profile").is_null()) r.profile = &cost_profile(j.at("profile").get<std::string>());
  for (std::size_t b = 0; b < static_cast<std::size_t>(Bucket::kCount); ++b)
    r.cycles.cycles[b] = j.at("cycles").at(std::string(name(static_cast<Bucket>(b)))).get<u64>();
  for (const Json& e : j.at("exits"))
    r.exits.push_back({reason_from(e.at("reason")), e.at("samples").get<u64>(), e.at("cycles").get<u64>(),
                       e.at("min").get<u64>(), e.at("max").get<u64>()});
  r.measured.wall_s = j.at("measured").at("wall_s").get<double>();
  r.measured.mips = j.at("measured").at("mips").get<double>();
  if (j.at("measured").contains("kvm")) r.measured.kvm = kvm_from(j.at("measured").at("kvm"));
  return r;
}

}  // namespace

Json kvm_json(const KvmMeasurements& m) {
  Json times = Json::array();
  for (const KvmMeasurements::ExitTime& t : m.exit_times)
    times.push_back({{"reason", info(t.reason).name},
                     {"samples", t.samples},
                     {"median_ns", t.median_ns},
                     {"p99_ns", t.p99_ns}});
  return {
      {"emulated_host", m.emulated_host},
      {"entries", m.entries},
      {"guest_ns", m.guest_ns},
      {"dirty_pages", m.dirty_pages ? Json(*m.dirty_pages) : Json()},
      {"exit_times", std::move(times)},
      {"host_kernel", {{"processor", counters_json(m.processor)}, {"machine", counters_json(m.machine)}}}};
}

RunReport run_from_json(const std::string& text) {
  try {
    return report_from(Json::parse(text));
  } catch (const nlohmann::json::exception& e) {
    throw HostError(fmt::format("what came back is no report of a run: {}", e.what()));
  }
}

}  // namespace ringside::model
