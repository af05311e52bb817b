#include "labs/framework/monitor_frames.h"

#include <fmt/format.h>

#include <cstring>

namespace ringside::labs {
namespace {
/// The address in a page-table entry of 4 or 8 bytes, within what machine memory can be.
constexpr u64 kEntryFrame = 0x000F'FFFF'FFFF'F000;
/// Whatever makes an entry count: P in a page table; R, W and X in an EPT.
constexpr u64 kCounts = 7;
}  // namespace

bool MonitorFrames::in_use(u64 machine) const {
  return machine / kPageSize < owner_.size() && owner_[machine / kPageSize] == Owner::Student;
}

bool MonitorFrames::may_name(u64 entry) const {
  if (!(entry & kCounts)) return true;
  const u64 frame = (entry & kEntryFrame) / kPageSize;
  return in_use(entry & kEntryFrame) ||
         (frame < owner_.size() && host_.machine.ram().to_guest(MachinePhys(frame * kPageSize)));
}

std::optional<bool> MonitorFrames::serve(Frame& call, std::vector<u8>& payload, std::string& why) {
  using lab::Call;
  const u32 a = call.a[0], bytes = call.a[1];
  const auto refuse = [&](std::string text) {
    why = std::move(text);
    return false;
  };
  switch (static_cast<Call>(call.code)) {
    case Call::AllocateFrame: {
      std::optional<MachinePhys> frame;
      if (!released_.empty()) {
        frame = released_.back();
        released_.pop_back();
        std::memset(host_.memory.at(*frame, kPageSize), 0, kPageSize);
      } else {
        frame = host_.frames.allocate();
      }
      call.a[0] = frame ? static_cast<u32>(frame->value) : 0;
      if (frame) owner_[frame->frame()] = Owner::Student, ++allocated_;
      break;
    }
    case Call::ReleaseFrame:
      if (a % kPageSize || !in_use(a))
        return refuse(fmt::format("your monitor releases a frame that it does not have: {:X}h", a));
      owner_[a / kPageSize] = Owner::Released;
      released_.push_back(MachinePhys(a));
      --allocated_;
      break;
    case Call::ToMachine: {
      const GuestPhys page(a & ~u32{kPageMask});
      const bool memory = host_.machine.ram().contains(page, kPageSize) && !host_.machine.is_mmio(page);
      call.a[0] = memory ? static_cast<u32>(host_.machine.ram().to_machine(page).value) : 0;
      break;
    }
    case Call::ReadEntry:
    case Call::WriteEntry: {
      if ((bytes != 4 && bytes != 8) || a % bytes || !in_use(a))
        return refuse(
            fmt::format("your monitor reaches for an entry at machine address {:X}h, which is not in a frame "
                        "of its own",
                        a));
      u8* const entry = host_.memory.at(MachinePhys(a), bytes);
      u64 value = 0;
      if (static_cast<Call>(call.code) == Call::ReadEntry) {
        std::memcpy(&value, entry, bytes);
        call.a[0] = static_cast<u32>(value);
        call.a[1] = static_cast<u32>(value >> 32);
        break;
      }
      if (payload.size() != bytes) return false;
      std::memcpy(&value, payload.data(), bytes);
      if (!may_name(value))
        return refuse(fmt::format(
            "your monitor writes the entry {:X}h, which names machine memory that is neither the guest's nor "
            "your own (to_machine() gives the machine address of a guest page)",
            value));
      std::memcpy(entry, &value, bytes);
      host_.ledger.count(bytes == 8 ? CostEvent::EptEntryWrite : CostEvent::ShadowEntryWrite);
      break;
    }
    default: return std::nullopt;
  }
  payload.clear();
  return true;
}

}  // namespace ringside::labs
