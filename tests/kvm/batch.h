// Many short pieces of random code in one guest, which runs one after the other and writes down how each
// ended. The same guest runs on the simulated processor and under KVM, and then the two memories must be the
// same.
//
// A piece starts with registers from a table and ends in the guest's own handlers, by INT 40h or by a fault.
// The handler stores vector, error code, CR2 and the registers, and goes on with the next piece. In protected
// mode and with paging pieces run in ring 3, so that every end is a change of stacks through the TSS.
#pragma once

#include <array>
#include <random>
#include <string>
#include <vector>

#include "cpu/memory.h"
#include "cpu/state.h"

namespace ringside::test {

enum class GuestMode : u8 { Real, Protected, Paging };
const char* name(GuestMode);

struct Piece {
  std::vector<std::vector<u8>> units;  ///< code that may be cut between any two
  std::vector<u8> finisher;            ///< provokes some end, or falls through to INT 40h
  std::array<u32, 8> gpr{};
  u32 eflags = 0;
};

struct Batch {
  static constexpr u32 kPieces = 64;
  GuestMode mode;
  std::vector<Piece> pieces;
  std::array<u8, 4096> data{}, stack{};  ///< at first; every piece leaves them to the next

  /// `strict`: with what QEMU's emulator does otherwise than the manuals.
  Batch(GuestMode, u64 seed, bool strict);

  /// Writes the guest with only the first `count` pieces, of the last only `units` units (without its
  /// finisher unless there are fewer), to an empty memory.
  void place(MachineMemory&, std::size_t count = kPieces, std::size_t units = ~std::size_t{0}) const;
  CpuState entry() const;
};

constexpr u64 kBatchRam = 1u << 20;
constexpr u16 kBatchDonePort = 0xF4;

/// What two runs of the same guest left different, in words; empty if nothing.
std::string batch_difference(GuestMode, const MachineMemory& ours, const MachineMemory& theirs);

}  // namespace ringside::test
