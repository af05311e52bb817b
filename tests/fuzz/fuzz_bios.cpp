// Boot sectors and calls of BIOS services that nobody meant: the machine below must take whatever comes, and
// every run ends. An input that begins with an even byte is the boot sector; any other is a list of calls,
// ten bytes each: vector, then AX, BX, CX, DX and a byte for SI and DI.
#include <algorithm>
#include <vector>

#include "guests/builtin.h"
#include "hypervisor/virtual_machine.h"

namespace {

using namespace ringside;

std::vector<u8> calls(const u8* data, std::size_t size) {
  static constexpr u8 kVectors[] = {0x10, 0x11, 0x12, 0x13, 0x13, 0x13, 0x14, 0x15, 0x15, 0x16, 0x17, 0x1A};
  static constexpr u8 kMove[] = {0xB8, 0xBB, 0xB9, 0xBA};  // MOV r16, imm16: AX, BX, CX, DX
  std::vector<u8> code;
  for (; size >= 10 && code.size() < 480; data += 10, size -= 10) {
    for (std::size_t i = 0; i < 4; ++i) code.insert(code.end(), {kMove[i], data[1 + 2 * i], data[2 + 2 * i]});
    code.insert(code.end(), {0xBE, data[9], 0x7D, 0xBF, data[9], 0x80});  // SI, DI
    code.insert(code.end(), {0xCD, kVectors[data[0] % std::size(kVectors)]});
  }
  code.insert(code.end(), {0xFA, 0xF4});
  return code;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::vector<u8> sector(data, data + size);
  if (data[0] & 1) sector = calls(data + 1, size - 1);
  std::vector<u8> disk(40 * kSectorBytes);
  std::copy_n(sector.begin(), std::min<std::size_t>(sector.size(), 510), disk.begin());
  disk[510] = 0x55;
  disk[511] = 0xAA;
  Image image = parse_image("fuzz", disk);
  image.firmware.assign(bios().begin(), bios().end());
  VmConfig config;
  config.host.ram_bytes = 2u << 20;
  config.host.machine.disk = make_memory_disk(disk);
  VirtualMachine vm(image, config);
  vm.run({.instructions = 300'000});
  return 0;
}
