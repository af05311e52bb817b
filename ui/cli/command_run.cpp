// `ringside run` and `ringside compare`.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "cpu/host_error.h"
#include "hypervisor/boot/symbols.h"
#include "ui/cli/arguments.h"
#include "ui/cli/commands.h"
#include "ui/cli/live_console.h"
#include "ui/cli/operator.h"
#include "ui/cli/tables.h"
#include "ui/debugger/gdb_server.h"
#include "ui/model/chrome_trace.h"
#include "ui/model/diagnosis.h"
#include "ui/model/report_data.h"

namespace ringside::cli {

GuestSource source_of(const GuestOptions& given) {
  GuestSource source = find_guest(given.kernel.empty() ? given.guest : given.kernel, given.paravirtual_kernel,
                                  given.disk, given.initrd);
  if (!given.symbols.empty()) load_symbols(source.image, given.symbols);
  return source;
}

namespace {

/// The budget: a guest that goes round in circles is to end soon, and Debian's kernel is to reach its shell.
std::string instructions_of(const GuestOptions& given) {
  if (!given.instructions.empty()) return given.instructions;
  return given.kernel.empty() ? "4G" : "100G";
}

}  // namespace

/// The command that runs the same guest in mode kvm in a throw-away host and prints its report.
std::vector<std::string> kvm_host_command(const CompareCommand& given) {
  std::vector<std::string> command{"run", given.kernel.empty() ? given.guest : given.kernel, "--mode", "kvm",
                                   "--json"};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) command.insert(command.end(), {option, value});
  };
  add("--initrd", given.initrd);
  add("--disk", given.disk);
  add("--memory", given.memory);
  add("--append", given.append);
  add("--cpu", given.cpu);
  add("--sensitive", given.sensitive);
  add("--profile", given.profile);
  add("--instructions", instructions_of(given));
  add("--seconds", fmt::format("{}", given.seconds));
  add("--irqchip", given.irqchip);
  add("--io", given.io);
  add("--pv", given.pv);
  add("--peer", given.peer);
  add("--link", given.link);
  if (given.nat) command.emplace_back("--nat");
  return command;
}

RunOptions options_of(const GuestOptions& given) {
  RunOptions options;
  options.io = parse_io(given.io);
  options.paravirtual = parse_paravirtual(given.pv);
  if (!given.peer.empty()) options.peer = std::make_shared<GuestSource>(find_guest(given.peer, "", ""));
  if (!given.peer_mode.empty()) options.peer_mode = parse_mode(given.peer_mode);
  options.network.link.bits_per_second = parse_count("--link", given.link);
  options.network.nat = given.nat;
  options.shadow = parse_shadow_policy(given.shadow);
  options.ept_levels = static_cast<u8>(given.ept_levels);
  options.ept_large_pages = given.ept_pages == "large";
  options.walk_caches = given.walk_cache == "on";
  options.tlb = parse_tlb(given.tlb, options.walk_caches);
  options.ram_bytes = parse_memory(given.memory);
  options.cpu = parse_cpu(given.cpu);
  options.sensitive = parse_sensitive(given.sensitive);
  options.kernel_irqchip = given.irqchip == "kernel";
  options.profile = &cost_profile(given.profile);
  options.command_line = given.append;
  options.limits.instructions = parse_count("--instructions", instructions_of(given));
  if (!(given.seconds >= 0)) throw HostError("--seconds: give a positive number, or 0 for no limit");
  options.limits.wall_seconds = given.seconds;
  return options;
}

namespace {

/// Writes a run's exits as a trace while it runs.
class Tracer final : public Watcher {
 public:
  Tracer(std::string path, std::string guest) : path_(std::move(path)), guest_(std::move(guest)) {}
  void started(VirtualMachine& vm) override {
    trace_ = std::make_unique<model::ChromeTrace>(path_, guest_, vm.mode(), vm.host().hz());
    vm.observe_exits([this](const ExitRecord& exit) { trace_->record(exit); });
  }
  bool step(VirtualMachine&) override { return true; }
  void finish() {
    if (trace_) trace_->finish();
  }

