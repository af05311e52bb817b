// The processor alone on the benchmark's image: no monitor, no devices but the debug console and the exit
// port. What callgrind counts here is what one guest instruction costs the host, free of noise
// (tests/bench/check_cost).
//
//   cpu_alone IMAGE LETTER=ITERATIONS...     prints what the image prints, and the instructions retired
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "cpu/cpu.h"

namespace {

using namespace ringside;

constexpr u32 kOrigin = 0x100000, kRam = 64u << 20;
constexpr u16 kConsole = 0xE9, kExit = 0xF4;

/// Follows the magic word "BCF1" in the image (guest/start.asm).
struct Configuration {
  static constexpr std::size_t kWorkloads = 32;
  u32 mask = 0;    ///< bit n: run workload n
  u32 output = 1;  ///< 1: the debug console
  u32 reserved = 0;
  std::array<u32, kWorkloads> iterations{};
};

struct ConsoleBus : Bus {
  Cpu* cpu = nullptr;
  u32 port_in(u16, unsigned) override { return ~0u; }
  void port_out(u16 port, u32 value, unsigned) override {
    if (port == kConsole) std::putchar(static_cast<int>(value & 0xFF));
    if (port == kExit) cpu->request_stop();
  }
  u32 mmio_read(MachinePhys, unsigned) override { return ~0u; }
  void mmio_write(MachinePhys, u32, unsigned) override {}
  u8 acknowledge_interrupt() override { return 0; }
  u64 read_tsc() override { return cpu->retired(); }
};

int usage() {
  std::fputs("usage: cpu_alone IMAGE LETTER=ITERATIONS...\n", stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return usage();
  std::ifstream file(argv[1], std::ios::binary);
  std::string image{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::size_t at = image.find("BCF1");
  if (at == std::string::npos || image.size() - at < 4 + sizeof(Configuration)) {
    std::fprintf(stderr, "%s is not the benchmark's image\n", argv[1]);
    return 2;
  }
  Configuration configuration;
  for (int n = 2; n < argc; ++n) {
    const u32 letter = static_cast<u32>(argv[n][0] - 'a');
    if (letter >= Configuration::kWorkloads || argv[n][1] != '=') return usage();
    configuration.mask |= 1u << letter;
    configuration.iterations[letter] = static_cast<u32>(std::strtoul(argv[n] + 2, nullptr, 10));
  }
  std::memcpy(image.data() + at + 4, &configuration, sizeof configuration);

  MachineMemory memory(kRam);
  std::memcpy(memory.data() + kOrigin, image.data(), image.size());
  ConsoleBus bus;
  Cpu cpu(memory, bus);
  bus.cpu = &cpu;
  cpu.state() = flat_protected_state(kOrigin);
  const CpuExit exit = cpu.run(~u64{0} >> 1);
  std::printf("retired %llu\n", static_cast<unsigned long long>(cpu.retired()));
  return std::holds_alternative<exits::Stopped>(exit) ? 0 : 1;
}
