// How the monitor reaches memory on the guest's behalf: through the guest's tables, with the guest's
// privilege.
#include <algorithm>

#include "hypervisor/emulate/guest_operands.h"
#include "hypervisor/trap/guest.h"

namespace ringside {

bool TrapGuest::find(LinearAddr address, Access access, bool user, GuestPhys& result) {
  const PageWalk walk =
      walk_guest_and_mark(host.machine.ram(), paging_mode(virt, user), address, access, [](GuestPhys) {});
  host.ledger.count(CostEvent::GuestWalkReference, walk.count);
  if (!walk.ok) {
    raise(vector::PF, walk.error_code);
    fault.cr2 = address.value;
    return false;
  }
  result = GuestPhys(walk.physical);
  return true;
}

std::optional<GuestPhys> TrapGuest::translate(LinearAddr address) const {
  const PageWalk walk = walk_guest(host.machine.ram(), paging_mode(virt, false), address, Access::Read);
  if (!walk.ok) return std::nullopt;
  return GuestPhys(walk.physical);
}

void TrapGuest::memory_written(GuestPhys address, u64 bytes) {
  const GuestMemory& ram = host.machine.ram();
  if (!ram.contains(address, bytes)) return;
  host.cpu.memory_written(ram.to_machine(address), bytes);
  if (on_memory_written) on_memory_written(address, bytes);
  const bool spans_pages = bytes > kPageSize;  // a device's access; one in between may be traced
  if (spans_pages || paging.traced(address) || paging.traced(address + (bytes - 1))) {
    paging.memory_written(address, bytes);
    descriptors.memory_written(address, bytes);
  }
}

namespace {

/// The pieces of an access that lie in one page each.
template <class F>
bool for_each_page(LinearAddr address, u32 bytes, F&& f) {
  for (u32 done = 0; done < bytes;) {
    const LinearAddr at = address + done;
    const u32 piece = std::min(bytes - done, kPageSize - at.offset());
    if (!f(at, done, piece)) return false;
    done += piece;
  }
  return true;
}

/// Devices take 1, 2 or 4 bytes at a time.
template <class F>
void for_each_bus_access(u32 bytes, F&& f) {
  for (u32 done = 0; done < bytes;) {
    const u32 size = bytes - done >= 4 ? 4 : bytes - done >= 2 ? 2 : 1;
    f(done, size);
    done += size;
  }
}

/// A store may be a notification, upon which the device takes requests from its ring.
void device_store(Host& host, GuestPhys address, u32 value, unsigned size) {
  const u64 before = host.machine.ring_requests();
  host.machine.mmio_write(address, value, size);
  host.ledger.count(CostEvent::DeviceAccess);
  host.ledger.count(CostEvent::RingRequest, host.machine.ring_requests() - before);
}

}  // namespace

bool TrapGuest::read(LinearAddr address, void* to, u32 bytes, bool user) {
  return for_each_page(address, bytes, [&](LinearAddr at, u32 done, u32 piece) {
    GuestPhys physical;
    if (!find(at, Access::Read, user, physical)) return false;
    u8* const into = static_cast<u8*>(to) + done;
    const u8* const ram = host.machine.is_mmio(physical) ? nullptr : host.machine.ram().at(physical, piece);
    if (ram) {
      std::memcpy(into, ram, piece);
    } else {
      for_each_bus_access(piece, [&](u32 offset, u32 size) {
        const u32 value = host.machine.mmio_read(physical + offset, size);
        host.ledger.count(CostEvent::DeviceAccess);
        std::memcpy(into + offset, &value, size);
      });
    }
    return true;
  });
}

bool TrapGuest::check_writable(LinearAddr address, u32 bytes, bool user) {
  return for_each_page(address, bytes, [&](LinearAddr at, u32, u32) {
    GuestPhys physical;
    return find(at, Access::Write, user, physical);
  });
}

bool TrapGuest::write(LinearAddr address, const void* from, u32 bytes, bool user) {
  if (address.offset() + bytes > kPageSize && !check_writable(address, bytes, user)) return false;
  return for_each_page(address, bytes, [&](LinearAddr at, u32 done, u32 piece) {
    GuestPhys physical;
    if (!find(at, Access::Write, user, physical)) return false;
    const u8* const source = static_cast<const u8*>(from) + done;
    u8* const ram = host.machine.is_mmio(physical) ? nullptr : host.machine.ram().at(physical, piece);
    if (ram) {
      std::memcpy(ram, source, piece);
      memory_written(physical, piece);
    } else {
      for_each_bus_access(piece, [&](u32 offset, u32 size) {
        u32 value = 0;
        std::memcpy(&value, source + offset, size);
        device_store(host, physical + offset, value, size);
      });
    }
    return true;
  });
}

bool TrapGuest::linear(Seg s, u32 offset, u32 bytes, Access access, LinearAddr& result) {
  const SegmentRegister segment = this->segment(s);
  auto violation = [&] { return raise(s == SS ? vector::SS : vector::GP, 0); };
  result = LinearAddr(segment.base + offset);
  const bool real_mode = !protected_mode() || virtual_8086();
  if (!real_mode) {
    if (!segment.usable()) return violation();
    const bool right = segment.access & access_rights::kWritableOrReadable;
    if (access == Access::Write && (segment.code() || !right)) return violation();
    if (access == Access::Read && segment.code() && !right) return violation();
  }
  const u32 last = offset + (bytes - 1);
  if (last < offset) return violation();
  if (!segment.code() && segment.access & access_rights::kExpandDownOrConforming) {
    if (offset <= segment.limit || last > (segment.big() ? ~u32{0} : 0xFFFFu)) return violation();
  } else if (last > segment.limit) {
    return violation();
  }
  return true;
}

// ---- the stack

bool TrapGuest::push(std::initializer_list<u32> values, bool operand32) {
  const u32 size = operand32 ? 4 : 2, bytes = size * static_cast<u32>(values.size());
  const u32 mask = stack32() ? ~u32{0} : 0xFFFF;
  u32& esp = real().gpr[ESP];
  const u32 top = (esp - bytes) & mask;
  LinearAddr where;
  if (!linear(SS, top, bytes, Access::Write, where)) return false;
  u8 frame[64];
  u32 offset = bytes;
  for (u32 value : values) std::memcpy(frame + (offset -= size), &value, size);
  if (!write(where, frame, bytes, cpl() == 3)) return false;
  esp = (esp & ~mask) | top;
  return true;
}

bool TrapGuest::peek_stack(std::span<u32> values, bool operand32) {
  const u32 size = operand32 ? 4 : 2, bytes = size * static_cast<u32>(values.size());
  const u32 mask = stack32() ? ~u32{0} : 0xFFFF;
  LinearAddr where;
  u8 frame[64];
  if (!linear(SS, real().gpr[ESP] & mask, bytes, Access::Read, where) ||
      !read(where, frame, bytes, cpl() == 3))
    return false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = 0;
    std::memcpy(&values[i], frame + i * size, size);
  }
  return true;
}

