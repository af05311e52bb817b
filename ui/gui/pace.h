// How often to draw where drawing costs the processor that the guests need: as seldom as still looks alive.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace ringside::gui {

/// Keeps drawing to a tenth of one core, within 22 to 60 frames a second.
class Pace {
 public:
  static constexpr double kShortest = 1.0 / 60, kLongest = 1.0 / 22, kShare = 1.0 / 10;

  static double period(double drawing_seconds) {
    return std::clamp(drawing_seconds / kShare, kShortest, std::max(kLongest, drawing_seconds));
  }
  /// After a frame whose drawing took so long.
  void wait(double drawing_seconds) const {
    std::this_thread::sleep_for(std::chrono::duration<double>(period(drawing_seconds) - drawing_seconds));
  }
};

}  // namespace ringside::gui
