// An IDE (ATA) channel with up to two disks, programmed I/O.
//
// Modelled: the task file, 28-bit LBA and CHS addresses, IDENTIFY, READ and WRITE SECTORS and MULTIPLE,
// VERIFY, SEEK, SET FEATURES, FLUSH, INITIALIZE PARAMETERS, DIAGNOSTIC, the power commands, soft reset, nIEN,
// the ready-made errors (ABRT, IDNF, UNC), and an interrupt after a simulated latency for each block. An
// absent drive 1 answers 0 where drive 0 exists; with no drive at all the bus floats. Simplified: every
// command takes the same time; no DMA, no packet commands, no 48-bit addresses. Manual: ANSI X3.298-1997
// (ATA-3).
#pragma once

#include <array>
#include <memory>

#include "hypervisor/devices/block_backend.h"
#include "hypervisor/devices/clock.h"
#include "hypervisor/devices/pic.h"

namespace ringside {

class Ide final : public Device {
 public:
  static constexpr unsigned kMaxMultiple = 16;
  static constexpr u64 kCommandMicroseconds = 20, kBlockMicroseconds = 5, kResetMicroseconds = 2000;

  enum class Phase : u8 { Idle, Reading, DataIn, DataOut, Writing, NoData, Resetting };
  struct Drive {
    u8 status = 0x50, error = 1;
    u8 multiple = 0;  ///< sectors per block of READ/WRITE MULTIPLE; 0 = not set
    u16 heads = 16, sectors_per_track = 63;
    bool operator==(const Drive&) const = default;
  };
  struct State {
    std::array<Drive, 2> drive;
    u8 features = 0, count = 1, sector = 1, cylinder_low = 0, cylinder_high = 0, device = 0xA0, control = 0;
    u8 command = 0;
    Phase phase = Phase::Idle;
    u32 lba = 0;        ///< next sector to transfer
    u32 remaining = 0;  ///< sectors still to transfer, the current block included
    u32 block = 0;      ///< sectors in the buffer
    u32 at = 0;         ///< bytes of the buffer already transferred
    std::array<u8, kMaxMultiple * kSectorBytes> buffer{};
    bool interrupt = false;
    u64 due = kNoDeadline;
    u64 sectors_read = 0, sectors_written = 0;
    bool operator==(const State&) const = default;
  };

  Ide(const Clock& clock, IrqLine irq, std::array<std::shared_ptr<BlockBackend>, 2> disks);

  /// Offset 0: data (16 or 32 bits), 1-7: task file, 8: device control and alternate status.
  u32 read(u32 offset, unsigned size) override;
  void write(u32 offset, u32 value, unsigned size) override;
  u64 deadline() const override { return state_.due; }
  void advance() override;

  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  struct Geometry {
    u32 cylinders, heads, sectors_per_track;
  };
  unsigned selected() const { return state_.device >> 4 & 1; }
  Drive& drive() { return state_.drive[selected()]; }
  BlockBackend* disk() const { return disks_[selected()].get(); }
  bool any_drive() const { return disks_[0] || disks_[1]; }
  u32 capacity() const;
  static Geometry geometry(u64 sectors);

  u8 status() const;
  /// Bytes that the block in the buffer still has. A guest may mix access sizes and ask for more.
  u32 left_in_block() const { return state_.block * kSectorBytes - state_.at; }
  u32 read_data(unsigned size);
  void write_data(u32 value, unsigned size);
  void control(u8 value);
  void command(u8 value);
  bool address(u32& lba) const;
  void set_address(u32 lba);
  void start_transfer(bool write, bool multiple);
  void begin_block(bool first);
  void begin_read(u64 microseconds_from_now);
  void finish_read();
  void finish_write();
  void identify();
  void complete_later(u64 after);
  void fail(u8 error);
  void signature();
  void set_interrupt(bool on);

  const Clock& clock_;
  IrqLine irq_;
  std::array<std::shared_ptr<BlockBackend>, 2> disks_;
  State state_;
};

}  // namespace ringside
