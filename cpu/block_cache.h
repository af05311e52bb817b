// The cache of decoded code: basic blocks keyed by physical address, processor mode and CS.
//
// Modelled: instruction fetch through its own translations (an ITLB), so that TLB misses are counted where
// the stream of instructions enters a page and not where a block happens to begin; self-modifying code, exact
// to the next instruction.
//
// Invariants.
//   * A block lies in one physical page. An instruction that crosses into the next page has a block to
//   itself, whose
//     guard compares the second page's translation on every entry.
//   * Links between blocks are made only within a page: both ends share the translation by which they were
//   reached.
//     Between pages a branch asks the jump cache, whose entries are valid for one `context` (execution.h):
//     every event that could make a fetch translation invalid changes the context.
//   * A page that holds blocks has no write tag in the TLB, so that every store to it comes through
//   code_written().
//   * A dropped block's first instruction becomes a redirection; its memory is reused only when the whole
//   cache is
//     emptied. Hence a link may be stale, but it never dangles.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "cpu/core.h"
#include "cpu/decode.h"

namespace ringside {

/// A cached answer to "which block does this branch target begin?".
struct JumpEntry {
  u32 eip = 0;
  u32 context = 0;  ///< 0 never occurs
  Insn* entry = nullptr;
};

struct Block {
  static constexpr u64 kNoPage = ~u64{0};

  u64 physical = 0;  ///< machine address of the first byte
  u32 eip = 0, mode = 0, cs_base = 0, cs_limit = 0;
  u32 bytes = 0;
  Insn* entry = nullptr;      ///< where to begin executing
  Block* next = nullptr;      ///< in the hash chain
  u64 second_page = kNoPage;  ///< of a crossing instruction: where its second part is
  bool dropped = false;
};

class BlockCache {
 public:
  static constexpr unsigned kMaxInstructions = 32;  ///< in one block

  explicit BlockCache(u64 ram_bytes);

  /// Where to go for s.eip in the current mode, decoding if need be. nullptr after a fault (core.fault).
  Insn* find(Core&, u32 mode);
  bool translate(Core&, LinearAddr, MachinePhys&);

  bool holds_code(MachinePhys page) const {
    return page.frame() / 64 < code_pages_.size() && ram_holds_code(page);
  }
  /// The same of a page that is known to be RAM.
  bool ram_holds_code(MachinePhys page) const {
    return code_pages_[page.frame() / 64] >> (page.frame() % 64) & 1;
  }
  void written(Core&, MachinePhys, u32 bytes);
  void drop_translation(Core&, LinearAddr page);
  void drop_translations(Core&);
  /// Forgets all code.
  void clear(Core&);
  void drop(Block&);
  /// Forgets the block that begins with `entry`.
  void drop_at(const Insn* entry);
  /// Changes whenever all code is forgotten and its memory reused.
  u64 life() const { return life_; }
  /// Whether links to `entry` may be made: not to the scratch block.
  bool linkable(const Insn* entry) const { return entry->head() != scratch_.data(); }

  /// What instruction fetch remembers of the page tables: the state of the ITLB, without the decoded code.
  struct FetchEntry {
    u32 page = 1;
    u32 epoch = 0;
    u64 physical = 0;
  };
  struct FetchTranslations {
    std::vector<FetchEntry> entries;
    u32 epoch = 1;
  };
  FetchTranslations fetch_translations() const {
    return {{fetch_.get(), fetch_.get() + 2 * kFetchEntries}, epoch_};
  }
  void restore(const FetchTranslations& t) {
    std::copy(t.entries.begin(), t.entries.end(), fetch_.get());
    epoch_ = t.epoch;
  }

  static u32 jump_index(u32 eip) { return (eip ^ (eip >> 12)) & (kJumps - 1); }

  static constexpr u32 kJumps = 4096;
  std::unique_ptr<JumpEntry[]> jumps;

 private:
  static constexpr u32 kBuckets = 8192, kFetchEntries = 256;
  static constexpr u32 kChunkInsns = 2048, kChunks = 32;  // 2 MiB in all
  static constexpr u32 kReleaseAfter = 64;
  static constexpr unsigned kSlotsAround = 4;  ///< head, guard, two exits

  struct CodePage {
    std::vector<Block*> blocks;
    u64 granules = 0;     ///< one bit for each 64 bytes that some block covers
    u32 idle_stores = 0;  ///< stores since the last block went
  };

  Block* lookup(const Core&, u64 physical, u32 mode);
  Insn* build(Core&, MachinePhys, u32 mode);
  bool fetch_crossing(Core&, LinearAddr, u8* bytes, unsigned& available, u64& second_page);
  Insn* emit(Insn* slots, std::vector<Decoded>&, u64 second_page);
  Insn* allocate(Core&, unsigned count);
  void mark(Core&, Block*, u64 physical, u32 bytes);
  void release(Core&, u64 frame);
  static u32 bucket(u64 physical, u32 mode) {
    return static_cast<u32>(physical ^ (physical >> 12) * 31 ^ mode * 0x9E5) & (kBuckets - 1);
  }

  std::unique_ptr<Block*[]> buckets_;
  std::vector<std::unique_ptr<Insn[]>> chunks_;
  std::deque<Block> blocks_;
  u32 chunk_ = 0, chunk_used_ = 0;
  std::vector<u64> code_pages_;  ///< a bit for each RAM page
  std::unordered_map<u64, CodePage> pages_;
  std::unique_ptr<FetchEntry[]> fetch_;  ///< supervisor, then user
  u32 epoch_ = 1;
  u64 life_ = 0;
  std::vector<Decoded> decoded_;  ///< of the block being built
  std::array<Insn, kSlotsAround + 1>
      scratch_{};  ///< for an instruction that comes from a device: never cached
};

/// A new context, so that no cached branch target or link between pages is taken any more.
void new_generation(Core&);

}  // namespace ringside
