#include "hypervisor/para/descriptors.h"

#include <cstring>

namespace ringside::para {
namespace {

// Offsets in a 32-bit TSS (SDM figure 7-2).
constexpr u32 kTssEsp1 = 12, kTssSs1 = 16, kTssIoBase = 102, kTssBytes = 104;

constexpr u32 kPresent = 0x8000, kS = 0x1000, kCode = 0x800, kConformingOrDown = 0x400,
              kGranularity = 0x800000;
constexpr u32 kFlatCode = 0x00C09A00, kFlatData = 0x00C09200, kTssBusy = 0x00008B00;
constexpr u32 kInterruptGate = 0x8E00, kTrapGate = 0x8F00;

Descriptor make(u32 type_word, u32 base, u32 raw_limit, u32 dpl) {
  return {.low = (raw_limit & 0xFFFF) | base << 16,
          .high = type_word | (raw_limit & 0xF0000) | dpl << 13 | (base >> 16 & 0xFF) | (base & 0xFF000000)};
}

/// A flat guest segment.
Descriptor flat(u32 type_word, u32 dpl) { return make(type_word, 0, (RS_SEGMENT_END >> 12) - 1, dpl); }

}  // namespace

Status validate_descriptor(Descriptor& d) {
  if (!d.present()) return 0;
  if (!(d.high & kS) || d.dpl() == 0 || (d.high & kConformingOrDown)) return -RS_EINVAL;
  if (d.base() >= RS_SEGMENT_END) return -RS_EINVAL;
  const u32 room = RS_SEGMENT_END - d.base();
  if (d.limit() >= room) {
    const bool pages = room > 1u << 20;  // more than a limit in bytes can say
    const u32 raw = pages ? (room >> 12) - 1 : room - 1;
    d.low = (d.low & 0xFFFF0000) | (raw & 0xFFFF);
    d.high = (d.high & ~(kGranularity | 0xF0000u)) | (raw & 0xF0000) | (pages ? kGranularity : 0);
  }
  d.high |= Descriptor::kAccessedBit;
  return 0;
}

SegmentRegister loaded(u16 selector, const Descriptor& d) {
  return {.selector = selector,
          .access = d.access() | access_rights::kAccessed,
          .base = d.base(),
          .limit = d.limit()};
}

DescriptorTables::DescriptorTables(const MonitorArea& area)
    : gdt_(area.gdt()), idt_(area.idt()), tss_(area.tss()) {
  set_entry(RS_KERNEL_CS / 8, flat(kFlatCode, 1));
  set_entry(RS_KERNEL_DS / 8, flat(kFlatData, 1));
  set_entry(RS_USER_CS / 8, flat(kFlatCode, 3));
  set_entry(RS_USER_DS / 8, flat(kFlatData, 3));
  set_entry(kMonitorCs / 8, make(kFlatCode, 0, 0xFFFFF, 0));
  set_entry(kMonitorDs / 8, make(kFlatData, 0, 0xFFFFF, 0));
  set_entry(kTssSelector / 8, make(kTssBusy, MonitorArea::kTss.value, kTssBytes - 1, 0));
  // An I/O map that starts behind the limit permits no port.
  const u16 io_base = kTssBytes;
  std::memcpy(tss_ + kTssIoBase, &io_base, 2);
  set_ring1_stack(RS_KERNEL_DS, 0);
  for (unsigned vector = 0; vector < 256; ++vector) set_monitor_gate(static_cast<u8>(vector), 0);
}

// ---- GDT

Descriptor DescriptorTables::entry(u32 index) const {
  Descriptor d;
  std::memcpy(&d.low, gdt_ + index * 8, 4);
  std::memcpy(&d.high, gdt_ + index * 8 + 4, 4);
  return d;
}

void DescriptorTables::set_entry(u32 index, Descriptor d) {
  if (d.s()) d.high |= Descriptor::kAccessedBit;
  std::memcpy(gdt_ + index * 8, &d.low, 4);
  std::memcpy(gdt_ + index * 8 + 4, &d.high, 4);
}

Status DescriptorTables::update(u32 index, u32 low, u32 high) {
  if (index == 0 || index >= kGuestEntries) return -RS_EINVAL;
  Descriptor d{low, high};
  if (Status refused = validate_descriptor(d)) return refused;
  set_entry(index, d);
  return 0;
}

std::optional<Descriptor> DescriptorTables::find(u16 selector) const {
  const u32 index = selector >> 3;
  if ((selector & 4) || index == 0 || index >= kGuestEntries) return std::nullopt;
  return entry(index);
}

// ---- IDT

void DescriptorTables::set_gate(u8 vector, u32 low, u32 high) {
  std::memcpy(idt_ + vector * 8, &low, 4);
  std::memcpy(idt_ + vector * 8 + 4, &high, 4);
}

void DescriptorTables::set_monitor_gate(u8 vector, u8 dpl) {
  set_gate(vector, u32{kMonitorCs} << 16, kInterruptGate | u32{dpl} << 13);
}

void DescriptorTables::set_guest_gate(u8 vector, u8 dpl, u16 cs, u32 eip) {
  // A trap gate: the real IF has to stay set.
  set_gate(vector, u32{cs} << 16 | (eip & 0xFFFF), (eip & 0xFFFF0000) | kTrapGate | u32{dpl} << 13);
}

// ---- TSS

void DescriptorTables::set_ring1_stack(u16 ss, u32 esp) {
  std::memcpy(tss_ + kTssEsp1, &esp, 4);
  std::memcpy(tss_ + kTssSs1, &ss, 2);
}

u16 DescriptorTables::ring1_ss() const {
  u16 ss;
  std::memcpy(&ss, tss_ + kTssSs1, 2);
  return ss;
}

u32 DescriptorTables::ring1_esp() const {
  u32 esp;
  std::memcpy(&esp, tss_ + kTssEsp1, 4);
  return esp;
}

void DescriptorTables::load(CpuState& s) const {
  s.gdtr = {MonitorArea::kGdt.value, kTssSelector + 7};
  s.idtr = {MonitorArea::kIdt.value, 256 * 8 - 1};
  s.ldtr = {};
  s.tr = {kTssSelector, entry(kTssSelector / 8).access(), MonitorArea::kTss.value, kTssBytes - 1};
  s.seg[CS] = loaded(RS_KERNEL_CS, *find(RS_KERNEL_CS));
  for (Seg seg : {SS, DS, ES}) s.seg[seg] = loaded(RS_KERNEL_DS, *find(RS_KERNEL_DS));
  s.seg[FS] = s.seg[GS] = {};
}

}  // namespace ringside::para
