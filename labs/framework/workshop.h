// The scratch folder in which one submission is built and run: the student's own files, and everything else
// fresh from the lab, whatever the submission did to it.
#pragma once

#include "labs/framework/definition.h"
#include "labs/framework/sandbox.h"

namespace ringside::labs {

class Workshop {
 public:
  /// Copies the lab's `files` from `submission`: plain files of at most kMostSource bytes, no links. What is
  /// missing is said by problem().
  Workshop(const Definition& lab, const std::filesystem::path& submission);
  ~Workshop();
  Workshop(const Workshop&) = delete;

  const std::string& problem() const { return problem_; }
  const std::filesystem::path& folder() const { return folder_; }
  std::string text(const std::string& file) const;  ///< of a student's file; empty if it is missing

  /// Both say what the compiler said, empty for success; what they built is `out/monitor` or `out/guest.elf`.
  std::string build_monitor(const std::vector<std::string>& sources);
  /// 32-bit freestanding, from the .c and .S files: the student's, those that lie beside lab.json, and those
  /// of labs/guest/ that lab.json names, with the linker script among them.
  std::string build_guest();

  std::filesystem::path program_output() const { return folder_ / "output.txt"; }
  std::string program_output_text() const;  ///< what the student's program printed, shortened

  static constexpr std::uintmax_t kMostSource = 256 << 10;

 private:
  std::string compile(std::vector<std::string> command);

  const Definition& lab_;
  std::filesystem::path folder_;
  std::string problem_;
};

}  // namespace ringside::labs
