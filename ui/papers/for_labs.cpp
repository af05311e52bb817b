#include "ui/papers/for_labs.h"

#include "labs/framework/paper_rows.h"
#include "ui/papers/paper.h"

namespace ringside::papers {
namespace {

std::vector<labs::PaperRow> run_paper(std::string_view name) {
  const Paper& paper = find_paper(name);
  std::vector<labs::PaperRow> rows;
  for (const Row& row : paper.rows(cli::run_jobs(paper.jobs(), 1, false)))
    rows.push_back({row.what, row.unit, row.published, row.ours, row.kind == Row::Kind::Prediction});
  return rows;
}

}  // namespace

void give_to_labs() { labs::set_paper_source(run_paper); }

}  // namespace ringside::papers
