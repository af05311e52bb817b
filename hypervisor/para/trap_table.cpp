#include "hypervisor/para/trap_table.h"

#include <vector>

namespace ringside::para {
namespace {

constexpr u8 kFirstSoftwareVector = 32;
constexpr u8 kLeastPrivileged = 3;

bool ring1_code(const std::optional<Descriptor>& d) {
  return d && d->present() && d->s() && (d->access() & access_rights::kCode) && d->dpl() == 1;
}

}  // namespace

TrapTable::TrapTable(DescriptorTables& tables) : tables_(tables) {
  tables_.set_monitor_gate(kHypercallVector, 1);
}

Status TrapTable::set(const GuestLinear& memory, LinearAddr at) {
  std::vector<rs_trap> rows;
  for (;; at = at + sizeof(rs_trap)) {
    const auto row = memory.read<rs_trap>(at);
    if (!row) return -RS_EFAULT;
    if (row->eip == 0) break;
    if (rows.size() == handlers_.size()) return -RS_EINVAL;
    if (Status refused = check(*row)) return refused;
    rows.push_back(*row);
  }
  for (const rs_trap& row : rows) install(row);
  return 0;
}

Status TrapTable::check(const rs_trap& row) const {
  if (row.vector == kHypercallVector || row.vector >= kFirstHostVector) return -RS_EINVAL;
  if (row.flags & ~(kLeastPrivileged | RS_TRAP_MASK_EVENTS)) return -RS_EINVAL;
  return ring1_code(tables_.find(row.cs)) ? 0 : -RS_EINVAL;
}

void TrapTable::install(const rs_trap& row) {
  const bool masks = row.flags & RS_TRAP_MASK_EVENTS;
  const u8 dpl = row.flags & kLeastPrivileged;
  handlers_[row.vector] = {.cs = row.cs, .eip = row.eip, .masks_events = masks};
  if (row.vector >= kFirstSoftwareVector && !masks) {
    tables_.set_guest_gate(row.vector, dpl, row.cs, row.eip);
  } else {
    tables_.set_monitor_gate(row.vector, dpl);
  }
}

std::optional<TrapHandler> TrapTable::find(u8 vector) const {
  const TrapHandler& handler = handlers_[vector];
  if (handler.eip == 0) return std::nullopt;
  return handler;
}

}  // namespace ringside::para
