// Every exit that a monitor may have to handle: those of the simulated processor and those that only /dev/kvm has.
#pragma once

#include <string>

#include "cpu/exit.h"

namespace ringside::exits {

/// A memory-mapped device was accessed; on KVM the host kernel has decoded the instruction already.
struct MmioAccess {
  GuestPhys address;
  u8 size;
  bool write;
  u64 data;  ///< for writes
};
/// KVM_EXIT_INTERNAL_ERROR: the host kernel could not emulate an instruction.
struct KvmInternalError { u32 sub_code; std::string what; };
/// KVM_EXIT_FAIL_ENTRY
struct KvmFailEntry { u64 hardware_reason; };

}  // namespace ringside::exits

namespace ringside {

template <class Base, class... More> struct ExtendVariant;
template <class... Ts, class... More>
struct ExtendVariant<std::variant<Ts...>, More...> { using type = std::variant<Ts..., More...>; };

using Exit = ExtendVariant<CpuExit, exits::MmioAccess, exits::KvmInternalError, exits::KvmFailEntry>::type;

inline Exit widen(CpuExit&& e) {
  return std::visit([](auto&& x) { return Exit(std::forward<decltype(x)>(x)); }, std::move(e));
}

}  // namespace ringside
