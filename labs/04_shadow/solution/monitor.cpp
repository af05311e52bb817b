// Shadow page tables: one shadow for each guest table, filled on fault and kept true by tracing.
#include "ringside/shadow.h"

#include <algorithm>
#include <map>
#include <vector>

using namespace ringside::lab;

namespace {

constexpr u32 kRights = kWritable | kUser;
constexpr u32 kOurBits = kPresent | kAccessed | kDirty;  // the processor has nothing to mark in our entries
constexpr u32 kLargestUpdate = 64;                       // a longer write is no page-table update
constexpr u32 kFlood = 3;                                // nor are so many without a fault in between

/// The shadow of one guest table, or, without paging, of nothing.
struct Table {
  u32 frame = 0;             // where it lies in machine memory
  u32 writes = 0;            // traced since it was last used
  std::vector<u32> parents;  // addresses of the directory entries that name it
};

class MyPager final : public ShadowMonitor {
 public:
  void paging_changed(ShadowVm& vm) override;
  Outcome page_fault(ShadowVm& vm, u32 linear, u32 error) override;
  void invlpg(ShadowVm& vm, u32 linear) override;
  void written(ShadowVm& vm, u32 guest_physical, u32 bytes) override;

 private:
  Table& shadow_of(ShadowVm& vm, u32 guest_table);
  void drop(ShadowVm& vm, u32 guest_table);
  void protect(ShadowVm& vm, u32 guest_frame);
  void fill(ShadowVm& vm, u32 linear, u32 guest_table, u32 directory_rights, u32 physical, u32 rights);

