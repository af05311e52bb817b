// What a lane remembers of its exits: the last few thousand one by one, all of them in a timeline, and which
// guest instructions have ever trapped.
#pragma once

#include <deque>
#include <unordered_map>

#include "ui/model/frame.h"

namespace ringside::model {

class Recorder {
 public:
  void record(const ExitRecord& exit);
  void clear();

  std::shared_ptr<const std::vector<ExitRecord>> events() const;
  std::shared_ptr<const Timeline> timeline() const;
  const std::array<u64, static_cast<std::size_t>(ExitTopic::kCount)>& by_topic() const { return by_topic_; }
  u64 count() const { return count_; }
  bool has_trapped(u32 eip) const { return trapped_.contains(eip); }
  /// A copy to keep: without what was made for frames.
  Recorder kept() const {
    Recorder copy = *this;
    copy.events_copy_.reset();
    copy.timeline_copy_.reset();
    return copy;
  }
  /// Host memory, about.
  u64 bytes() const {
    return recent_.size() * sizeof(ExitRecord) + timeline_.buckets.size() * sizeof(timeline_.buckets[0]) +
           trapped_.size() * 4 * sizeof(u64);
  }
  /// The last exit that was about a page: it may be older than `events` reach.
  const std::optional<ExitRecord>& last_page_exit() const { return last_page_exit_; }
  const ExitRecord* last() const { return recent_.empty() ? nullptr : &recent_.back(); }

 private:
  static constexpr std::size_t kTrappedSites = 65536;
  std::deque<ExitRecord> recent_;
  Timeline timeline_;
  std::array<u64, static_cast<std::size_t>(ExitTopic::kCount)> by_topic_{};
  std::unordered_map<u32, u64> trapped_;
  u64 count_ = 0;
  std::optional<ExitRecord> last_page_exit_;
  // Copies for frames are made when something has changed, not for every frame.
  mutable std::shared_ptr<const std::vector<ExitRecord>> events_copy_;
  mutable std::shared_ptr<const Timeline> timeline_copy_;
};

}  // namespace ringside::model
