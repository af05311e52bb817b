#include "hypervisor/emulate/guest_operands.h"

#include <algorithm>
#include <cstring>

namespace ringside {

PagedOperands::PagedOperands(Host& host, const CpuState& guest, bool user)
    : host(host), guest_(guest), user_(user) {}

bool PagedOperands::translate(LinearAddr address, Access access, bool mark, GuestPhys& physical) {
  const GuestMemory& ram = host.machine.ram();
  const PagingMode mode = paging_mode(guest_, user_);
  const PageWalk walk =
      mark ? walk_guest_and_mark(ram, mode, address, access, [&](GuestPhys entry) { ram_written(entry, 4); })
           : walk_guest(ram, mode, address, access);
  host.ledger.count(CostEvent::GuestWalkReference, walk.count);
  physical = host.machine.through_a20(GuestPhys(walk.physical));
  if (walk.ok) return true;
  fault = {.event = {.vector = vector::PF, .has_error_code = true, .error_code = walk.error_code},
           .cr2 = address.value};
  return false;
}

void PagedOperands::ram_written(GuestPhys address, unsigned bytes) {
  host.cpu.memory_written(host.machine.ram().to_machine(address), bytes);
}

bool PagedOperands::check(LinearAddr address, unsigned size, Access access) {
  GuestPhys physical;
  if (!translate(address, access, false, physical)) return false;
  const LinearAddr last = address + (size - 1);
  return last.page() == address.page() || translate(last.page(), access, false, physical);
}

bool PagedOperands::read_within_page(LinearAddr address, unsigned size, u32& value) {
  GuestPhys physical;
  if (!translate(address, Access::Read, true, physical)) return false;
  value = 0;
  if (const u8* ram = host.machine.is_mmio(physical) ? nullptr : host.machine.ram().at(physical, size))
    std::memcpy(&value, ram, size);
  else
    value = device_read(physical, size);
  return true;
}

bool PagedOperands::write_within_page(LinearAddr address, unsigned size, u32 value) {
  GuestPhys physical;
  if (!translate(address, Access::Write, true, physical)) return false;
  if (u8* ram = host.machine.is_mmio(physical) ? nullptr : host.machine.ram().at(physical, size)) {
    std::memcpy(ram, &value, size);
    ram_written(physical, size);
  } else {
    device_write(physical, value, size);
  }
  return true;
}

bool PagedOperands::read(LinearAddr address, unsigned size, u32& value) {
  if (address.offset() + size <= kPageSize) return read_within_page(address, size, value);
  if (!check(address, size, Access::Read)) return false;
  value = 0;
  for (unsigned i = 0; i < size; ++i) {
    u32 byte = 0;
    if (!read_within_page(address + i, 1, byte)) return false;
    value |= byte << (8 * i);
  }
  return true;
}

bool PagedOperands::write(LinearAddr address, unsigned size, u32 value) {
  if (address.offset() + size <= kPageSize) return write_within_page(address, size, value);
  if (!check(address, size, Access::Write)) return false;
  for (unsigned i = 0; i < size; ++i)
    if (!write_within_page(address + i, 1, (value >> (8 * i)) & 0xFF)) return false;
  return true;
}

bool PagedOperands::fetch(LinearAddr address, std::span<u8> bytes) {
  GuestPhys physical;
  if (!translate(address, Access::Fetch, true, physical)) return false;
  if (const u8* code = host.machine.ram().at(physical, bytes.size()))
    std::memcpy(bytes.data(), code, bytes.size());
  else
    std::memset(bytes.data(), 0xFF, bytes.size());  // nothing answers on the bus
  return true;
}

}  // namespace ringside