  std::map<u32, Table> tables_;               // by the guest-physical address of what they shadow
  std::map<u32, std::vector<u32>> writable_;  // guest frame -> our entries that map it writable
  u32 root_ = 0;                              // key of the directory in use
};

// Without paging an address is its own translation. Keys of these tables are odd, so they are nobody's frame.
constexpr u32 kNoPaging = 1;

u32 guest_entry(ShadowVm& vm, u32 address) {
  u32 entry = 0;
  vm.read_physical(address, &entry, sizeof entry);
  return entry;
}

// ---- the fill

void MyPager::paging_changed(ShadowVm& vm) {
  root_ = vm.cpu.cr0 & kPaging ? vm.cpu.cr3 & kFrame : kNoPaging;
  vm.set_root(shadow_of(vm, root_).frame);
}

Outcome MyPager::page_fault(ShadowVm& vm, u32 linear, u32 error) {
  const bool write = error & kWrite, user = error & kFromUser;
  const u32 directory_index = linear >> 22, index = linear >> 12 & 1023;
  u32 table = (directory_index << 1) | kNoPaging, physical = linear & kFrame;
  u32 directory_rights = kRights, rights = kRights;
  if (root_ != kNoPaging) {
    // The walk that the guest's own processor would have made.
    const u32 upper_at = root_ + directory_index * 4, upper = guest_entry(vm, upper_at);
    const u32 absent = error & (kWrite | kFromUser), denied = absent | kProtection;
    if (!(upper & kPresent)) return fault(kPF, absent);
    table = upper & kFrame;
    const u32 lower_at = table + index * 4, lower = guest_entry(vm, lower_at);
    if (!(lower & kPresent)) return fault(kPF, absent);
    const u32 both = upper & lower;
    if ((user && !(both & kUser)) || (write && !(both & kWritable))) return fault(kPF, denied);
    // The marks that it would have left.
    const u32 marked_upper = upper | kAccessed, marked_lower = lower | kAccessed | (write ? kDirty : 0);
    if (marked_upper != upper) vm.write_physical(upper_at, &marked_upper, 4);
    if (marked_lower != lower) vm.write_physical(lower_at, &marked_lower, 4);
    physical = lower & kFrame;
    directory_rights = upper & kRights;
    rights = lower & kRights;
    if (!(marked_lower & kDirty)) rights &= ~kWritable;  // the first write must come here, to set D
  }
  if (!vm.to_machine(physical)) return emulate();  // a device
  fill(vm, linear, table, directory_rights, physical, rights);
  const bool traced = tables_.contains(physical);
  return write && traced ? emulate() : retry();
}

void MyPager::fill(ShadowVm& vm, u32 linear, u32 guest_table, u32 directory_rights, u32 physical,
                   u32 rights) {
  const u32 directory_entry_at = tables_.at(root_).frame + (linear >> 22) * 4;
  Table& table = shadow_of(vm, guest_table);
  tables_.at(root_).writes = table.writes = 0;
  const u32 directory_entry = table.frame | directory_rights | kOurBits;
  if (vm.read_entry(directory_entry_at) != directory_entry) {
    vm.write_entry(directory_entry_at, directory_entry);
    table.parents.push_back(directory_entry_at);
  }
  if (tables_.contains(physical)) rights &= ~kWritable;  // the frame holds a page table: trace it
  const u32 at = table.frame + (linear >> 12 & 1023) * 4;
  vm.write_entry(at, vm.to_machine(physical) | rights | kOurBits);
  vm.invalidate(linear);
  if (rights & kWritable) writable_[physical].push_back(at);
}

// ---- what the guest says about its tables

void MyPager::invlpg(ShadowVm& vm, u32 linear) { vm.invalidate(linear); }  // the tables agree already

/// A traced table has changed: entries of ours that were made from the changed ones go.
void MyPager::written(ShadowVm& vm, u32 guest_physical, u32 bytes) {
  const u32 key = guest_physical & kFrame;
  const auto it = tables_.find(key);
  if (it == tables_.end()) return;
  if (bytes > kLargestUpdate || ++it->second.writes > kFlood) return drop(vm, key);  // it is data by now
  const u32 first = (guest_physical & 0xFFF) & ~3u, end = (guest_physical & 0xFFF) + bytes;
  for (u32 offset = first; offset < end; offset += 4) vm.write_entry(it->second.frame + offset, 0);
  vm.flush_tlb();
}

// ---- tables

Table& MyPager::shadow_of(ShadowVm& vm, u32 guest_table) {
  if (const auto it = tables_.find(guest_table); it != tables_.end()) return it->second;
  Table& table = tables_[guest_table];
  table.frame = vm.allocate_frame();
  if (guest_table & kNoPaging) return table;
  vm.trace(guest_table, true);
  protect(vm, guest_table);
  return table;
}

void MyPager::protect(ShadowVm& vm, u32 guest_frame) {
  for (u32 at : writable_[guest_frame]) {
    const u32 entry = vm.read_entry(at);
    if ((entry & kFrame) == vm.to_machine(guest_frame)) vm.write_entry(at, entry & ~kWritable);
  }
  writable_.erase(guest_frame);
  vm.flush_tlb();
}

void MyPager::drop(ShadowVm& vm, u32 guest_table) {
  Table& table = tables_.at(guest_table);
  if (guest_table == root_) {  // in use: it may stay, empty
    for (u32 i = 0; i < 1024; ++i) vm.write_entry(table.frame + i * 4, 0);
    table.writes = 0;
    vm.flush_tlb();
    return;
  }
  for (u32 at : table.parents)
    if ((vm.read_entry(at) & kFrame) == table.frame) vm.write_entry(at, 0);
  for (auto& [frame, entries] : writable_)
    std::erase_if(entries, [&](u32 at) { return (at & kFrame) == table.frame; });
  for (auto& [key, other] : tables_)
    std::erase_if(other.parents, [&](u32 at) { return (at & kFrame) == table.frame; });
  vm.trace(guest_table, false);
  vm.release_frame(table.frame);
  tables_.erase(guest_table);
  vm.flush_tlb();
}

}  // namespace

Monitor* ringside::lab::make_monitor() { return new MyPager; }
