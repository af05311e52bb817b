#include "ui/model/history.h"

#include <algorithm>

namespace ringside::model {
namespace {

/// The point whose loss hurts least: the gap that it leaves is smallest, seen from the present.
std::size_t most_dispensable(const std::vector<History::Point>& points) {
  const u64 now = points.back().instruction();
  std::size_t best = 1;
  double least = 0;
  for (std::size_t i = 1; i + 1 < points.size(); ++i) {
    const auto gap = static_cast<double>(points[i + 1].instruction() - points[i - 1].instruction());
    const double hurt = gap / static_cast<double>(now - points[i].instruction() + 1);
    if (i == 1 || hurt < least) {
      least = hurt;
      best = i;
    }
  }
  return best;
}

}  // namespace

void History::add(Point point) {
  const auto at = std::upper_bound(points_.begin(), points_.end(), point.instruction(),
                                   [](u64 n, const Point& p) { return n < p.instruction(); });
  if (at != points_.begin() && std::prev(at)->instruction() == point.instruction()) return;
  points_.insert(at, std::move(point));
  while (points_.size() > 2 && (points_.size() > kPoints || bytes() > kBytes))
    points_.erase(points_.begin() + static_cast<std::ptrdiff_t>(most_dispensable(points_)));
}

const History::Point* History::before(u64 instruction) const {
  const auto after = std::upper_bound(points_.begin(), points_.end(), instruction,
                                      [](u64 n, const Point& p) { return n < p.instruction(); });
  return after == points_.begin() ? nullptr : &*std::prev(after);
}

void History::forget_after(u64 instruction) {
  std::erase_if(points_, [&](const Point& p) { return p.instruction() > instruction; });
}

u64 History::bytes() const {
  u64 sum = 0;
  const VmSnapshot* previous = nullptr;
  for (const Point& p : points_) {
    sum += p.machine->bytes_beside(previous) + p.recorder.bytes();
    for (const auto& [sector, copy] : p.disk)
      sum += copy.use_count() ? kSectorBytes / copy.use_count() + 64 : 0;
    previous = p.machine.get();
  }
  return sum;
}

}  // namespace ringside::model
