// The instructions that a monitor has to carry out for a de-privileged guest: one visible table.
//
// A row names an instruction that faults in the guest's compressed ring although its own processor would have
// allowed it (or, like POPF on a virtualizable x86, an instruction that must not pass unseen), the exit
// reason that it is counted under and the handler. Take a row away and the instruction's fault goes to the
// guest, which cannot go on. Manual: Intel SDM vol. 2; Popek & Goldberg 1974; Robin & Irvine 2000.
#pragma once

#include <span>
#include <vector>

#include "cpu/decode.h"
#include "hypervisor/monitor.h"
#include "hypervisor/trap/guest.h"

namespace ringside {

struct EmulationRow {
  static constexpr i8 kAny = -1;
  using Handler = Outcome (*)(TrapGuest&, const Decoded&);

  std::string_view name;
  u16 opcode;  ///< as in the opcode table
  i8 reg;      ///< ModRM's reg field for groups, or kAny
  ExitReason reason;
  Handler handler;
};

std::span<const EmulationRow> emulation_rows();

/// The rows in use, found by opcode.
class EmulationTable {
 public:
  explicit EmulationTable(std::span<const EmulationRow> rows = emulation_rows());
  /// nullptr: not an instruction that the monitor emulates.
  const EmulationRow* find(const Decoded& d) const;
  /// Takes away every row of that name; for tests and labs. False if there is none.
  bool remove(std::string_view name);
  std::span<const EmulationRow> rows() const { return rows_; }

 private:
  void index();
  std::vector<EmulationRow> rows_;
  std::array<u8, 512> first_;  ///< opcode (two-byte ones from 256 on) -> 1 + first row, 0 = none
};

// ---- the handlers; each one's guest state is that at the faulting instruction
namespace emulation {

// emulate_privileged.cpp
Outcome cli(TrapGuest&, const Decoded&);
Outcome sti(TrapGuest&, const Decoded&);
Outcome hlt(TrapGuest&, const Decoded&);
Outcome load_table(TrapGuest&, const Decoded&);
Outcome load_selector(TrapGuest&, const Decoded&);
Outcome mov_to_cr(TrapGuest&, const Decoded&);
Outcome mov_from_cr(TrapGuest&, const Decoded&);
Outcome lmsw(TrapGuest&, const Decoded&);
Outcome clts(TrapGuest&, const Decoded&);
Outcome mov_to_dr(TrapGuest&, const Decoded&);
Outcome mov_from_dr(TrapGuest&, const Decoded&);
Outcome invlpg(TrapGuest&, const Decoded&);
Outcome rdmsr(TrapGuest&, const Decoded&);
Outcome wrmsr(TrapGuest&, const Decoded&);
Outcome rdtsc(TrapGuest&, const Decoded&);
Outcome wbinvd(TrapGuest&, const Decoded&);

// emulate_sensitive.cpp
Outcome pushf(TrapGuest&, const Decoded&);
Outcome popf(TrapGuest&, const Decoded&);
Outcome smsw(TrapGuest&, const Decoded&);
Outcome store_table(TrapGuest&, const Decoded&);
Outcome store_selector(TrapGuest&, const Decoded&);
Outcome lar(TrapGuest&, const Decoded&);
Outcome lsl(TrapGuest&, const Decoded&);
Outcome verify(TrapGuest&, const Decoded&);
Outcome mov_from_segment(TrapGuest&, const Decoded&);
Outcome push_segment(TrapGuest&, const Decoded&);

// emulate_transfers.cpp
Outcome mov_to_segment(TrapGuest&, const Decoded&);
Outcome pop_segment(TrapGuest&, const Decoded&);
Outcome load_far_pointer(TrapGuest&, const Decoded&);
Outcome far_jump(TrapGuest&, const Decoded&);
Outcome far_call(TrapGuest&, const Decoded&);
Outcome far_return(TrapGuest&, const Decoded&);
Outcome iret(TrapGuest&, const Decoded&);
Outcome int_n(TrapGuest&, const Decoded&);
Outcome sysenter(TrapGuest&, const Decoded&);
Outcome sysexit(TrapGuest&, const Decoded&);

// port_io.cpp
Outcome in(TrapGuest&, const Decoded&);
Outcome out(TrapGuest&, const Decoded&);
Outcome ins(TrapGuest&, const Decoded&);
Outcome outs(TrapGuest&, const Decoded&);

}  // namespace emulation
}  // namespace ringside
