// The decoder against arbitrary bytes, for every model and both code sizes: it may refuse, but never reads
// past what it was given, and what it accepts has a length and a row.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "cpu/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside;
  const std::vector<u8> bytes(data,
                              data + std::min<std::size_t>(size, 32));  // exactly sized, for ASan to guard
  const unsigned available = static_cast<unsigned>(bytes.size());
  for (CpuModel model : {CpuModel::I386, CpuModel::I486, CpuModel::Pentium, CpuModel::P6, CpuModel::Pentium4})
    for (bool code32 : {false, true}) {
      Decoded d;
      const DecodeStatus status = decode(bytes.data(), available, code32, model, d);
      if (status != DecodeStatus::Ok) continue;
      if (!d.row || d.length == 0 || d.length > kMaxInstructionLength || d.length > available) std::abort();
    }
  return 0;
}
