// Interrupts and exceptions, in the vocabulary of the VM-entry/VM-exit interruption-information fields.
// Manual: Intel SDM vol. 3 ch. 6 (exceptions), section 25.8.3 (event types).
#pragma once

#include "cpu/state.h"

namespace ringside {

namespace vector {
inline constexpr u8 DE = 0, DB = 1, NMI = 2, BP = 3, OF = 4, BR = 5, UD = 6, NM = 7, DF = 8, TS = 10, NP = 11, SS = 12,
                    GP = 13, PF = 14, MF = 16, AC = 17, XM = 19;
}

/// The values are those of bits 10:8 of the interruption-information field.
enum class EventType : u8 {
  ExternalInterrupt = 0,
  Nmi = 2,
  HardwareException = 3,
  SoftwareInterrupt = 4,            ///< INT n
  PrivilegedSoftwareException = 5,  ///< INT1
  SoftwareException = 6,            ///< INT3, INTO
};

struct Event {
  u8 vector = 0;
  EventType type = EventType::HardwareException;
  bool has_error_code = false;
  u32 error_code = 0;
  /// For software events: how far EIP must advance before the return address is pushed. 0 otherwise.
  u8 instruction_length = 0;
  bool operator==(const Event&) const = default;
};

/// Error-code bits of #PF (SDM vol. 3 section 4.7).
namespace page_fault {
inline constexpr u32 P = 1, W = 2, U = 4, RSVD = 8, I = 16;
}

}  // namespace ringside
