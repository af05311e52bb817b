// The one list of the labs' code. To add a lab: a copy of labs/00_template, and two lines here.
#include <fmt/format.h>

#include "cpu/host_error.h"
#include "labs/framework/check.h"

namespace ringside::labs {

// labs/NN_name/checks.cpp
#define DECLARE_LAB(NN)                 \
  namespace NN {                        \
  void checks(Check&);                  \
  Answers answers(const Check&);        \
  std::string assignment(const Check&); \
  }
DECLARE_LAB(lab00)
DECLARE_LAB(lab01)
DECLARE_LAB(lab02)
DECLARE_LAB(lab03)
DECLARE_LAB(lab04)
DECLARE_LAB(lab05)
DECLARE_LAB(lab06)
DECLARE_LAB(lab07)
DECLARE_LAB(lab08)
DECLARE_LAB(lab09)
#undef DECLARE_LAB

namespace {
constexpr LabCode kLabs[] = {
    {"00", lab00::checks, lab00::answers, lab00::assignment},
    {"01", lab01::checks, lab01::answers, lab01::assignment},
    {"02", lab02::checks, lab02::answers, lab02::assignment},
    {"03", lab03::checks, lab03::answers, lab03::assignment},
    {"04", lab04::checks, lab04::answers, lab04::assignment},
    {"05", lab05::checks, lab05::answers, lab05::assignment},
    {"06", lab06::checks, lab06::answers, lab06::assignment},
    {"07", lab07::checks, lab07::answers, lab07::assignment},
    {"08", lab08::checks, lab08::answers, lab08::assignment},
    {"09", lab09::checks, lab09::answers, lab09::assignment},
};
}  // namespace

const LabCode& code_of(const Definition& lab) {
  for (const LabCode& code : kLabs)
    if (code.id == lab.id) return code;
  throw HostError(fmt::format("lab {} has no row in labs/framework/registry.cpp", lab.name));
}

}  // namespace ringside::labs
