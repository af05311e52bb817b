#include "ui/model/recorder.h"

namespace ringside::model {
namespace {

bool about_a_page(ExitReason reason) {
  switch (reason) {
    case ExitReason::TruePageFault:
    case ExitReason::ShadowPageFault:
    case ExitReason::ShadowPageTableWrite:
    case ExitReason::EptViolation:
    case ExitReason::Mmio: return true;
    default: return false;
  }
}

}  // namespace

void Recorder::record(const ExitRecord& exit) {
  ++count_;
  const auto index = static_cast<std::size_t>(info(exit.reason).topic);
  ++by_topic_[index];
  if (about_a_page(exit.reason)) last_page_exit_ = exit;
  recent_.push_back(exit);
  if (recent_.size() > kEventRows) recent_.pop_front();
  if (trapped_.size() < kTrappedSites || trapped_.contains(exit.eip)) ++trapped_[exit.eip];

  u64 bucket = exit.instruction / timeline_.bucket_width;
  while (bucket >= kTimelineBuckets) {
    auto& buckets = timeline_.buckets;
    for (std::size_t i = 0; i < (buckets.size() + 1) / 2; ++i) {
      auto merged = buckets[2 * i];
      if (2 * i + 1 < buckets.size())
        for (std::size_t c = 0; c < merged.size(); ++c) merged[c] += buckets[2 * i + 1][c];
      buckets[i] = merged;
    }
    buckets.resize((buckets.size() + 1) / 2);
    timeline_.bucket_width *= 2;
    bucket /= 2;
  }
  if (timeline_.buckets.size() <= bucket) timeline_.buckets.resize(bucket + 1);
  ++timeline_.buckets[bucket][index];
  events_copy_.reset();
  timeline_copy_.reset();
}

void Recorder::clear() { *this = Recorder(); }

std::shared_ptr<const std::vector<ExitRecord>> Recorder::events() const {
  if (!events_copy_)
    events_copy_ = std::make_shared<const std::vector<ExitRecord>>(recent_.begin(), recent_.end());
  return events_copy_;
}

std::shared_ptr<const Timeline> Recorder::timeline() const {
  if (!timeline_copy_) timeline_copy_ = std::make_shared<const Timeline>(timeline_);
  return timeline_copy_;
}

}  // namespace ringside::model
