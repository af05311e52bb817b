// Every exit that a monitor may have to handle: those of the simulated processor and those that only /dev/kvm
// has.
#pragma once

#include <span>
#include <string>

#include "cpu/exit.h"

namespace ringside::exits {

// On KVM the host kernel has decoded the instruction already and moves EIP itself; what is left is the data.
// Under the simulated VT-x the monitor gets IoInstruction and EptViolation and comes to the same device
// access on its own.

/// A port was accessed. `data` holds the operands one after the other, `size` bytes each (a string
/// instruction may have gathered several); for IN the handler fills it in before the next entry.
struct PortAccess {
  u16 port;
  u8 size;
  bool in;
  std::span<u8> data;
};
/// A memory-mapped device was accessed; `data` (1 to 8 bytes) is written to it, or to be filled in from it.
struct MmioAccess {
  GuestPhys address;
  bool write;
  std::span<u8> data;
};
/// KVM_EXIT_INTERNAL_ERROR: the host kernel could not emulate an instruction.
struct KvmInternalError {
  u32 sub_code;
  std::string what;
};
/// KVM_EXIT_FAIL_ENTRY
struct KvmFailEntry {
  u64 hardware_reason;
};

}  // namespace ringside::exits

namespace ringside {

template <class Base, class... More>
struct ExtendVariant;
template <class... Ts, class... More>
struct ExtendVariant<std::variant<Ts...>, More...> {
  using type = std::variant<Ts..., More...>;
};

using Exit = ExtendVariant<CpuExit, exits::PortAccess, exits::MmioAccess, exits::KvmInternalError,
                           exits::KvmFailEntry>::type;

inline Exit widen(CpuExit&& e) {
  return std::visit([](auto&& x) { return Exit(std::forward<decltype(x)>(x)); }, std::move(e));
}

}  // namespace ringside
