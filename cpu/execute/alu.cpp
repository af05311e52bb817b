#include "cpu/execute/alu.h"

#include "cpu/execute/choose.h"

namespace ringside {

namespace alu {

// By family, so that the compiler can work on them in parallel: alu_registers.cpp, alu_memory.cpp.
Handler select_registers(const Decoded&);
Handler select_memory(const Decoded&);

}  // namespace alu

Handler select_alu(const Decoded& d) { return d.memory ? alu::select_memory(d) : alu::select_registers(d); }

}  // namespace ringside
