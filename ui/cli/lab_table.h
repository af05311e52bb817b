// A grade as a person reads it.
#pragma once

#include "labs/framework/check.h"
#include "ui/cli/terminal.h"

namespace ringside::cli {

std::string grade_table(const labs::Definition& lab, const labs::Grade& grade, const Style& style);

}  // namespace ringside::cli
