// Random code on the simulated processor and under real KVM, in real mode, protected mode and with paging:
// registers, defined flags, memory, faults with their error codes, CR2, descriptor and page-table bits must
// be the same.
#include <fmt/format.h>

#include <cstdlib>

#include "hypervisor/kvm/kvm_vcpu.h"
#include "tests/catch.h"
#include "tests/cpu/bare_core.h"
#include "tests/kvm/batch.h"

using namespace ringside;
using namespace ringside::test;

namespace {

/// Machine memory, and a processor in it that can be started again and again.
class SimulatedMachine {
 public:
  SimulatedMachine() : memory(kBatchRam), cpu_(memory, bus_) {}
  void run(const CpuState& entry) {
    cpu_.memory_written(MachinePhys(0), kBatchRam);
    cpu_.state() = entry;
    cpu_.flush_tlb();
    bus_.log.clear();
    cpu_.run(1'000'000);
    ended = !bus_.log.empty() && bus_.log.back().kind == 'o' && bus_.log.back().address == kBatchDonePort;
  }
  MachineMemory memory;
  bool ended = false;

 private:
  BenchBus bus_;
  Cpu cpu_;
};

class KvmMachine {
 public:
  KvmMachine()
      : memory(kBatchRam),
        machine_(GuestMemory(memory, MachinePhys(0), kBatchRam), {}),
        vcpu_(machine_, CpuModel::P6, 1'000'000'000) {}
  void run(const CpuState& entry) {
    vcpu_.state() = entry;
    const Exit exit = vcpu_.run(20'000'000'000);
    const auto* io = std::get_if<exits::PortAccess>(&exit);
    ended = io && !io->in && io->port == kBatchDonePort;
  }
  MachineMemory memory;
  bool ended = false;

 private:
  KvmVirtualMachine machine_;
  KvmVcpu vcpu_;
};

struct Both {
  SimulatedMachine ours;
  KvmMachine theirs;

  std::string difference(const Batch& batch, std::size_t count, std::size_t units = ~std::size_t{0}) {
    batch.place(ours.memory, count, units);
    batch.place(theirs.memory, count, units);
    ours.run(batch.entry());
    theirs.run(batch.entry());
    if (!ours.ended || !theirs.ended)
      return fmt::format("the guest ended {} on the simulated processor, {} under KVM; {}",
                         ours.ended ? "well" : "badly", theirs.ended ? "well" : "badly",
                         batch_difference(batch.mode, ours.memory, theirs.memory));
    return batch_difference(batch.mode, ours.memory, theirs.memory);
  }

  /// The shortest beginning of the batch that differs, and its last unit of code.
  std::string explain(const Batch& batch) {
    for (std::size_t count = 1; count <= batch.pieces.size(); ++count) {
      std::string what = difference(batch, count);
      if (what.empty()) continue;
      const Piece& piece = batch.pieces[count - 1];
      std::size_t units = 0;
      while (units <= piece.units.size() && difference(batch, count, units).empty()) ++units;
      if (units <= piece.units.size()) what = difference(batch, count, units);
      const bool is_finisher = units > piece.units.size();
      const std::vector<u8>& code = is_finisher ? piece.finisher : piece.units[units ? units - 1 : 0];
      std::string bytes;
      for (const u8 byte : code) bytes += fmt::format("{:02X} ", byte);
      return fmt::format("piece {}, {}, code {}: {}", count - 1,
                         is_finisher ? std::string("finisher") : fmt::format("unit {}", units), bytes, what);
    }
    return "differs as a whole, but no beginning does";
  }
};

void compare(GuestMode mode, u32 pieces) {
  Both both;
  // QEMU's emulator checks neither limits nor types of segments at an access, pushes all registers in an
  // order of its own, reads before it asks whether it may write, and until version 8 CMPXCHG8B leaves wrong
  // flags: only real hardware can judge those.
  const bool strict = !std::getenv("RINGSIDE_EMULATED_HOST");
  const u64 first_seed = 20240607 + 1'000'000 * static_cast<u64>(mode);
  for (u64 seed = first_seed; seed < first_seed + pieces / Batch::kPieces; ++seed) {
    const Batch batch(mode, seed, strict);
    if (both.difference(batch, Batch::kPieces).empty()) continue;
    FAIL(name(mode) << ", seed " << seed << ": " << both.explain(batch));
  }
}

}  // namespace

// Together 102,144 pieces of eight units of code, each unit one instruction or a few.
TEST_CASE("Random code ends the same under KVM: real mode", "[kvm]") { compare(GuestMode::Real, 34'048); }
TEST_CASE("Random code ends the same under KVM: protected mode", "[kvm]") {
  compare(GuestMode::Protected, 34'048);
}
TEST_CASE("Random code ends the same under KVM: paging", "[kvm]") { compare(GuestMode::Paging, 34'048); }