 private:
  std::string path_, guest_;
  std::unique_ptr<model::ChromeTrace> trace_;
};

std::string heading(const std::string& guest, const RunOptions& options, const Style& style) {
  return style.paint(Colour::Bold, fmt::format("Guest {}", printable(guest))) +
         fmt::format(", {} MiB, prices of {} ({:.1f} GHz), under trap sensitive instructions {}\n\n",
                     options.ram_bytes >> 20, options.profile->name,
                     static_cast<double>(options.profile->hz) / 1e9,
                     options.sensitive == SensitiveInstructions::Trap ? "reach the monitor" : "leak");
}

std::string quoted_console(const std::string& text, const Style& style) {
  std::string out;
  const std::string safe = printable(text);
  for (std::size_t at = 0; at < safe.size();) {
    const std::size_t end = std::min(safe.find('\n', at), safe.size());
    out += style.paint(Colour::Dim, "  | ") + safe.substr(at, end - at) + '\n';
    at = end + 1;
  }
  return out;
}

std::string quoted_screen(const std::string& screen, const Style& style) {
  return screen.empty() ? "" : "Screen\n" + quoted_console(screen, style);
}

void print_run(const RunCommand& given, const GuestSource& source, const RunOptions& options,
               const RunReport& report, const std::string& screen, const model::Diagnosis& diagnosis) {
  if (given.json) {
    Json json = run_json(source.name, report);
    if (!diagnosis.empty()) json["diagnosis"] = model::diagnosis_json(diagnosis);
    fmt::print("{}\n", dump(json));
    return;
  }
  const Style style = output_style();
  fmt::print("{}", heading(source.name, options, style));
  fmt::print("{}\n{}\n{}{}", quoted_console(report.console, style) + quoted_screen(screen, style),
             run_table(report, style), cost_bars({report}, style), footnotes({report}, style));
}

}  // namespace

int run_command(const RunCommand& given) {
  const Mode mode = parse_mode(given.mode);
  const RunOptions options = options_of(given);
  const GuestSource source = source_of(given);

  RunReport report;
  model::Diagnosis diagnosis;
  if (given.console && !given.trace.empty()) throw HostError("--trace and --console exclude each other");
  std::string screen;
  if (given.attend.any() && (given.console || !given.trace.empty()))
    throw HostError("--type, --keys and --until exclude --console and --trace");
  if (given.attend.any()) {
    Operator someone(given.attend);
    report = run_mode(mode, source, options, &someone, &diagnosis);
    screen = someone.screen();
    if (someone.satisfied() && report.ending == Ending::Budget) {
      report.status = RunReport::Status::Ok;
      report.ending = Ending::Success;
      report.reason = fmt::format("ended when the guest showed '{}'", given.attend.until);
    }
  } else if (!given.trace.empty()) {
    Tracer tracer(given.trace, source.name);
    report = run_mode(mode, source, options, &tracer, &diagnosis);
    tracer.finish();
  } else if (given.console) {
    LiveConsole console(given.json ? stderr : stdout);
    report = run_mode(mode, source, options, &console, &diagnosis);
  } else {
    std::vector<model::Diagnosis> diagnoses;
    report = run_modes({mode}, source, options, 1, error_is_terminal(), &diagnoses).front();
    diagnosis = std::move(diagnoses.front());
    report.overhead.reset();
  }
  if (report.status == RunReport::Status::Unavailable)
    throw HostError(fmt::format("mode {}: {}", name(mode), report.reason));

  const bool tell = !given.json && !diagnosis.empty();
  if (given.console && !given.json) {
    if (!report.reason.empty()) fmt::print(stderr, "ringside: {}\n", printable(report.reason));
    if (tell && report.ending == Ending::Died) fmt::print(stderr, "{}", model::diagnosis_text(diagnosis));
  } else {
    print_run(given, source, options, report, screen, diagnosis);
    if (tell) fmt::print("{}", model::diagnosis_text(diagnosis));
  }
  return static_cast<int>(*report.ending);
}

