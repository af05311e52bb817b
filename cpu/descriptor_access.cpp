#include "cpu/descriptor_access.h"

namespace ringside {

bool find_descriptor(Core& core, u16 selector, Slot& slot, bool& inside) {
  const u32 offset = selector & ~7u;
  u32 base = core.s.gdtr.base, limit = core.s.gdtr.limit;
  inside = true;
  if (selector & 4) {
    inside = core.s.ldtr.usable();
    base = core.s.ldtr.base;
    limit = core.s.ldtr.limit;
  }
  inside = inside && offset + 7 <= limit;
  if (!inside) return true;
  slot.at = LinearAddr(base + offset);
  u64 raw;
  if (!read_linear(core, slot.at, raw, false)) return false;
  slot.d = {static_cast<u32>(raw), static_cast<u32>(raw >> 32)};
  return true;
}

bool fetch_descriptor(Core& core, u16 selector, u8 vector, u32 ext, Slot& slot) {
  bool inside;
  if (!find_descriptor(core, selector, slot, inside)) return false;
  return inside || core.raise(vector, selector_error(selector, ext));
}

bool mark_accessed(Core& core, Slot& slot) {
  if (slot.d.high & Descriptor::kAccessedBit) return true;
  slot.d.high |= Descriptor::kAccessedBit;
  return write_linear<u8>(core, slot.at + 5, static_cast<u8>(slot.d.high >> 8), false);
}

bool set_busy(Core& core, Slot& slot, bool busy) {
  const u32 bit = system_type::kBusy << 8;
  slot.d.high = busy ? slot.d.high | bit : slot.d.high & ~bit;
  return write_linear<u8>(core, slot.at + 5, static_cast<u8>(slot.d.high >> 8), false);
}

SegmentRegister segment_register(u16 selector, const Descriptor& d) {
  return {selector, d.access(), d.base(), d.limit()};
}

void load_real_mode_segment(Core& core, Seg seg, u16 selector) {
  SegmentRegister& r = core.s.seg[seg];
  const bool fresh = core.s.virtual_8086() || !r.usable();
  r.selector = selector;
  r.base = u32{selector} << 4;
  // Real mode leaves limit and size as they are ("unreal mode" rests on that); virtual-8086 mode sets them.
  if (fresh) r.limit = 0xFFFF;
  const u32 kept = fresh ? 0 : r.access & (access_rights::kBig | access_rights::kGranularity);
  r.access = kept | (core.s.virtual_8086() ? 0xF3 : 0x93);
}

void load_null_segment(SegmentRegister& r, u16 selector) { r = {selector, access_rights::kUnusable, 0, 0}; }

bool fetch_stack_segment(Core& core, u16 selector, u32 cpl, u8 vector, u32 ext, Slot& slot) {
  const u32 error = selector_error(selector, ext);
  if (null_selector(selector)) return core.raise(vector, error);
  if (!fetch_descriptor(core, selector, vector, ext, slot)) return false;
  if ((selector & 3u) != cpl || slot.d.dpl() != cpl || !slot.writable_data())
    return core.raise(vector, error);
  if (!slot.d.present()) return core.raise(vector::SS, error);
  return true;
}

bool fetch_return_code(Core& core, u16 selector, Slot& slot) {
  const u32 error = selector_error(selector), rpl = selector & 3;
  if (null_selector(selector)) return core.raise(vector::GP, 0);
  if (!fetch_descriptor(core, selector, vector::GP, 0, slot)) return false;
  if (!slot.code() || rpl < core.s.cpl()) return core.raise(vector::GP, error);
  if (slot.conforming() ? slot.d.dpl() > rpl : slot.d.dpl() != rpl) return core.raise(vector::GP, error);
  if (!slot.d.present()) return core.raise(vector::NP, error);
  return true;
}

bool read_inner_stack(Core& core, u32 ring, u32 ext, u16& ss, u32& esp) {
  const SegmentRegister& tr = core.s.tr;
  const u32 error = selector_error(tr.selector, ext);
  const bool wide = tr.type() & system_type::k32;
  const u32 at = wide ? 4 + ring * 8 : 2 + ring * 4, last = at + (wide ? 5 : 3);
  if (!tr.usable() || last > tr.limit) return core.raise(vector::TS, error);
  const LinearAddr entry(tr.base + at);
  if (wide) return read_linear(core, entry, esp, false) && read_linear(core, entry + 4, ss, false);
  u16 sp;
  if (!read_linear(core, entry, sp, false) || !read_linear(core, entry + 2, ss, false)) return false;
  esp = sp;
  return true;
}

void drop_inner_segments(CpuState& s) {
  for (Seg seg : {ES, DS, FS, GS}) {
    SegmentRegister& r = s.seg[seg];
    const bool conforming = r.code() && (r.access & access_rights::kExpandDownOrConforming);
    if (r.usable() && !conforming && r.dpl() < s.cpl()) load_null_segment(r, 0);
  }
}

bool within_limit(const SegmentRegister& r, u32 offset, u32 bytes) {
  const u32 last = offset + (bytes - 1);
  const bool expand_down = (r.access & (access_rights::kCode | access_rights::kExpandDownOrConforming)) ==
                           access_rights::kExpandDownOrConforming;
  if (!expand_down) {
    if (r.limit == 0xFFFFFFFF)
      return true;  // wrapping round the top is left to the implementation (section 5.3)
    return last >= offset && last <= r.limit;
  }
  const u32 top = r.big() ? 0xFFFFFFFF : 0xFFFF;
  return offset > r.limit && last >= offset && last <= top;
}

}  // namespace ringside
