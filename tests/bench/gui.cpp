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

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "ui/gui/app.h"
#include "ui/gui/pace.h"
#include "ui/gui/platform.h"
#include "ui/model/session.h"

using namespace ringside;
using namespace ringside::gui;
using SteadyClock = std::chrono::steady_clock;

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

/// What `ringside run` would need for so many instructions.
double headless_seconds(const model::SessionOptions& options, Mode mode, u64 instructions) {
  const GuestSource source = find_guest(options.guest, {}, {});
  VmConfig config;
  config.mode = mode;
  config.sensitive = options.sensitive;
  config.command_line = options.command_line;
  config.host.machine.disk = source.make_disk();
  VirtualMachine vm(source.image_for(mode), config);
  const double before = processor_seconds();
  vm.run({.instructions = instructions});
  return processor_seconds() - before;
}

struct Drawing {
  unsigned frames = 0;
  double windows = 0, pixels = 0;  ///< seconds of processor time
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
  const double seconds = argc > 1 ? std::atof(argv[1]) : 5;
  int width = 1600, height = 900;
  if (argc > 2) std::sscanf(argv[2], "%dx%d", &width, &height);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);

  const model::SessionOptions options{
      .guest = "kernel", .command_line = argc > 3 ? argv[3] : "run=primes 2000000,forkwait 2000"};
  ImGui::CreateContext();
  ImGui::GetIO().IniFilename = nullptr;
  Drawing drawn;
  model::FramePtr last;
  double took = 0, simulated = 0;
  {
    App app(load_fonts(1));
    apply_theme(Theme::Dark, 1);
    Headless headless(width, height);
    model::Session session(options);
    session.send(model::command::Run{});
    while (!session.frame()->running) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto start = SteadyClock::now();
    const double before = processor_seconds(CLOCK_PROCESS_CPUTIME_ID);
    drawn = draw_for(app, headless, session, seconds);
    session.send(model::command::Pause{});
    while (session.frame()->running) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    took = seconds_since(start);
    simulated = processor_seconds(CLOCK_PROCESS_CPUTIME_ID) - before - drawn.windows - drawn.pixels;
    last = session.frame();
  }
  ImGui::DestroyContext();

  const double frame = (drawn.windows + drawn.pixels) / drawn.frames, rate = 1 / Pace::period(frame);
  fmt::print(
      "software rasteriser at {}x{}: {:.1f} frames/s on a core shared with this host's other programs\n"
      "processor time of a frame: {:.2f} ms windows + {:.2f} ms pixels: {:.0f} frames/s on a core of our "
      "own\n",
      width, height, drawn.frames / took, drawn.windows / drawn.frames * 1e3,
      drawn.pixels / drawn.frames * 1e3, rate);
  double alone = 0;
  for (const auto& lane : last->lanes) {
    const double s = headless_seconds(options, lane.mode, lane.instructions);
    alone += s;
    fmt::print("{:<7} {:>12} instructions, {:6.1f} MIPS alone\n", name(lane.mode), lane.instructions,
               static_cast<double>(lane.instructions) / s / 1e6);
  }
  fmt::print("processor time: all four in the app {:.2f} s, alone {:.2f} s; drawing {:.1f} % of the core\n",
             simulated, alone, frame * rate * 100);
  fmt::print("speed with windows: {:.0f} % of headless\n", alone / simulated * (1 - frame * rate) * 100);
  return 0;
}
