// Barham et al., "Xen and the Art of Virtualization", SOSP 2003: table 1, lmbench on Linux native, on Xen and
// on VMware Workstation.
//
// Our kernel is no Linux and its programs are no lmbench, so microseconds say little; what compares is what
// virtualization does to each row: paravirtual over native, and full virtualization in software over native.
#include <fmt/format.h>

#include "ui/papers/paper.h"

namespace ringside::papers {
namespace {

constexpr std::string_view kProfile = "pentium4-2006";

struct Latency {
  const char* what;
  const char *with, *without;  ///< our programs: the row is the difference
  double native, xen, vmware;  ///< published, microseconds
  Row::Kind xen_kind;
  const char* why;
};
constexpr auto kPrediction = Row::Kind::Prediction, kPrice = Row::Kind::Price;
constexpr Latency kLatencies[] = {
    {"null call", "run=syscalls 4000", "run=syscalls 1000", 0.45, 0.46, 0.73, kPrediction,
     "Xen's fast gate enters the guest's kernel directly, ours too"},
    {"fork", "run=forkwait 60", "run=forkwait 10", 110, 198, 874, kPrediction,
     "our processes are smaller than a Linux shell of 2003, so less of the cost is page tables"},
    {"exec", "run=execwait 30", "run=execwait 5", 530, 768, 2300, kPrediction,
     "fork and exec; ours reads the program from a disk without a cache"},
    {"switch, 2 processes", "run=pingpong 500", "run=pingpong 100", 0.77, 1.97, 18.1, kPrediction,
     "ours includes the pipe's system calls, which lmbench subtracts: they dilute the ratio"},
    {"page fault", "run=stride 900", "run=stride 300", 1.42, 2.73, 12.4, kPrice,
     "the price of a paravirtual transition is derived from this row; ours also clears the page"},
};
struct Technique {
  const char* name;
  Mode mode;
};
constexpr Technique kTechniques[] = {{"native", Mode::Native}, {"xen", Mode::Para}, {"software", Mode::Trap}};

std::vector<cli::Job> jobs() {
  std::vector<cli::Job> jobs;
  for (const Technique& t : kTechniques)
    for (const Latency& l : kLatencies)
      for (const char* line : {l.with, l.without}) {
        jobs.push_back(job(fmt::format("{} {}", t.name, line), "kernel", t.mode, line, kProfile));
        jobs.back().options.io = "ring";  // their disk moved data by itself, as IDE by ports does not
      }
  return jobs;
}

std::vector<Row> rows(const Reports& r) {
  std::vector<Row> rows;
  for (const Latency& l : kLatencies) {
    const auto busy = [&](const char* technique) {
      return busy_of(r, fmt::format("{} {}", technique, l.with), fmt::format("{} {}", technique, l.without));
    };
    rows.push_back({l.xen_kind, fmt::format("{}, paravirtual over native", l.what), "x", l.xen / l.native,
                    quotient(busy("xen"), busy("native")), l.why});
    rows.push_back({kPrediction, fmt::format("{}, software over native", l.what), "x", l.vmware / l.native,
                    quotient(busy("software"), busy("native")),
                    "theirs is VMware Workstation (translation), ours trap-and-emulate"});
  }
  return rows;
}

}  // namespace

const Paper kXen2003{"xen-2003", "P. Barham et al.: Xen and the Art of Virtualization. SOSP 2003",
                     "lmbench's rows by the programs of our kernel, natively, paravirtual and under "
                     "trap-and-emulate. mmap and "
                     "protection faults are missing: the kernel has neither mmap nor signals.",
                     jobs, rows};

}  // namespace ringside::papers
