// Grades in the forms that graders' systems read.
//
// Gradescope results.json; Classroom 50 result.json (classroom50/result/v1, hyphenated keys, integer scores);
// JUnit XML as CI systems read it; TAP version 13; CSV (RFC 4180), a line per step; JSON of our own
// (ringside/lab/v1).
#pragma once

#include <span>

#include "labs/framework/check.h"

namespace ringside::labs {

enum class Format { Table, Json, Gradescope, Classroom50, JUnit, Tap, Csv };
/// Throws HostError with a suggestion.
Format parse_format(std::string_view name);
/// Gradescope and Classroom 50 want a file per submission, with this name; the others one for all (empty).
std::string_view file_per_submission(Format);

/// One submission where file_per_submission() says so, else all of them.
std::string write_grades(Format, std::span<const Grade>);

/// The worker's answer to its parent, and back. `lab` gives the steps their texts.
std::string to_json(const Grade&);
Grade grade_from_json(const std::string& text, const Definition& lab);

}  // namespace ringside::labs
