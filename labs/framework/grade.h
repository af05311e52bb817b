// Many submissions: each is checked by a process of its own, so many at a time.
#pragma once

#include "labs/framework/check.h"

namespace ringside::labs {

struct Batch {
  std::vector<std::filesystem::path> submissions;
  unsigned jobs = 1;
  std::string student;    ///< for all of them; empty: student_of() each
  double patience = 600;  ///< seconds for one submission
  std::function<void(std::size_t finished, const Grade& last)> progress;
};

/// In the order of the submissions, whatever happened to whom. Call it from a process with one thread: it
/// forks.
std::vector<Grade> grade(const Definition& lab, const Batch& batch);

/// "2/8": every eighth submission from the second on. Throws HostError.
struct Shard {
  unsigned index = 1, count = 1;
};
Shard parse_shard(std::string_view text);
/// The share of this shard, in order.
std::vector<std::filesystem::path> share(std::vector<std::filesystem::path> submissions, Shard shard);

}  // namespace ringside::labs
