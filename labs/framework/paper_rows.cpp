#include "labs/framework/paper_rows.h"

#include "cpu/host_error.h"

namespace ringside::labs {
namespace {
PaperSource source = nullptr;
}

void set_paper_source(PaperSource given) { source = given; }

std::vector<PaperRow> paper_rows(std::string_view paper) {
  if (!source) throw HostError("this program cannot run the papers that the lab asks for");
  return source(paper);
}

}  // namespace ringside::labs
