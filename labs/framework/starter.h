// A student's folder: what `ringside lab start` puts into it, and what a student with all points gets.
#pragma once

#include "labs/framework/check.h"

namespace ringside::labs {

/// .c and .S files become part of a guest.
bool is_guest_source(std::string_view file);
/// The lab's own half of its guest: the .c, .h and .S files beside lab.json.
std::vector<std::filesystem::path> guest_files_of(const Definition&);

/// Fills an empty folder with the starter, the pages to read, what the guest is built with, the headers that
/// the files include, and student.txt. Throws HostError for a folder that is not empty.
void lay_out(const Definition&, const std::filesystem::path& folder, const std::string& student);

/// For all points: what the lab has shown (SEEN.md) goes into the folder, and the words for the student say
/// so and what comes next. Empty for fewer points.
std::string conclude(const Definition&, const std::filesystem::path& folder, const Grade&);

}  // namespace ringside::labs
