// What a run was, as plain data: what the command line prints, JSON holds, the window draws and labs check.
//
// Two kinds of number are kept apart. Everything modelled (instructions, cycles, exits) is the same on every
// machine and at every repetition. What is in `measured` is wall-clock time of this host.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hypervisor/kvm/measurements.h"
#include "hypervisor/network/pair.h"
#include "hypervisor/virtual_machine.h"

namespace ringside {

/// A sensitive instruction that executed silently: where, how often, and what went wrong.
struct SilentInstruction {
  std::string mnemonic;  ///< "popf"
  std::string what_goes_wrong;
  u32 eip = 0;
  std::string symbol;  ///< "irq_restore+0x6", empty if the image has no symbols
  u64 count = 0;
  u64 first_instruction = 0;  ///< guest instructions before the first one
};

struct RunReport {
  enum class Status : u8 {
    Ok,           ///< the guest ended well
    Unavailable,  ///< this technique cannot run this guest here; nothing was run
    Failed,       ///< the guest failed, died, or ran out of budget
  };
  struct Measured {
    double wall_s = 0;
    double mips = 0;  ///< million guest instructions a second; 0 where the host cannot count them
    std::optional<KvmMeasurements> kvm;
  };

  /// What the processor's page walks were: counts, not cycles.
  struct Walks {
    u64 tlb_misses = 0, references = 0;
    u64 nested = 0;  ///< references of the nested dimension
    u64 cached = 0;  ///< answered by a modelled page-walk cache
  };

  /// A machine on a network: what its card sent and received, and what became of the machine at the other
  /// end.
  struct Network {
    PortStatistics card;
    u64 translated = 0, untranslatable = 0;  ///< packets, by the address translator; 0 without one
    std::shared_ptr<const RunReport> peer;
    u64 packets() const { return card.sent + card.received; }
  };

  Mode mode = Mode::Native;
  Status status = Status::Unavailable;
  std::string reason;            ///< one or more sentences; empty if there is nothing to say
  std::optional<Ending> ending;  ///< none if unavailable
  u8 guest_status = 0;           ///< what the guest gave as its exit code
  std::string console;           ///< everything that the guest printed, as bytes
  u64 instructions = 0;          ///< guest instructions, executed or emulated
  const CostProfile* profile = nullptr;
  Attribution cycles;                     ///< by bucket; the sum is cycles.total()
  std::vector<ExitStatistics> exits;      ///< by cycles, descending
  std::vector<SilentInstruction> silent;  ///< in order of their first execution
  Walks walks;
  std::optional<Network> network;  ///< none: the machine was alone
  std::optional<double> overhead;  ///< busy() over that of bare metal; see compare_to()
  Measured measured;

  u64 busy() const { return cycles.total() - cycles[Bucket::Idle]; }
  u64 exit_samples() const;
  u64 exit_samples(ExitReason) const;
  u64 exit_samples(ExitTopic) const;
  u64 exit_cycles() const;
};

std::string_view name(RunReport::Status);

/// The report of a machine that has run; `wall_s` is what the caller measured.
RunReport make_report(VirtualMachine&, double wall_s);
/// The first machine's, with the second one's in it. It failed if either did.
RunReport make_report(MachinePair&, double wall_s);
RunReport unavailable(Mode, std::string why);

/// Fills in `overhead` of every report that ran to its end, if `native` did.
void compare_to(const RunReport& native, std::vector<RunReport>& reports);

/// "start_shell+0x12" for an address inside a function of the image, empty otherwise.
std::string symbol_name(const Image&, u32 address);

}  // namespace ringside
