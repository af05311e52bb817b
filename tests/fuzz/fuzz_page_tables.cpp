// Arbitrary page tables, guest and nested, under arbitrary accesses: the walk ends, stays in memory, and what
// the TLB then holds permits no more than a fresh walk does.
#include <cstdlib>
#include <cstring>

#include "cpu/core.h"
#include "cpu/ept.h"

namespace {

using namespace ringside;

struct NullBus : Bus {
  u32 port_in(u16, unsigned) override { return 0; }
  void port_out(u16, u32, unsigned) override {}
  u32 mmio_read(MachinePhys, unsigned) override { return 0xFFFFFFFF; }
  void mmio_write(MachinePhys, u32, unsigned) override {}
  u8 acknowledge_interrupt() override { return 0; }
  u64 read_tsc() override { return 0; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr u32 kRam = 1 << 16;
  constexpr std::size_t kHeader = 16;
  if (size <= kHeader) return 0;
  MachineMemory memory(kRam);
  NullBus bus;
  Cpu cpu(memory, bus, {});
  Core& c = cpu.core();
  const u8 how = data[0];
  c.s.cr0 = cr0::PE | cr0::ET | cr0::PG | (how & 1 ? cr0::WP : 0);
  c.s.cr4 = (how & 2 ? cr4::PSE : 0) | (how & 4 ? cr4::PAE : 0) | (how & 8 ? cr4::PGE : 0);
  Vmcs vmcs;
  vmcs.ept_levels = how & 32 ? 2 : 4;
  vmcs.ept_root = MachinePhys(data[1] % 16 * kPageSize);
  if (how & 16) cpu.set_vmcs(&vmcs);
  memory.set_kind(MachinePhys(0xE000), kPageSize, PageKind::Rom);
  memory.set_kind(MachinePhys(0xF000), kPageSize, PageKind::Mmio);
  c.s.cr3 = data[2] % 16 * kPageSize;
  for (u32 at = 0; at < kRam; at++) memory.data()[at] = data[kHeader + at % (size - kHeader)];

  for (u32 n = 0; n < 64; n++) {
    u32 linear;
    std::memcpy(&linear, memory.data() + n * 52, sizeof linear);
    const LinearAddr address(linear);
    const bool user = linear & 1;
    u32 value = n;
    u64 wide = n;
    switch (n % 4) {
      case 0: read_linear(c, address, value, user); break;
      case 1: write_linear(c, address, value, user); break;
      case 2: write_linear(c, address, wide, user); break;
      default: invalidate_translation(c, address);
    }
    // Rights that the TLB grants are rights that the tables grant (nothing has changed them but A and D bits,
    // unless the stores above hit a table: then a stale entry is the architecture's own).
    flush_tlb(c, false);
    if (fill_tlb(c, address, Access::Read, user)) {
      const auto fresh = peek_translation(c, address, user);
      const TlbEntry& entry = c.tlb.entry(address, user);
      if (entry.page_tag != address.page().value) std::abort();
      if (fresh && fresh->page().value != entry.physical) std::abort();
      if (entry.read_tag != TlbEntry::kNone && entry.physical + kPageSize > kRam) std::abort();
    }
  }
  cpu.set_vmcs(nullptr);
  return 0;
}
