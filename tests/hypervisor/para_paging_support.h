// A paravirtual guest's RAM and page tables without a processor, and an auditor that works out from the
// tables alone what DirectPaging must believe.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cpu/paging.h"
#include "hypervisor/abi/paravirtual.h"
#include "hypervisor/para/direct_paging.h"

namespace ringside::test {

/// Compares DirectPaging's bookkeeping with what the tables in memory say. Empty, or the first difference.
class PagingAudit {
 public:
  PagingAudit(const para::DirectPaging& paging, const GuestMemory& ram, u32 monitor_entry,
              std::map<u32, u32> held)
      : paging_(paging), ram_(ram), monitor_entry_(monitor_entry), held_(std::move(held)) {}

  std::string run() const {
    using para::FrameType;
    const u32 first = static_cast<u32>(ram_.base().frame()),
              end = first + static_cast<u32>(ram_.size() >> 12);
    std::vector<u32> expected(end);  // references by machine frame
    for (const auto& [frame, count] : held_) expected[frame] = count;
    std::string wrong;
    for (u32 frame = first; frame < end && wrong.empty(); ++frame) {
      const FrameType type = paging_.info(frame).type;
      if (type != FrameType::L1 && type != FrameType::L2) continue;
      if (paging_.info(frame).pinned) ++expected[frame];
      if (paging_.base() == frame) ++expected[frame];
      for (u32 i = 0; i < 1024 && wrong.empty(); ++i) {
        const u32 e = *ram_.read<u32>(GuestPhys((u64{frame - first} << 12) + i * 4));
        const u32 target = e >> 12;
        const std::string where = "frame " + std::to_string(frame) + " entry " + std::to_string(i);
        if (type == FrameType::L2 && i == 1023) {
          // The processor may have set A.
          if ((e | pte::A) != (monitor_entry_ | pte::A)) wrong = where + ": not the monitor's";
          continue;
        }
        if (!(e & pte::P)) continue;
        if (e & (pte::PS | pte::G)) wrong = where + ": PS or G";
        if (target < first || target >= end) {
          wrong = where + ": outside the guest";
        } else if (type == FrameType::L2) {
          if (paging_.info(target).type != FrameType::L1) wrong = where + ": no page table";
          ++expected[target];
        } else if (e & pte::W) {
          if (paging_.info(target).type != FrameType::Writable)
            wrong = where + ": writable mapping of a page table";
          ++expected[target];
        }
      }
    }
    for (u32 frame = first; frame < end && wrong.empty(); ++frame) {
      const para::FrameInfo& info = paging_.info(frame);
      if (info.references != expected[frame])
        wrong = "frame " + std::to_string(frame) + " has " + std::to_string(info.references) +
                " references, not " + std::to_string(expected[frame]);
      if ((info.references == 0) != (info.type == FrameType::None))
        wrong = "frame " + std::to_string(frame) + ": a type without references, or the reverse";
    }
    return wrong;
  }

 private:
  const para::DirectPaging& paging_;
  const GuestMemory& ram_;
  u32 monitor_entry_;
  std::map<u32, u32> held_;  ///< references that the monitor holds itself
};

/// A processor that caches as much as the architecture lets it: everything it has ever seen, until it is told
/// to forget.
class HoardingCache final : public para::TranslationCache {
 public:
  void flush() override {
    writable.clear();
    directory.clear();
    ++flushes;
  }
  void invalidate(LinearAddr a) override { writable.erase(a.value >> 12); }
  void written(MachinePhys, u64) override {}

  std::map<u32, u32> writable;              ///< page -> frame that the guest could write to
  std::set<std::pair<u32, u32>> directory;  ///< directory slot -> frame used as a page table
  unsigned flushes = 0;
};

/// 4 MiB of guest RAM behind 16 of the monitor's frames. Frame 10 is the page directory, frame 11 its one
/// table, which maps all RAM at 0 (the two themselves read-only); frame 12 is shared with the monitor.
struct PagingWorld {
  static constexpr u32 kFirst = 16, kFrames = 1024, kDirectory = 10, kTable = 11, kShared = 12;
  static constexpr u32 kMonitorEntry = 5 << 12 | pte::P | pte::W | pte::A;

  PagingWorld() {
    for (u32 i = 0; i < kFrames; ++i) set(kTable, i, map(i, i == kDirectory || i == kTable ? 0 : pte::W));
    set(kDirectory, 0, map(kTable, pte::W | pte::U));
    paging.hold_writable(machine(kShared));
  }
  /// Pinned and in CR3.
  para::Status start() {
    const para::Status refused = paging.pin(machine(kDirectory), para::FrameType::L2);
    return refused ? refused : paging.new_base(machine(kDirectory));
  }

  static u32 machine(u32 frame) { return kFirst + frame; }
  static u32 map(u32 frame, u32 rights) { return machine(frame) << 12 | pte::P | rights; }
  static u32 address(u32 frame, u32 index) { return (machine(frame) << 12) + index * 4; }
  void set(u32 frame, u32 index, u32 value) { ram.write(GuestPhys((u64{frame} << 12) + index * 4), value); }
  u32 get(u32 frame, u32 index) const { return *ram.read<u32>(GuestPhys((u64{frame} << 12) + index * 4)); }
  /// Takes the write right from the mapping in the first table.
  para::Status make_read_only(u32 frame) { return paging.update(address(kTable, frame), map(frame, 0)); }
  const para::FrameInfo& info(u32 frame) const { return paging.info(machine(frame)); }
  std::string audit() const { return PagingAudit(paging, ram, kMonitorEntry, {{machine(kShared), 1}}).run(); }

  MachineMemory memory{u64{kFirst + kFrames} << 12};
  GuestMemory ram{memory, MachinePhys(u64{kFirst} << 12), u64{kFrames} << 12};
  HoardingCache cache;
  para::DirectPaging paging{ram, cache, kMonitorEntry};
};

}  // namespace ringside::test
