// What a guest that has died, hangs or ran out of its budget was doing, for the report of its run.
#pragma once

#include <deque>
#include <nlohmann/json_fwd.hpp>

#include "cpu/notes.h"
#include "hypervisor/devices/unclaimed.h"
#include "hypervisor/virtual_machine.h"

namespace ringside::model {

struct Diagnosis {
  /// An address of the guest's with the function that it lies in, empty if the image has no symbols for it.
  struct Place {
    u32 address = 0;
    std::string symbol;
  };
  struct CodeRow {
    u32 address = 0;
    std::string bytes, text;  ///< "f4", "hlt"
  };
  struct ExitRow {
    u64 instruction = 0;  ///< guest instructions before it
    ExitReason reason{};
    Place at;            ///< the guest instruction that caused it
    std::string detail;  ///< "port 3F8h, serial port"
  };

  Place at;
  std::vector<CodeRow> code;                  ///< from `at` on; after a HLT also that
  std::string registers;                      ///< several lines
  std::vector<std::string> faults;            ///< of a triple fault: what could not be delivered, in order
  std::vector<Place> loop;                    ///< if it goes round in a short loop: the instructions in it
  std::vector<Place> stack;                   ///< what may be return addresses, the innermost first
  std::vector<ExitRow> exits;                 ///< the last ones, oldest first
  std::vector<UnclaimedAccess> not_modelled;  ///< places where nobody answered, the last one first
  u64 unanswered = 0;                         ///< all such accesses to ports and memory

  bool empty() const { return registers.empty(); }
};

/// The last exits of a run. Not under kvm, where asking for the guest's registers at each exit would change
/// what is measured.
class ExitTrail {
 public:
  static constexpr std::size_t kLength = 16;
  /// Becomes the machine's observer of exits, and must live as long.
  void follow(VirtualMachine& vm);
  const std::deque<ExitRecord>& exits() const { return exits_; }

 private:
  std::deque<ExitRecord> exits_;
};

/// No side effects; the loop stays empty.
Diagnosis diagnose(VirtualMachine&, const ExitTrail&);

/// The instructions in which the guest goes round, if it is in a short loop. Runs it a little further, so
/// only after everything that counts has been read off. Empty under kvm, which steps no single instructions
/// here.
std::vector<Diagnosis::Place> short_loop(VirtualMachine&);

/// A paragraph for each thing that there is something to say about.
std::string diagnosis_text(const Diagnosis&);
/// where, code, registers, faults, loop, stack, exits, not_modelled, unanswered, in this order.
nlohmann::ordered_json diagnosis_json(const Diagnosis&);

/// What an exit is about, in words: the port, the control register, the address, the vector; may be empty.
std::string exit_detail(ExitReason, u32 detail);

}  // namespace ringside::model
