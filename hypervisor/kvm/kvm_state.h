// Registers in the host kernel's layout and in ours.
#pragma once

#include <linux/kvm.h>

#include "cpu/state.h"

namespace ringside {

void to_kvm(const CpuState& state, kvm_regs& regs, kvm_sregs& sregs);
void from_kvm(const kvm_regs& regs, const kvm_sregs& sregs, CpuState& state);

}  // namespace ringside
