// Lab 08: the student's driver with our disk, rings written by the check for the student's disk, then both
// together; and the student's figures of the four ways.
#include <fmt/format.h>

#include <algorithm>

#include "guests/builtin.h"
#include "labs/framework/check.h"
#include "labs/framework/figures.h"
#include "labs/framework/guest_run.h"
#include "labs/framework/monitor_steps.h"
#include "labs/framework/ring_bench.h"
#include "labs/framework/step_check.h"

namespace ringside::labs::lab08 {

std::span<const MonitorStep> device_steps();  // checks_device.cpp

namespace {

// ---- the driver (driver.c)

u32 seed(const Check& c) { return static_cast<u32>(c.seeded("disk", 1, 1'000'000)); }

RunReport run_driver(const Check& c, const std::string& command_line, Session* device = nullptr) {
  GuestRun run{.image = load_image((c.work.folder() / "out" / "guest.elf").string()),
               .command_line = fmt::format("{} sectors={} seed={}", command_line, kMarkedSectors, seed(c)),
               .disk = marked_disk(seed(c)),
               .mode = Mode::Hvm,
               .ram_bytes = u64{4} << 20,
               .instructions = 60'000'000,
               .seconds = 30};
  if (device)
    run.monitor = [&, disk = marked_disk(seed(c))](Host& host) {
      return std::make_unique<RingMonitor>(host, *device, disk);
    };
  return run_guest(run);
}

struct Load {
  u32 step, count, depth;
  std::string_view more = "";
  std::string line() const { return fmt::format("step={} count={} depth={}{}", step, count, depth, more); }
  u32 rounds() const { return (count + depth - 1) / depth; }
};
Load one() { return {1, 1, 1}; }
Load many(const Check& c) {
  return {2, static_cast<u32>(c.seeded("many", 150, 400)), static_cast<u32>(c.seeded("width", 3, 9))};
}
Load noted(const Check& c) {
  return {3, static_cast<u32>(c.seeded("noted", 40, 90)), static_cast<u32>(c.seeded("deep", 5, 10))};
}
Load polled(const Check& c) { return {3, noted(c).count, noted(c).depth, " poll=2"}; }
Load interrupted(const Check& c) {
  return {4, static_cast<u32>(c.seeded("interrupted", 40, 90)), static_cast<u32>(c.seeded("batch", 4, 9))};
}

/// Empty if all requests of the load came back right.
std::string wrong_with(const RunReport& run, const Load& load) {
  const auto right = said(run, "right");
  if (!right) return "the driver came to no end" + (run.reason.empty() ? std::string() : ": " + run.reason);
  if (said(run, "the device is broken") != 0) return "the device says that your driver has broken its rules";
  if (right != load.count) return fmt::format("{} of {} requests came back right", *right, load.count);
  return run.status == RunReport::Status::Ok ? std::string() : "the guest does not end well: " + run.reason;
}

void requests(Check& c) {
  const auto settle = [&](const char* step, const Load& load, std::string_view hint) {
    const std::string wrong = wrong_with(run_driver(c, load.line()), load);
    if (wrong.empty())
      c.pass(step);
    else
      c.fail(step, wrong, hint);
  };
  settle("request", one(), "chain");
  settle("many", many(c), "recycle");
}

void notifications(Check& c) {
  const RunReport run = run_driver(c, noted(c).line());
  if (const std::string wrong = wrong_with(run, noted(c)); !wrong.empty())
    return c.fail("notify", wrong, "announce");
  const u64 seen = said(run, "notifications").value_or(0);
  if (seen > noted(c).rounds())
    return c.fail("notify",
                  fmt::format("{} requests, {} at a time, took {} notifications instead of {}",
                              noted(c).count, noted(c).depth, seen, noted(c).rounds()),
                  "one-for-all");
  const RunReport poll = run_driver(c, polled(c).line());
  if (const std::string wrong = wrong_with(poll, polled(c)); !wrong.empty())
    return c.fail("notify", "while the device polls: " + wrong, "announce");
  const u64 needless = said(poll, "notifications").value_or(0);
  if (needless > 1)  // the first may come before the device has said that it polls
    return c.fail("notify",
                  fmt::format("the device polls and asks not to be notified, and was {} times", needless),
                  "no-notify");
  c.pass("notify");
}

void interrupts(Check& c) {
  const Load alone{4, 3, 1}, load = interrupted(c);
  if (const std::string wrong = wrong_with(run_driver(c, alone.line()), alone); !wrong.empty())
    return c.fail("interrupts", "one request at a time: " + wrong, "wake");
  const RunReport run = run_driver(c, load.line());
  if (const std::string wrong = wrong_with(run, load); !wrong.empty())
    return c.fail("interrupts", wrong, "wake");
  const u64 seen = said(run, "interrupts").value_or(0);
  if (seen == 0) return c.fail("interrupts", "the device has never interrupted", "wake");
  if (const u64 needless = said(run, "interrupts while off").value_or(0))
    return c.fail("interrupts", fmt::format("{} interrupts were raised while nobody wanted one", needless),
                  "used-event");
  c.pass("interrupts");
}

bool try_driver(Check& c) {
  if (const std::string errors = c.work.build_guest(); !errors.empty()) {
    c.grade.output = errors;
    for (const char* step : {"build-driver", "request", "many", "notify", "interrupts", "together"})
      c.fail(step, "driver.c does not become a guest", "compile");
    return false;
  }
  c.pass("build-driver");
  requests(c);
  notifications(c);
  interrupts(c);
  return true;
}

// ---- whole guests

void kernel(Check& c) {
  const std::string line = fmt::format("io=ring run=ls,diskio 512 {},cat readme", c.seeded("blocks", 8, 30));
  const auto contents = find_builtin_guest("kernel")->disk;
  const RunReport native = run_guest({.command_line = line, .mode = Mode::Native});
  Session session(c.work.folder(), "out/monitor", c.work.program_output());
  std::string complaint;
  const RunReport seen =
      run_guest({.command_line = line, .mode = Mode::Hvm, .monitor = [&](Host& host) {
                   return std::make_unique<RingMonitor>(host, session, make_memory_disk(contents));
                 }});
  if (!session.lost().empty()) return c.fail("kernel", session.lost());
  judge_kernel(c, seen, native);
}

void together(Check& c) {
  for (const char* step : {"many", "notify", "interrupts"})
    if (!c.passed(step)) return c.fail("together", "first your driver has to work with our disk");
  for (const Load& load : {many(c), noted(c)}) {
    Session session(c.work.folder(), "out/monitor", c.work.program_output());
    const RunReport run = run_driver(c, load.line(), &session);
    const std::string wrong = session.lost().empty() ? wrong_with(run, load) : session.lost();
    if (!wrong.empty()) return c.fail("together", "with your device: " + wrong, "both");
    const u64 most = load.rounds(), seen = said(run, "notifications").value_or(0);
    if (seen > most)
      return c.fail("together",
                    fmt::format("your driver notifies your device {} times instead of {}", seen, most),
                    "avail-event");
  }
  c.pass("together");
}

// ---- four ways

struct Ways {
  u32 bytes, depth, count;
};
Ways ways(const Check& c) {
  const u32 depth = 2u << c.seeded("depth", 0, 2);
  return {512u << c.seeded("bytes", 0, 3), depth, 16 + depth * static_cast<u32>(c.seeded("count", 0, 3))};
}
std::string diskio(const Ways& w, u32 count, u32 depth) {
  return fmt::format("bs={} depth={} count={}", w.bytes, depth, count);
}
u64 exits(const Ways& w, std::string_view io, u32 count, u32 depth) {
  return run_guest({.guest = "diskio",
                    .command_line = fmt::format("io={} {}", io, diskio(w, count, depth)),
                    .mode = Mode::Hvm,
                    .ram_bytes = u64{32} << 20})
      .exit_samples();
}
constexpr std::pair<const char*, const char*> kWays[] = {
    {"port-exits", "pio"}, {"mmio-exits", "mmio"}, {"ring-exits", "ring"}, {"poll-exits", "poll"}};

}  // namespace

Answers answers(const Check& c) {
  const Ways w = ways(c);
  Answers all;
  for (const auto& [key, io] : kWays)
    all.emplace_back(key,
                     std::to_string(exits(w, io, 2 * w.count, w.depth) - exits(w, io, w.count, w.depth)));
  all.emplace_back("ring-one-by-one",
                   std::to_string(exits(w, "ring", 2 * w.count, 1) - exits(w, "ring", w.count, 1)));
  return all;
}

std::string assignment(const Check& c) {
  const Ways w = ways(c);
  return fmt::format(
      "Your requests: ringside run diskio --mode hvm --io pio|mmio|ring|poll -append \"{}\"\n"
      "      and then {} more of them: the same with count={}",
      diskio(w, w.count, w.depth), w.count, 2 * w.count);
}

void checks(Check& c) {
  const bool driver = try_driver(c);
  if (!try_monitor(c, device_steps(), "device.cpp")) return;
  kernel(c);
  if (driver) together(c);

  const auto given = parse_answers(c.work.text("answers.txt"));
  const Ways w = ways(c);
  Figures figures(given);
  for (const auto& [key, value] : answers(c)) figures.expect(key, std::stoull(value));
  figures.otherwise("difference", [&](u64 v) {
    return std::any_of(std::begin(kWays), std::end(kWays), [&](const auto& way) {
      return v == exits(w, way.second, 2 * w.count, w.depth) || v == exits(w, way.second, w.count, w.depth);
    });
  });
  figures.settle(c, "predict", "prediction");
}

}  // namespace ringside::labs::lab08
