// Guest memory without paging, for tests of the instruction emulator: RAM, one device page, one page that
// faults.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "hypervisor/emulate/emulate.h"

namespace ringside::test {

class FlatOperands : public GuestOperands {
 public:
  static constexpr u32 kBytes = 0x10000;
  static constexpr u32 kDevice = 0xE000;  ///< logs accesses; reads as 5A5A5A5Ah
  static constexpr u32 kAbsent = 0xF000;  ///< #PF; from here up also everything beyond

  FlatOperands() : ram(kBytes) {}

  bool check(LinearAddr a, unsigned size, Access access) override {
    if (a.value < kAbsent && size <= kAbsent - a.value) return true;
    fault = {.event = {.vector = vector::PF,
                       .has_error_code = true,
                       .error_code = access == Access::Write ? page_fault::W : 0},
             .cr2 = a.value < kAbsent ? kAbsent : a.value};
    return false;
  }
  bool read(LinearAddr a, unsigned size, u32& value) override {
    if (!check(a, size, Access::Read)) return false;
    if (a.value >= kDevice) {
      log += "r" + std::to_string(size) + "@" + std::to_string(a.value - kDevice) + " ";
      value = 0x5A5A5A5Au >> (32 - 8 * size);
      return true;
    }
    value = 0;
    std::memcpy(&value, &ram[a.value], size);
    return true;
  }
  bool write(LinearAddr a, unsigned size, u32 value) override {
    if (!check(a, size, Access::Write)) return false;
    if (a.value >= kDevice) {
      log += "w" + std::to_string(size) + "@" + std::to_string(a.value - kDevice) + "=" +
             std::to_string(value) + " ";
      return true;
    }
    std::memcpy(&ram[a.value], &value, size);
    return true;
  }
  bool fetch(LinearAddr a, std::span<u8> bytes) override {
    if (!check(a, static_cast<unsigned>(bytes.size()), Access::Fetch)) return false;
    std::memcpy(bytes.data(), &ram[a.value], bytes.size());
    return true;
  }

  std::vector<u8> ram;
  std::string log;
};

}  // namespace ringside::test