int debug_command(const RunCommand& given) {
  if (given.console)
    throw HostError(
        "-gdb and --console exclude each other: what the guest prints is shown when it has ended");
  const Mode mode = parse_mode(given.mode);
  const RunOptions options = options_of(given);
  const GuestSource source = source_of(given);
  const u16 port = parse_gdb_port(given.gdb);
  model::Lane lane(mode, source, {.machine = vm_config(mode, source, options)});
  if (!lane.available()) throw HostError(fmt::format("mode {}: {}", name(mode), lane.reason()));
  std::optional<model::ChromeTrace> trace;
  if (!given.trace.empty()) trace.emplace(given.trace, source.name, mode, options.profile->hz);

  const bool ran_on = debugger::serve_gdb(lane, port, options.limits, [](const std::string& line) {
    fmt::print(stderr, "ringside: {}\n", line);
  });
  if (trace) {
    lane.replay_exits([&](const ExitRecord& exit) { trace->record(exit); });
    trace->finish();
  }
  if (lane.ended() && !lane.vm()->ended()) throw HostError(lane.reason());  // the host could not go on
  RunReport report = lane.report(*options.profile);
  if (!lane.ended())
    report.reason =
        fmt::format("{} at guest instruction {}", ran_on ? "the budget was spent" : "gdb killed the guest",
                    lane.instructions());
  print_run(given, source, options, report, {}, {});
  return ran_on ? static_cast<int>(*report.ending) : 0;
}

int compare_command(const CompareCommand& given) {
  const std::vector<Mode> modes =
      parse_modes(given.modes.value_or(given.kvm_host ? "all" : "native,trap,para,hvm"));
  RunOptions options = options_of(given);
  const GuestSource source = source_of(given);
  if (given.kvm_host) options.kvm_host = kvm_host_command(given);
  const Style style = output_style();
  const unsigned jobs = given.jobs ? given.jobs : std::max(1u, std::thread::hardware_concurrency());

  std::vector<model::Diagnosis> diagnoses;
  const std::vector<RunReport> reports =
      run_modes(modes, source, options, jobs, error_is_terminal(), &diagnoses);

  if (given.json) {
    Json json = compare_json(source.name, *options.profile, reports);
    for (std::size_t i = 0; i < reports.size(); ++i)
      if (!diagnoses[i].empty()) json["runs"][i]["diagnosis"] = model::diagnosis_json(diagnoses[i]);
    fmt::print("{}\n", dump(json));
  } else if (given.csv) {
    fmt::print("{}", compare_csv(reports));
  } else {
    fmt::print("{}", heading(source.name, options, style));
    for (const RunReport& report : reports) {
      fmt::print("{}\n", run_table(report, style));
      if (given.console) fmt::print("{}\n", quoted_console(report.console, style));
    }
    fmt::print("{}\n{}\n{}{}", comparison_table(reports, style), cost_bars(reports, style),
               console_verdict(reports), footnotes(reports, style));
    for (std::size_t i = 0; i < reports.size(); ++i)
      if (!diagnoses[i].empty())
        fmt::print("\nUnder {}:\n{}", name(reports[i].mode), model::diagnosis_text(diagnoses[i]));
  }

  // The first run that did not end well decides; a technique that cannot run this guest is not a failure of
  // the guest.
  for (const RunReport& report : reports)
    if (report.status == RunReport::Status::Failed) return static_cast<int>(*report.ending);
  const bool any = std::any_of(reports.begin(), reports.end(),
                               [](const RunReport& r) { return r.status != RunReport::Status::Unavailable; });
  return any ? 0 : 2;
}

}  // namespace ringside::cli
