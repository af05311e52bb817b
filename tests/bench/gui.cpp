// What the windows cost: frames a second of the software rasteriser while four techniques run at full speed,
// and their speed against the same runs without windows. Pinned to one core, so that drawing and simulation
// share it as on a slow machine. What a busy host takes away would count against the guests alone, so the
// speed is computed from processor time, as it comes out on a core of our own: the guests' share of it at the
// frame rate that the windows then choose, times what the same instructions need without windows over what
// they needed here.
//
// usage: bench_gui [SECONDS] [WxH] [COMMAND LINE OF THE KERNEL]
#include <fmt/format.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "ui/gui/app.h"
#include "ui/gui/pace.h"
#include "ui/gui/platform.h"
#include "ui/model/session.h"

using namespace ringside;
using namespace ringside::gui;
using SteadyClock = std::chrono::steady_clock;

constexpr int kRounds = 9;

namespace {

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

/// Of this thread or of all: what a busy host does beside us does not count.
double processor_seconds(clockid_t whose = CLOCK_THREAD_CPUTIME_ID) {
  timespec t{};
  clock_gettime(whose, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// The same guest without windows, as `ringside run` runs it, taken along by as many instructions.
class Alone {
 public:
  Alone(const model::SessionOptions& options, Mode mode) : mode(mode) {
    const GuestSource source = find_guest(options.guest, {}, {});
    VmConfig config;
    config.mode = mode;
    config.sensitive = options.sensitive;
    config.command_line = options.command_line;
    config.host.machine.disk = source.make_disk();
    vm_ = std::make_unique<VirtualMachine>(source.image_for(mode), config);
  }
  /// Seconds of processor time that so many more instructions need.
  double run(u64 instructions) {
    const double before = processor_seconds();
    vm_->run({.instructions = done_ += instructions});
    const double took = processor_seconds() - before;
    seconds_ += took;
    return took;
  }
  double mips() const { return static_cast<double>(done_) / seconds_ / 1e6; }
  u64 instructions() const { return done_; }

  const Mode mode;

 private:
  std::unique_ptr<VirtualMachine> vm_;
  u64 done_ = 0;
  double seconds_ = 0;
};

struct Drawing {
  unsigned frames = 0;
  double windows = 0, pixels = 0;  ///< seconds of processor time

  void operator+=(const Drawing& d) {
    frames += d.frames;
    windows += d.windows;
    pixels += d.pixels;
  }
};

Drawing draw_for(App& app, Headless& headless, model::Session& session, double seconds) {
  Drawing total;
  Pace pace;
  const auto begin = SteadyClock::now();
  while (seconds_since(begin) < seconds && session.frame()->running) {
    const auto start = SteadyClock::now();
    const double before = processor_seconds();
    headless.begin_frame();
    ImGui::NewFrame();
    for (auto& c : app.draw(*session.frame(), {})) session.send(std::move(c));
    const double between = processor_seconds();
    headless.end_frame();
    total.windows += between - before;
    total.pixels += processor_seconds() - between;
    ++total.frames;
    pace.wait(seconds_since(start));
  }
  return total;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 9;
  int width = 1600, height = 900;
  if (argc > 2) std::sscanf(argv[2], "%dx%d", &width, &height);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);

  const model::SessionOptions options{.guest = "kernel",
                                      .command_line = argc > 3 ? argv[3] : "run=primes 40000000"};
  ImGui::CreateContext();
  ImGui::GetIO().IniFilename = nullptr;
  App app(load_fonts(1));
  apply_theme(Theme::Dark, 1);
  Headless headless(width, height);
  model::Session session(options);
  std::vector<Alone> alone;
  for (const auto& lane : session.frame()->lanes) alone.emplace_back(options, lane.mode);

  // In turns, so that what else the host does falls on both alike.
  Drawing drawn;
  double took = 0;
  std::vector<double> simulated, without;
  for (int round = 0; round < kRounds; ++round) {
    const model::FramePtr from = session.frame();
    session.send(model::command::Run{});
    while (!session.frame()->running) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto start = SteadyClock::now();
    const double before = processor_seconds(CLOCK_PROCESS_CPUTIME_ID);
    const Drawing now = draw_for(app, headless, session, seconds / kRounds);
    took += seconds_since(start);
    simulated.push_back(processor_seconds(CLOCK_PROCESS_CPUTIME_ID) - before - now.windows - now.pixels);
    const model::FramePtr reached = session.frame();  // before the pause takes all back to one instruction
    if (!reached->running) {
      fmt::print("the guests ended before the measurement: give a longer command line\n");
      return 1;
    }
    session.send(model::command::Pause{});
    while (session.frame()->running) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    drawn += now;
    double s = 0;
    for (std::size_t i = 0; i < alone.size(); ++i)
      s += alone[i].run(reached->lanes[i].instructions - from->lanes[i].instructions);
    without.push_back(s);
  }

  const double frame = (drawn.windows + drawn.pixels) / drawn.frames, rate = 1 / Pace::period(frame);
  fmt::print(
      "software rasteriser at {}x{}: {:.1f} frames/s on a core shared with this host's other programs\n"
      "processor time of a frame: {:.2f} ms windows + {:.2f} ms pixels: {:.0f} frames/s on a core of our "
      "own\n",
      width, height, drawn.frames / took, drawn.windows / drawn.frames * 1e3,
      drawn.pixels / drawn.frames * 1e3, rate);
  for (const Alone& a : alone)
    fmt::print("{:<7} {:>12} instructions, {:6.1f} MIPS alone\n", name(a.mode), a.instructions(), a.mips());
  std::vector<double> kept;
  for (int round = 0; round < kRounds; ++round)
    kept.push_back(without[round] / simulated[round] * (1 - frame * rate) * 100);
  std::sort(kept.begin(), kept.end());
  fmt::print(
      "speed with windows: {:.0f} % of headless, the median of {} rounds ({:.0f} to {:.0f}); drawing {:.1f} "
      "% of the core\n",
      kept[kRounds / 2], kRounds, kept.front(), kept.back(), frame * rate * 100);
  ImGui::DestroyContext();
  return 0;
}
