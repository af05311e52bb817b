// Memory access by linear address, the slow path: whatever the tags of the TLB do not settle.
//
// Modelled: TLB fill by the one- or two-dimensional page walk, accesses that cross a page (all of it is
// checked before any of it is written), the A20 gate, devices, ROM (stores vanish), #AC.
// Simplified: an access to a device that crosses a page or is wider than 4 bytes reaches the bus in pieces.
// Manual: Intel SDM vol. 3 ch. 4 (paging), 29.3 (EPT), 6.15 (#PF, #AC).
#include <algorithm>
#include <cstring>

#include "cpu/block_cache.h"
#include "cpu/ept.h"

namespace ringside {
namespace {

u32 read_physical(Core& core, MachinePhys address) {
  u32 value;
  if (const u8* p = core.memory.at(address, sizeof value)) {
    std::memcpy(&value, p, sizeof value);
    return value;
  }
  return core.bus.mmio_read(address, 4);
}

void write_physical(Core& core, MachinePhys address, u32 value) {
  u8* p = core.memory.at(address, sizeof value);
  if (!p || core.memory.kind(address) != PageKind::Ram)
    return;  // page tables in a device or in ROM keep no A and D bits
  std::memcpy(p, &value, sizeof value);
  if (holds_code(core, address.page())) code_written(core, address, sizeof value);
}

/// The guest's physical memory as the page walk sees it: machine memory itself, or through the nested tables.
class WalkMemory {
 public:
  /// `model`: whose page-walk cache is asked; nullptr for none.
  WalkMemory(Core& core, LinearAddr linear, TlbModel* model)
      : core_(core), linear_(linear), model_(model), nested_(core.vmcs && core.vmcs->enable_ept) {}

  bool nested() const { return nested_; }
  bool failed() const { return failed_; }
  u64 nested_references() const { return references_; }
  u64 walk_cache_hits() const { return hits_; }

  /// Translates in the nested dimension; on failure records the exit, and the walk is to be abandoned.
  bool translate(GuestPhys guest, Access access, bool during_walk, EptWalk& walk) {
    walk = walk_ept(core_.memory, core_.vmcs->ept_root, core_.vmcs->ept_levels, guest);
    if (walk.permits(access)) return true;
    failed_ = true;
    if (walk.misconfigured) return core_.exit(exits::EptMisconfiguration{guest});
    return core_.exit(exits::EptViolation{guest, linear_,
                                          access == Access::Read || (during_walk && access == Access::Write),
                                          access == Access::Write, access == Access::Fetch, walk.readable,
                                          walk.writable, walk.executable, during_walk});
  }

  u32 read(u64 address) {
    if (!nested_) return read_physical(core_, MachinePhys(address & core_.address_mask));
    EptWalk walk;
    if (failed_ || !translate(GuestPhys(address), Access::Read, true, walk))
      return 0;                                     // "not present": ends the walk
    if ((address & 4) == 0 || !pae()) count(walk);  // the second half of a PAE entry is the same reference
    return read_physical(core_, walk.physical);
  }

  void write(u64 address, u32 value) {
    if (!nested_) return write_physical(core_, MachinePhys(address & core_.address_mask), value);
    EptWalk walk;
    if (!failed_ && translate(GuestPhys(address), Access::Write, true, walk))
      write_physical(core_, walk.physical, value);
  }

  /// The references of one nested walk; only the last level's lie beyond the page-walk cache.
  void count(const EptWalk& walk) {
    references_ += walk.count;
    look_up(walk, true);
  }
  void count_guest(const PageWalk& walk) { look_up(walk, false); }

 private:
  bool pae() const { return core_.s.cr4 & cr4::PAE; }
  template <class Walk>
  void look_up(const Walk& walk, bool nested_dimension) {
    for (u8 i = 0; model_ && i + 1 < walk.count; i++)
      hits_ += model_->walk_hits(walk.steps[i].entry_address, nested_dimension);
  }

