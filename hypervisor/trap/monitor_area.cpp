#include "hypervisor/trap/monitor_area.h"

#include <cstring>

#include "cpu/host_error.h"
#include "cpu/paging.h"

namespace ringside {
namespace {

constexpr u32 kBase = RS_MONITOR_BASE;
constexpr u32 kGdt = kBase, kLdt = kGdt + 0x10000, kIdt = kLdt + 0x10000, kTss = kIdt + kPageSize,
              kEntryPoints = kTss + kPageSize, kStack = kEntryPoints + kPageSize;
constexpr u32 kTssBytes = 104;

constexpr Descriptor segment(u32 base, u32 limit, u32 access) {
  return {(limit & 0xFFFF) | base << 16,
          (base & 0xFF000000u) | (base >> 16 & 0xFF) | access | (limit & 0xF0000)};
}
constexpr u32 kFlat32 = 0xC00000;  // G and D/B
constexpr u32 kCodeAccess = 0x9B00, kDataAccess = 0x9300, kTssBusyAccess = 0x8B00, kLdtAccess = 0x8200;

/// Vectors that an instruction of the guest's may name: INT3, INTO and INT n. The others fault, as the
/// hardware's own exceptions and the monitor's own interrupt must not be forged.
constexpr bool software(u32 vector) {
  return vector == vector::BP || vector == vector::OF || (vector >= 32 && vector != kHostInterruptVector);
}

}  // namespace

MonitorArea::MonitorArea(Host& host) : host_(host) {
  const auto frame = host.frames.allocate();
  if (!frame)
    throw HostError("the monitor has no memory of its own; give it some (HostConfig::monitor_bytes)");
  page_table_ = *frame;
  directory_entry_ = static_cast<u32>(page_table_.value) | pte::P | pte::W | pte::A;

  for (u32 page = 0; page < kTablePages; ++page) gdt_[page] = map_new_page(kGdt + page * kPageSize);
  for (u32 page = 0; page < kTablePages; ++page) ldt_[page] = map_new_page(kLdt + page * kPageSize);
  const MachinePhys idt = map_new_page(kIdt), tss = map_new_page(kTss);
  map_new_page(kEntryPoints);
  map_new_page(kStack);

  set_gdt(kCodeSelector >> 3, segment(0, 0xFFFFF, kCodeAccess | kFlat32));
  set_gdt(kStackSelector >> 3, segment(0, 0xFFFFF, kDataAccess | kFlat32));
  set_gdt(kTssSelector >> 3, segment(kTss, kTssBytes - 1, kTssBusyAccess));
  set_gdt(kLdtSelector >> 3, segment(kLdt, kTableEntries * 8 - 1, kLdtAccess));

  u8* gates = host.memory.at(idt, kPageSize);
  for (u32 vector = 0; vector < 256; ++vector) {
    const u32 offset = kEntryPoints + vector * 16;
    const u32 gate[2] = {u32{kCodeSelector} << 16 | (offset & 0xFFFF),
                         (offset & 0xFFFF0000u) | (software(vector) ? 0xEE00u : 0x8E00u)};
    std::memcpy(gates + vector * 8, gate, sizeof gate);
  }

  u8* task = host.memory.at(tss, kPageSize);
  const u32 esp0 = kStack + kPageSize, ss0 = kStackSelector;
  std::memcpy(task + 4, &esp0, 4);
  std::memcpy(task + 8, &ss0, 4);
  const u16 io_map = kTssBytes;  // beyond the limit: no port is permitted
  std::memcpy(task + 102, &io_map, 2);
}

MachinePhys MonitorArea::map_new_page(u32 linear) {
  const auto frame = host_.frames.allocate();
  if (!frame)
    throw HostError("the monitor's memory is too small for its own tables; give it at least 256 KiB");
  const u32 entry = static_cast<u32>(frame->value) | pte::P | pte::W | pte::A | pte::D;
  std::memcpy(host_.memory.at(page_table_ + (linear >> 12 & 1023) * 4, 4), &entry, 4);
  return *frame;
}

void MonitorArea::load(CpuState& real) const {
  real.gdtr = {kGdt, kTableEntries * 8 - 1};
  real.idtr = {kIdt, 256 * 8 - 1};
  real.tr = {kTssSelector, kTssBusyAccess >> 8, kTss, kTssBytes - 1};
}

SegmentRegister MonitorArea::ldtr(bool present) const {
  if (!present) return {};
  return {kLdtSelector, kLdtAccess >> 8, kLdt, kTableEntries * 8 - 1};
}

void MonitorArea::write(const TablePages& table, u32 index, const Descriptor& d) {
  const u32 offset = index * 8;
  u8* entry = host_.memory.at(table[offset / kPageSize] + offset % kPageSize, 8);
  std::memcpy(entry, &d.low, 4);
  std::memcpy(entry + 4, &d.high, 4);
}

Descriptor MonitorArea::read(const TablePages& table, u32 index) const {
  const u32 offset = index * 8;
  const u8* entry = host_.memory.at(table[offset / kPageSize] + offset % kPageSize, 8);
  Descriptor d;
  std::memcpy(&d.low, entry, 4);
  std::memcpy(&d.high, entry + 4, 4);
  return d;
}

}  // namespace ringside
