// The hypercalls: one row each. Numbers and arguments are those of abi/paravirtual.h.
#pragma once

#include <array>
#include <span>

#include "hypervisor/accounting/exit_reason.h"
#include "hypervisor/para/domain.h"

namespace ringside::para {

using Arguments = std::array<u32, 3>;  // EBX, ECX, EDX

struct Hypercall {
  const char* name;
  /// Checks its arguments, none of which it trusts, and returns what EAX gets.
  Status (*call)(Domain&, const Arguments&);
  ExitReason reason;
  bool in_multicall;  ///< allowed inside RS_HC_MULTICALL
};

/// In the order of RS_HC_*.
std::span<const Hypercall> hypercalls();

/// Carries out INT 82h by ring 1; EIP is behind it. Counts it in the ledger's open exit.
void hypercall(Domain& domain);

}  // namespace ringside::para
