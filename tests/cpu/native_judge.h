// The host's own processor as a judge of 32-bit ring-3 code.
//
// A child process maps the same low addresses as the simulated machine and enters the code through a far jump
// to the 32-bit user code segment that Linux on x86-64 provides; a fault comes back as a signal. Nothing is
// emulated.
#pragma once

#include <array>
#include <memory>

#include "cpu/address.h"

namespace ringside::test {

struct JudgedState {
  std::array<u32, 8> gpr{};
  u32 eflags = 0;
  u32 eip = 0;     ///< of the fault
  u32 vector = 0;  ///< of the fault, kEnd if the code ran to its end
  static constexpr u32 kEnd = 0xFF;
};

class NativeJudge {
 public:
  /// nullptr where the host cannot: not x86-64 Linux, or the addresses are taken.
  static std::unique_ptr<NativeJudge> start();
  ~NativeJudge();

  /// The memory that the child sees at RandomCode::kCode.
  u8* memory() { return memory_; }
  /// Executes from RandomCode::kCode; the code must be followed by room for 7 bytes. False if the child died.
  bool run(JudgedState& state, u32 code_bytes);

 private:
  NativeJudge() = default;
  u8* memory_ = nullptr;
  int child_ = -1, to_child_ = -1, from_child_ = -1;
};

}  // namespace ringside::test