  Core& core_;
  LinearAddr linear_;
  TlbModel* model_;
  bool nested_, failed_ = false;
  u64 references_ = 0, hits_ = 0;
};

/// Whether an entry, as it stands, permits the access.
inline bool permits(const TlbEntry& entry, LinearAddr address, Access access) {
  if (entry.page_tag != address.page().value) return false;
  if (access == Access::Read) return true;
  return entry.flags & (access == Access::Write ? kTlbWritable : kTlbExecutable);
}

/// The entry that permits the access, filled if need be; nullptr after a fault.
[[gnu::always_inline]] inline TlbEntry* find_entry(Core& core, LinearAddr address, Access access, bool user) {
  TlbEntry& entry = core.tlb.entry(address, user);
  const bool held = !core.tlb_model || core.tlb_model->holds(address, access);
  if (held && permits(entry, address, access)) return &entry;
  return fill_tlb(core, address, access, user) ? &entry : nullptr;
}

void read_piece(Core& core, const TlbEntry& entry, LinearAddr address, u8* into, u32 bytes) {
  const MachinePhys physical(entry.physical + address.offset());
  if (!(entry.flags & kTlbMmio)) {
    std::memcpy(into, core.memory.data() + physical.value, bytes);
    return;
  }
  for (u32 done = 0; done < bytes;) {
    const u32 size = bytes - done >= 4 ? 4 : bytes - done >= 2 ? 2 : 1;
    const u32 value = core.bus.mmio_read(physical + done, size);
    core.counters.mmio_accesses++;
    std::memcpy(into + done, &value, size);
    done += size;
  }
}

void write_piece(Core& core, const TlbEntry& entry, LinearAddr address, const u8* from, u32 bytes) {
  const MachinePhys physical(entry.physical + address.offset());
  if (entry.flags & kTlbRom) return;
  if (!(entry.flags & kTlbMmio)) {
    std::memcpy(core.memory.data() + physical.value, from, bytes);
    if (holds_code(core, physical.page())) code_written(core, physical, bytes);
    return;
  }
  for (u32 done = 0; done < bytes;) {
    const u32 size = bytes - done >= 4 ? 4 : bytes - done >= 2 ? 2 : 1;
    u32 value = 0;
    std::memcpy(&value, from + done, size);
    core.counters.mmio_accesses++;
    core.bus.mmio_write(physical + done, value, size);
    done += size;
  }
}

/// Enters a translation. `flags`: all but kTlbCode.
[[gnu::always_inline]] inline void install(Core& core, TlbEntry& entry, LinearAddr address, bool user,
                                           MachinePhys page, PageKind kind, u32 flags) {
  const bool code = kind == PageKind::Ram && core.blocks->ram_holds_code(page);
  if (entry.page_tag == TlbEntry::kNone)
    core.tlb.filled[core.tlb.filled_count++] = static_cast<u16>(Tlb::index(address) + user * Tlb::kEntries);
  entry.page_tag = address.page().value;
  entry.physical = page.value;
  entry.flags = flags | code * kTlbCode;
  entry.host_minus_linear =
      kind == PageKind::Mmio ? 0 : reinterpret_cast<u64>(core.memory.data()) + page.value - entry.page_tag;
  set_tags(entry, !(user && alignment_checked(core)));
}

enum class Quick : u8 { Declined, Filled, Faulted };

/// The usual walk, 4 KiB pages by 32-bit tables in plain RAM, done at once, page faults included if it
/// `may_fault`. It declines, with nothing changed or counted, whenever anything else comes up: walk_pages()
/// then says what. Inlined, because what the callers know makes it half as long.
template <bool may_fault>
[[gnu::always_inline]] inline Quick fill_from_two_levels(Core& core, TlbEntry& into, LinearAddr address,
                                                         Access access, bool user) {
  const CpuState& s = core.s;
  const u64 unusual = (~s.cr0 & cr0::PG) | (s.cr4 & cr4::PAE) | ~core.address_mask |
                      reinterpret_cast<u64>(core.tlb_model.get());
  if (unusual || (core.vmcs && core.vmcs->enable_ept)) return Quick::Declined;
  u8* const ram = core.memory.data();
  const MachinePhys upper_at((s.cr3 & pte::kFrame) + (address.value >> 22) * 4);
  if (!core.memory.plain(upper_at)) return Quick::Declined;
  u32 upper, entry;
  std::memcpy(&upper, ram + upper_at.value, sizeof upper);
  constexpr u32 kUsed = pte::P | pte::A;
  if ((upper & kUsed) != kUsed || ((upper & pte::PS) && (s.cr4 & cr4::PSE))) return Quick::Declined;
  const MachinePhys at((upper & pte::kFrame) + ((address.value >> 12) & 1023) * 4);
  if (!core.memory.plain(at)) return Quick::Declined;
  std::memcpy(&entry, ram + at.value, sizeof entry);
  const MachinePhys page(entry & pte::kFrame);
  const bool write = access == Access::Write, binding = user || (s.cr0 & cr0::WP);
  const u32 rights = upper & entry, stores = binding ? rights : rights | pte::W;  // what W comes to
  const u32 asked = pte::P | (user ? pte::U : 0) | (write ? pte::W : 0);
  const auto count = [&] {
    core.counters.tlb_misses++;
    core.counters.walk_references += 2;
  };
  if (asked & ~stores) {
    if (!may_fault) return Quick::Declined;
    count();
    core.raise_page_fault(write * page_fault::W | user * page_fault::U | (entry & pte::P ? page_fault::P : 0),
                          address);
    return Quick::Faulted;
  }
  if (!core.memory.plain(page)) return Quick::Declined;
  const u32 wanted = entry | pte::A | (write ? pte::D : 0);
  if (wanted != entry) {
    if (core.blocks->ram_holds_code(at.page())) return Quick::Declined;
    std::memcpy(ram + at.value, &wanted, sizeof wanted);
  }
  count();
  const u32 writable = wanted & pte::D ? stores & pte::W : 0, global = s.cr4 & cr4::PGE ? entry & pte::G : 0;
  static_assert(kTlbWritable == pte::W && kTlbUser == pte::U && kTlbGlobal == pte::G);
  install(core, into, address, user, page, PageKind::Ram,
          writable | (rights & pte::U) | global | kTlbExecutable);
  return Quick::Filled;
}

bool misaligned(Core& core, LinearAddr address, u32 bytes, bool user) {
  return user && (address.value & (bytes - 1)) && alignment_checked(core);
}

/// Apart from the quick way, which would pay for its frame.
[[gnu::noinline]] bool fill_by_any_walk(Core& core, LinearAddr address, Access access, bool user) {
  // A modelled TLB that holds the page knows the result: only the simulator's own TLB has to be filled.
  TlbModel* const model = core.tlb_model.get();
  const bool counted = !model || !model->holds(address, access);
  core.counters.tlb_misses += counted;
  WalkMemory memory(core, address, counted ? model : nullptr);
  const PageWalk walk = walk_pages(
      PagingMode{core.s.cr3, core.s.cr0, core.s.cr4, user}, address, access, true,
      [&](u64 at) { return memory.read(at); }, [&](u64 at, u32 value) { memory.write(at, value); });
  memory.count_guest(walk);
  // What has been counted when the walk ends, one way or another.
  const auto count = [&] {
    if (!counted) return;
    core.counters.walk_references += walk.count + memory.nested_references();
    core.counters.nested_references += memory.nested_references();
    core.counters.walk_cache_hits += memory.walk_cache_hits();
  };
  if (memory.failed()) return count(), false;
  if (!walk.ok) return count(), core.raise_page_fault(walk.error_code, address);

  MachinePhys physical(walk.physical & core.address_mask);
  bool writable = (walk.writable || (!user && !(core.s.cr0 & cr0::WP))) && walk.dirty, executable = true;
  u32 page_bytes = walk.page_bytes;
  if (memory.nested()) {
    EptWalk nested;
    if (!memory.translate(GuestPhys(walk.physical), access, false, nested)) return count(), false;
    memory.count(nested);
    page_bytes = std::min(page_bytes, nested.page_bytes);
    physical = nested.physical;
    writable &= nested.writable;
    executable = nested.executable;
  }
  count();
  if (counted && model) {
    const bool dirty = walk.dirty && access != Access::Fetch;
    if (const auto victim = model->insert(address, access, page_bytes, dirty, walk.global))
      evict_translation(core, *victim, access == Access::Fetch);
  }
  writable &= !model || model->holds(address, Access::Write);

  const PageKind kind = core.memory.kind(physical);
  const bool large = walk.page_bytes > kPageSize;
  core.tlb.large_pages |= large;
  const bool data = !model || model->holds(address, Access::Read);
  install(core, core.tlb.entry(address, user), address, user, physical.page(), kind,
          writable * kTlbWritable | walk.user * kTlbUser | walk.global * kTlbGlobal |
              (kind == PageKind::Mmio) * kTlbMmio | (kind == PageKind::Rom) * kTlbRom |
              executable * kTlbExecutable | large * kTlbLarge | !data * kTlbFetchOnly);
  return true;
}

}  // namespace

bool fill_tlb(Core& core, LinearAddr address, Access access, bool user) {
  const Quick quick = fill_from_two_levels<true>(core, core.tlb.entry(address, user), address, access, user);
  return quick == Quick::Declined ? fill_by_any_walk(core, address, access, user) : quick == Quick::Filled;
}

template <Access access>
bool refill_tlb(Core& core, LinearAddr address) {
  TlbEntry& entry = core.x.tlb[Tlb::index(address)];
  if (entry.page_tag == address.page().value) return false;
  const bool user = core.x.context & mode::kUser;
  const Quick quick = user ? fill_from_two_levels<false>(core, entry, address, access, true)
                           : fill_from_two_levels<false>(core, entry, address, access, false);
  return quick == Quick::Filled &&
         (access == Access::Read ? entry.read_tag : entry.write_tag) == entry.page_tag;
}
template bool refill_tlb<Access::Read>(Core&, LinearAddr);
template bool refill_tlb<Access::Write>(Core&, LinearAddr);

bool translate_code(Core& core, LinearAddr address, MachinePhys& physical) {
  const TlbEntry* entry = find_entry(core, address, Access::Fetch, core.user());
  if (!entry) return false;
  physical = MachinePhys(entry->physical + address.offset());
  return true;
}

std::optional<MachinePhys> peek_translation(Core& core, LinearAddr address, bool user) {
  const bool nested = core.vmcs && core.vmcs->enable_ept;
  auto to_machine = [&](u64 guest) -> std::optional<MachinePhys> {
    if (!nested) return MachinePhys(guest & core.address_mask);
    const EptWalk walk = walk_ept(core.memory, core.vmcs->ept_root, core.vmcs->ept_levels, GuestPhys(guest));
    if (!walk.mapped) return std::nullopt;
    return walk.physical;
  };
  auto read = [&](u64 at) -> u32 {
    u32 value = 0;
    const auto machine = to_machine(at);
    const u8* p = machine ? core.memory.at(*machine, sizeof value) : nullptr;
    if (p) std::memcpy(&value, p, sizeof value);
    return value;
  };
  const PageWalk walk = walk_pages(PagingMode{core.s.cr3, core.s.cr0, core.s.cr4, user}, address,
                                   Access::Read, false, read, [](u64, u32) {});
  if (!walk.ok) return std::nullopt;
  return to_machine(walk.physical);
}

namespace {

/// An access that crosses into another page: found whole before any of it is done.
template <class Piece>
bool in_two_pieces(Core& core, LinearAddr address, u32 size, Access access, bool user, const Piece& piece) {
  const u32 bytes = kPageSize - address.offset();
  const TlbEntry* found = find_entry(core, address, access, user);
  if (!found) return false;
  const TlbEntry first = *found;  // a modelled TLB may lose the first page to the second
  const TlbEntry* second = find_entry(core, address + bytes, access, user);
  if (!second) return false;
  piece(first, address, 0, bytes);
  piece(*second, address + bytes, bytes, size - bytes);
  return true;
}

template <class T>
[[gnu::noinline]] bool read_across(Core& core, LinearAddr address, T& value, bool user) {
  u8 bytes[sizeof(T)];
  const auto piece = [&](const TlbEntry& entry, LinearAddr at, u32 begin, u32 count) {
    read_piece(core, entry, at, bytes + begin, count);
  };
  if (!in_two_pieces(core, address, sizeof(T), Access::Read, user, piece)) return false;
  std::memcpy(&value, bytes, sizeof(T));
  return true;
}

template <class T>
[[gnu::noinline]] bool write_across(Core& core, LinearAddr address, T value, bool user) {
  u8 bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  return in_two_pieces(core, address, sizeof(T), Access::Write, user,
                       [&](const TlbEntry& entry, LinearAddr at, u32 begin, u32 count) {
                         write_piece(core, entry, at, bytes + begin, count);
                       });
}

}  // namespace

template <class T>
bool read_linear_slow(Core& core, LinearAddr address, T& value, bool user) {
  if (misaligned(core, address, sizeof(T), user)) return core.raise(vector::AC, 0);
  if (address.offset() > kPageSize - sizeof(T)) return read_across(core, address, value, user);
  const TlbEntry* entry = find_entry(core, address, Access::Read, user);
  if (!entry) return false;
  if (entry->read_tag == entry->page_tag)
    std::memcpy(&value, reinterpret_cast<const u8*>(entry->host_minus_linear + address.value), sizeof(T));
  else
    read_piece(core, *entry, address, reinterpret_cast<u8*>(&value), sizeof(T));
  return true;
}

template <class T>
bool write_linear_slow(Core& core, LinearAddr address, T value, bool user) {
  if (misaligned(core, address, sizeof(T), user)) return core.raise(vector::AC, 0);
  if (address.offset() > kPageSize - sizeof(T)) return write_across(core, address, value, user);
  const TlbEntry* entry = find_entry(core, address, Access::Write, user);
  if (!entry) return false;
  if (entry->write_tag == entry->page_tag)
    std::memcpy(reinterpret_cast<u8*>(entry->host_minus_linear + address.value), &value, sizeof(T));
  else
    write_piece(core, *entry, address, reinterpret_cast<const u8*>(&value), sizeof(T));
  return true;
}

bool check_writable(Core& core, LinearAddr address, u32 bytes, bool user) {
  if (!find_entry(core, address, Access::Write, user)) return false;
  const LinearAddr last = address + (bytes - 1);
  return last.page() == address.page() || find_entry(core, last, Access::Write, user);
}

template bool read_linear_slow(Core&, LinearAddr, u8&, bool);
template bool read_linear_slow(Core&, LinearAddr, u16&, bool);
template bool read_linear_slow(Core&, LinearAddr, u32&, bool);
template bool read_linear_slow(Core&, LinearAddr, u64&, bool);
template bool write_linear_slow(Core&, LinearAddr, u8, bool);
template bool write_linear_slow(Core&, LinearAddr, u16, bool);
template bool write_linear_slow(Core&, LinearAddr, u32, bool);
template bool write_linear_slow(Core&, LinearAddr, u64, bool);

}  // namespace ringside