void TrapGuest::release_stack(u32 bytes) {
  const u32 mask = stack32() ? ~u32{0} : 0xFFFF;
  u32& esp = real().gpr[ESP];
  esp = (esp & ~mask) | ((esp + bytes) & mask);
}

// ---- the instruction emulator's view

namespace {

class Operands final : public PagedOperands {
 public:
  explicit Operands(TrapGuest& guest)
      : PagedOperands(guest.host, guest.virt, guest.cpl() == 3), guest_(guest) {}

 private:
  u32 device_read(GuestPhys address, unsigned size) override {
    host.ledger.count(CostEvent::DeviceAccess);
    return host.machine.mmio_read(address, size);
  }
  void device_write(GuestPhys address, u32 value, unsigned size) override {
    device_store(host, address, value, size);
  }
  void ram_written(GuestPhys address, unsigned bytes) override { guest_.memory_written(address, bytes); }

  TrapGuest& guest_;
};

}  // namespace

Emulation TrapGuest::emulate_memory_instruction() {
  CpuState s = state();
  Operands operands(*this);
  Emulation e = emulate(s, operands, host.cpu.config().model);
  if (e.kind == Emulation::Kind::Done || e.kind == Emulation::Kind::Again) set_registers(s);
  if (e.kind == Emulation::Kind::Fault) fault = e.fault;
  return e;
}

}  // namespace ringside
