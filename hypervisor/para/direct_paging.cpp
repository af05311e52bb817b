#include "hypervisor/para/direct_paging.h"

#include <cassert>
#include <utility>

#include "cpu/paging.h"
#include "hypervisor/abi/paravirtual.h"

namespace ringside::para {
namespace {

u32 frame_of(u32 entry) { return entry >> 12; }

bool is_directory(FrameType type) { return type == FrameType::L2; }

}  // namespace

DirectPaging::DirectPaging(GuestMemory ram, TranslationCache& cache, u32 monitor_entry)
    : ram_(ram),
      cache_(cache),
      monitor_entry_(monitor_entry),
      first_(static_cast<u32>(ram.base().frame())),
      frames_(ram.size() >> 12) {}

u32 DirectPaging::entry(u32 frame, u32 index) const {
  u32 value;
  std::memcpy(&value, frame_data(frame) + index * 4, 4);
  return value;
}

void DirectPaging::set_entry(u32 frame, u32 index, u32 value) {
  std::memcpy(frame_data(frame) + index * 4, &value, 4);
  cache_.written(MachinePhys((u64{frame} << 12) + index * 4), 4);
}

u64 DirectPaging::take_work() { return std::exchange(work_, 0); }

void DirectPaging::flush() {
  cache_.flush();
  ++flushes_;
}

// ---- references

Status DirectPaging::acquire(u32 frame, FrameType type) {
  if (!owns(frame)) return -RS_EPERM;
  FrameInfo& f = frame_info(frame);
  if (f.references > 0 && f.type != type) return -RS_EBUSY;
  if (++f.references > 1) return 0;
  f.type = type;
  if (type != FrameType::Writable) {
    if (Status refused = validate(frame)) {
      f.type = FrameType::None;
      f.references = 0;
      return refused;
    }
  }
  if (f.former != type && f.former_until == flushes_) flush();
  return 0;
}

void DirectPaging::release(u32 frame) {
  FrameInfo& f = frame_info(frame);
  assert(f.references > 0);
  if (--f.references > 0) return;
  if (f.type != FrameType::Writable) release_entries(frame, kEntries);
  f.former = f.type;
  f.former_until = flushes_;
  f.type = FrameType::None;
}

// The frame has its new type and a reference already, so that an entry that maps the table itself is judged
// like any other.
Status DirectPaging::validate(u32 frame) {
  const FrameType type = frame_info(frame).type;
  effort_ += kEntries;
  for (u32 index = 0; index < kEntries; ++index) {
    const u32 e = entry(frame, index);
    work_ += e & pte::P;
    if (Status refused = acquire_target(type, index, e)) {
      release_entries(frame, index);
      return refused;
    }
  }
  if (is_directory(type)) set_entry(frame, kMonitorSlot, monitor_entry_);
  return 0;
}

void DirectPaging::release_entries(u32 frame, u32 count) {
  effort_ += count;
  for (u32 index = 0; index < count; ++index) {
    const u32 e = entry(frame, index);
    work_ += e & pte::P;
    release_target(frame_info(frame).type, index, e);
  }
}

// ---- entries

Status DirectPaging::acquire_target(FrameType table, u32 index, u32 entry) {
  const bool directory = is_directory(table);
  if ((directory && index == kMonitorSlot) || !(entry & pte::P)) return 0;
  if (entry & (pte::PS | pte::G)) return -RS_EINVAL;
  if (directory) return acquire(frame_of(entry), FrameType::L1);
  if (entry & pte::W) return acquire(frame_of(entry), FrameType::Writable);
  return owns(frame_of(entry)) ? 0 : -RS_EPERM;
}

void DirectPaging::release_target(FrameType table, u32 index, u32 entry) {
  const bool directory = is_directory(table);
  if ((directory && index == kMonitorSlot) || !(entry & pte::P)) return;
  if (directory || (entry & pte::W)) release(frame_of(entry));
}

Status DirectPaging::replace(u32 frame, u32 index, u32 value) {
  const FrameType type = frame_info(frame).type;
  if (type != FrameType::L1 && type != FrameType::L2) return -RS_EINVAL;
  if (is_directory(type) && index == kMonitorSlot) return -RS_EPERM;
  // First the new reference, then the old one's release: an entry that is replaced by an equal one keeps its
  // target.
  if (Status refused = acquire_target(type, index, value)) return refused;
  const u32 old = entry(frame, index);
  set_entry(frame, index, value);
  release_target(type, index, old);
  ++work_;
  ++effort_;
  return 0;
}

// ---- requests

Status DirectPaging::pin(u32 frame, FrameType type) {
  assert(type == FrameType::L1 || type == FrameType::L2);
  if (!owns(frame)) return -RS_EPERM;
  if (frame_info(frame).pinned) return -RS_EINVAL;
  ++work_;
  if (Status refused = acquire(frame, type)) return refused;
  frame_info(frame).pinned = true;
  return 0;
}

Status DirectPaging::unpin(u32 frame) {
  if (!owns(frame)) return -RS_EPERM;
  if (!frame_info(frame).pinned) return -RS_EINVAL;
  if (frame == base_) return -RS_EBUSY;
  ++work_;
  frame_info(frame).pinned = false;
  release(frame);
  return 0;
}

Status DirectPaging::new_base(u32 frame) {
  if (!owns(frame)) return -RS_EPERM;
  FrameInfo& f = frame_info(frame);
  if (f.type != FrameType::L2) return -RS_EINVAL;
  ++f.references;
  if (base_ != kNoFrame) release(base_);
  base_ = frame;
  ++work_;
  flush();
  return 0;
}

Status DirectPaging::update(u32 entry_address, u32 value) {
  if (entry_address & 3) return -RS_EINVAL;
  if (!owns(entry_address >> 12)) return -RS_EPERM;
  return replace(entry_address >> 12, (entry_address & kPageMask) / 4, value);
}

Status DirectPaging::update_linear(LinearAddr linear, u32 value) {
  if (linear.value >= RS_MONITOR_BASE) return -RS_EPERM;
  const u32 directory_entry = entry(base_, linear.value >> 22);
  if (!(directory_entry & pte::P)) return -RS_EINVAL;
  return replace(frame_of(directory_entry), (linear.value >> 12) & (kEntries - 1), value);
}

void DirectPaging::hold_writable(u32 frame) {
  [[maybe_unused]] const Status refused = acquire(frame, FrameType::Writable);
  assert(!refused);
}

bool DirectPaging::prepare_write(u32 frame) {
  if (acquire(frame, FrameType::Writable)) return false;
  release(frame);
  return true;
}

}  // namespace ringside::para
