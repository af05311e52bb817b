// The points of a run that a lane can go back to.
//
// Going to instruction N means: put back the nearest point before N, run on to N. Points are dense behind the
// present and ever sparser further back, so that a step back is immediate and a jump back costs a fraction of
// what lies between. Memory is bounded: at most kPoints points and kBytes of copies per lane; the point at
// power-on always stays.
#pragma once

#include <memory>
#include <vector>

#include "hypervisor/devices/versioned_disk.h"
#include "hypervisor/snapshot.h"
#include "ui/model/recorder.h"

namespace ringside::model {

class History {
 public:
  static constexpr std::size_t kPoints = 48;
  static constexpr u64 kBytes = 64u << 20;

  struct Point {
    std::shared_ptr<const VmSnapshot> machine;
    VersionedDisk::Version disk;
    Recorder recorder;
    std::size_t inputs = 0;  ///< how many of the lane's inputs had been delivered
    u64 instruction() const { return machine->instructions; }
  };

  void clear() { points_.clear(); }
  /// What is then too much goes.
  void add(Point point);
  /// The last point at or before `instruction`, nullptr if there is none.
  const Point* before(u64 instruction) const;
  /// The future will be another one.
  void forget_after(u64 instruction);

  const Point* last() const { return points_.empty() ? nullptr : &points_.back(); }
  std::size_t size() const { return points_.size(); }
  u64 bytes() const;

 private:
  std::vector<Point> points_;  ///< ascending
};

}  // namespace ringside::model
