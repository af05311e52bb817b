#include "cpu/execute/debug.h"
#include "cpu/execute/operand.h"

namespace ringside {

u32 effective_offset(const Insn& i, const Core& c) {
  u32 offset = i.disp;
  if (i.base != Insn::kNone) offset += c.s.gpr[i.base & 7];
  if (i.index != Insn::kNone) offset += c.s.gpr[i.index & 7] << i.scale;
  return i.address16() ? offset & 0xFFFF : offset;
}

namespace {

[[gnu::noinline]] bool through_segment(Core& c, Seg seg, u32 offset, u32 bytes, Access access,
                                       LinearAddr& linear) {
  // What a kernel keeps at FS or GS: a writable segment of data that grows upwards, in any mode.
  using namespace access_rights;
  constexpr u32 kMask = kPresent | kS | kCode | kExpandDownOrConforming | kWritableOrReadable;
  const SegmentRegister& r = c.s.seg[seg];
  const u32 last = offset + (bytes - 1);
  if ((r.access & kMask) == (kPresent | kS | kWritableOrReadable) && last >= offset && last <= r.limit) {
    linear = LinearAddr(r.base + offset);
    return true;
  }
  return segment_address(c, seg, offset, bytes, access, linear);
}

[[gnu::always_inline]] inline bool linear_address(Core& c, Seg seg, u32 offset, u32 bytes, Access access,
                                                  LinearAddr& linear) {
  const bool flat = (c.x.context & mode::kFlat) && (seg == DS || seg == SS || seg == ES);
  if (flat && offset <= kFlatLimit - (bytes - 1)) {
    linear = LinearAddr(offset);
    return true;
  }
  return through_segment(c, seg, offset, bytes, access, linear);
}

Seg segment_of(const Insn& i) { return static_cast<Seg>(i.segment()); }

}  // namespace

template <class T>
bool load_general(Insn* i, Core* c) {
  c->x.current = i;
  LinearAddr linear;
  T value;
  if (!linear_address(*c, segment_of(*i), effective_offset(*i, *c), sizeof(T), Access::Read, linear))
    return false;
  if (!read_linear<T>(*c, linear, value, c->user())) return false;
  note_data_access(*c, linear, sizeof(T), false);
  c->x.value = value;
  return true;
}

template <class T>
bool update_general(Insn* i, Core* c) {
  c->x.current = i;
  LinearAddr linear;
  T value;
  if (!linear_address(*c, segment_of(*i), effective_offset(*i, *c), sizeof(T), Access::Write, linear))
    return false;
  if (const u8* p = host_to_write<T>(c, linear.value)) {
    value = load_host<T>(p);
  } else if (!check_writable(*c, linear, sizeof(T), c->user()) ||
             !read_linear<T>(*c, linear, value, c->user())) {
    return false;
  }
  c->x.value = value;
  c->x.update_address = linear;
  return true;
}

template <class T>
bool store_general(Insn* i, Core* c, T value) {
  c->x.current = i;
  return store_at<T>(*c, segment_of(*i), effective_offset(*i, *c), value);
}

template <class T>
bool store_updated(Core* c, T value) {
  if (!write_linear<T>(*c, c->x.update_address, value, c->user())) return false;
  note_data_access(*c, c->x.update_address, sizeof(T), true);
  return true;
}

template <class T>
bool load_at(Core& c, Seg seg, u32 offset, T& value) {
  LinearAddr linear;
  if (!linear_address(c, seg, offset, sizeof(T), Access::Read, linear)) return false;
  if (!read_linear<T>(c, linear, value, c.user())) return false;
  note_data_access(c, linear, sizeof(T), false);
  return true;
}

template <class T>
bool store_at(Core& c, Seg seg, u32 offset, T value) {
  LinearAddr linear;
  if (!linear_address(c, seg, offset, sizeof(T), Access::Write, linear)) return false;
  if (!write_linear<T>(c, linear, value, c.user())) return false;
  note_data_access(c, linear, sizeof(T), true);
  return true;
}

template <Access access>
Step after_miss(Insn* i, Core* c) {
  return refill_tlb<access>(*c, LinearAddr(effective_offset(*i, *c))) ? go(i, c) : c->x.twin(i, c);
}

template Step after_miss<Access::Read>(Insn*, Core*);
template Step after_miss<Access::Write>(Insn*, Core*);
template bool load_general<u8>(Insn*, Core*);
template bool load_general<u16>(Insn*, Core*);
template bool load_general<u32>(Insn*, Core*);
template bool update_general<u8>(Insn*, Core*);
template bool update_general<u16>(Insn*, Core*);
template bool update_general<u32>(Insn*, Core*);
template bool store_general<u8>(Insn*, Core*, u8);
template bool store_general<u16>(Insn*, Core*, u16);
template bool store_general<u32>(Insn*, Core*, u32);
template bool store_updated<u8>(Core*, u8);
template bool store_updated<u16>(Core*, u16);
template bool store_updated<u32>(Core*, u32);
template bool load_at<u8>(Core&, Seg, u32, u8&);
template bool load_at<u16>(Core&, Seg, u32, u16&);
template bool load_at<u32>(Core&, Seg, u32, u32&);
template bool store_at<u8>(Core&, Seg, u32, u8);
template bool store_at<u16>(Core&, Seg, u32, u16);
template bool store_at<u32>(Core&, Seg, u32, u32);

}  // namespace ringside
