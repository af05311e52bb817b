// Random code in a random state, in each of the three ways to run: the processor must come back, with its
// state intact, from anything that fits into the registers and into memory.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "cpu/cpu.h"

namespace {

using namespace ringside;

/// The input as a stream that goes on with zeros.
class Input {
 public:
  Input(const u8* data, std::size_t size) : data_(data), size_(size) {}
  template <class T>
  T take() {
    T value{};
    const std::size_t n = std::min(sizeof value, size_);
    if (n) std::memcpy(&value, data_, n);
    data_ += n;
    size_ -= n;
    return value;
  }
  void fill(u8* to, std::size_t n) {
    n = std::min(n, size_);
    if (n) std::memcpy(to, data_, n);
    data_ += n;
    size_ -= n;
  }
  std::size_t left() const { return size_; }

 private:
  const u8* data_;
  std::size_t size_;
};

struct NullBus : Bus {
  u32 port_in(u16 port, unsigned) override { return port * 0x01010101u; }
  void port_out(u16, u32, unsigned) override {}
  u32 mmio_read(MachinePhys, unsigned) override { return 0xFFFFFFFF; }
  void mmio_write(MachinePhys, u32, unsigned) override {}
  u8 acknowledge_interrupt() override { return 0x30; }
  u64 read_tsc() override { return 12345; }
};

SegmentRegister segment(Input& in) {
  SegmentRegister r;
  r.selector = in.take<u16>();
  r.access = in.take<u16>() & 0xF0FF;
  if (in.take<u8>() & 1) r.access = 0xC093 | (r.access & 0x68);
  r.base = in.take<u8>() & 1 ? in.take<u32>() : 0;
  r.limit = in.take<u8>() & 1 ? in.take<u32>() : 0xFFFFFFFF;
  return r;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr u32 kRam = 1 << 18;
  Input in(data, size);
  const u8 how = in.take<u8>();
  CpuConfig config;
  config.model = static_cast<CpuModel>(how % 6);
  config.sensitive = how & 4 ? SensitiveInstructions::Trap : SensitiveInstructions::Leak;

  MachineMemory memory(kRam);
  NullBus bus;
  Cpu cpu(memory, bus, config);
  CpuState& s = cpu.state();
  const u8 shape = in.take<u8>();
  s.cr0 = cr0::ET | (shape & 1 ? cr0::PE : 0) | (shape & 1 && shape & 2 ? cr0::PG : 0) |
          (shape & 4 ? cr0::WP : 0);
  s.cr4 = config.model >= CpuModel::Pentium && (shape & 8) ? cr4::PSE : 0;
  if (config.model >= CpuModel::P6 && (shape & 16)) s.cr4 |= cr4::PAE;
  if (config.model >= CpuModel::Pentium3) s.cr4 |= cr4::OSFXSR;
  for (u32& r : s.gpr) r = shape & 32 ? in.take<u32>() : in.take<u16>();
  s.eflags = (in.take<u32>() & 0x00077FD5 & ~(s.cr0 & cr0::PE ? 0u : eflags::VM)) | eflags::kFixedOne;
  for (SegmentRegister& r : s.seg) r = segment(in);
  const u32 ring = in.take<u8>() & 3;
  s.seg[CS].access = (s.seg[CS].access & 0xC000) | 0x9B | ring << 5;
  s.seg[SS].access = (s.seg[SS].access & 0xC000) | 0x93 | ring << 5;
  s.ldtr = {0x28, 0x82, in.take<u16>(), 0xFFFF};
  s.tr = {0x30, in.take<u8>() & 1 ? 0x8Bu : 0x83u, in.take<u16>(), in.take<u8>()};
  s.gdtr = {in.take<u16>(), in.take<u16>()};
  s.idtr = {in.take<u16>(), in.take<u16>()};
  s.cr3 = in.take<u16>() & ~31u;
  s.eip = in.take<u16>();
  s.dr[7] = in.take<u16>() | 0x400;
  for (u32 i = 0; i < 4; i++) s.dr[i] = in.take<u16>();
  // The rest of the input, over and over, from the code on.
  const u32 code = (s.seg[CS].base + s.eip) % kRam;
  const std::size_t rest = in.left();
  in.fill(memory.data() + code, kRam - code);
  if (rest)
    for (u32 at = 0; at < code; at++)
      memory.data()[at] = memory.data()[code + at % std::min<u64>(rest, kRam - code)];

  Vmcs vmcs;
  vmcs.enable_ept = false;
  vmcs.exception_bitmap = shape;
  const u32 way = (how >> 4) % 3;
  if (way == 1 && ring) cpu.set_deprivileged(true);
  if (way == 2) cpu.set_vmcs(&vmcs);
  for (u32 round = 0; round < 4; round++) {
    const u64 before = cpu.retired();
    cpu.set_interrupt_line(round & 1);
    const CpuExit exit = cpu.run(200);
    if (cpu.retired() - before > 200) std::abort();
    if (std::holds_alternative<exits::TripleFault>(exit)) break;
    if (!(cpu.state().eflags & eflags::kFixedOne)) std::abort();
    cpu.state().halted = false;
  }
  return 0;
}
