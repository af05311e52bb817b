// The MP tables, read as a kernel reads them.
#include <cstring>
#include <map>
#include <numeric>

#include "hypervisor/boot/mp_tables.h"
#include "hypervisor/virtual_machine.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

struct Booted {
  explicit Booted(Mode mode, CpuModel model = CpuModel::P6) {
    VmConfig config;
    config.mode = mode;
    config.host.ram_bytes = 4u << 20;
    config.host.cpu.model = model;
    vm = std::make_unique<VirtualMachine>(parse_image("halts", std::vector<u8>{0xF4}), config);
  }
  std::unique_ptr<VirtualMachine> vm;
  GuestMemory& ram() { return vm->host().machine.ram(); }
  std::vector<u8> bytes(u32 at, u32 count) {
    const u8* from = ram().at(GuestPhys(at), count);
    return {from, from + count};
  }
  /// As kernels do: in the EBDA's first KiB, in the last KiB of base memory, in the BIOS's ROM.
  u32 floating_pointer() {
    for (const auto& [begin, end] : {std::pair{0x9FC00u, 0xA0000u}, {0xF0000u, 0x100000u}})
      for (u32 at = begin; at < end; at += 16)
        if (!std::memcmp(bytes(at, 4).data(), "_MP_", 4)) return at;
    return 0;
  }
};

u8 sum(const std::vector<u8>& bytes) {
  return static_cast<u8>(std::accumulate(bytes.begin(), bytes.end(), 0u));
}

u32 word(const std::vector<u8>& bytes, std::size_t at) {
  u32 value;
  std::memcpy(&value, &bytes[at], 4);
  return value;
}

}  // namespace

TEST_CASE("A kernel finds the MP tables and what they say is how the board is wired", "[apic]") {
  for (Mode mode : {Mode::Native, Mode::Trap, Mode::Hvm}) {
    INFO(name(mode));
    Booted guest(mode);
    const u32 at = guest.floating_pointer();
    REQUIRE(at);
    const auto pointer = guest.bytes(at, 16);
    CHECK(sum(pointer) == 0);
    CHECK(pointer[9] == 4);   // specification 1.4
    CHECK(pointer[11] == 0);  // a configuration table
    CHECK(pointer[12] == 0);  // no IMCR
    const u32 table_at = word(pointer, 4);
    const u32 bytes = word(guest.bytes(table_at, 8), 4) & 0xFFFF;
    const auto table = guest.bytes(table_at, bytes);
    CHECK(std::string(table.begin(), table.begin() + 4) == "PCMP");
    CHECK(sum(table) == 0);
    CHECK(word(table, 36) == 0xFEE00000);

    std::map<u8, unsigned> entries;
    std::map<unsigned, unsigned> isa_pins;  ///< by IRQ
    std::vector<std::vector<u8>> local;
    std::size_t i = 44;
    while (i < table.size()) {
      const std::vector<u8> entry(table.begin() + static_cast<long>(i),
                                  table.begin() + static_cast<long>(i + (table[i] == 0 ? 20 : 8)));
      i += entry.size();
      ++entries[entry[0]];
      if (entry[0] == 0) {
        CHECK(entry[1] == 0);
        CHECK(entry[3] == 3);  // enabled, bootstrap
        CHECK(word(entry, 4) == 0x633);
        CHECK((word(entry, 8) >> 9 & 1) == 1);
      }
      if (entry[0] == 2) CHECK(word(entry, 4) == 0xFEC00000);
      if (entry[0] == 3 && entry[1] == 0) isa_pins[entry[5]] = entry[7];
      if (entry[0] == 4) local.push_back(entry);
    }
    CHECK(entries == std::map<u8, unsigned>{{0, 1}, {1, 2}, {2, 1}, {3, 16}, {4, 2}});
    CHECK((table[34] | table[35] << 8) == 22);
    CHECK(isa_pins.size() == 15);  // all but the cascade
    for (const auto& [irq, pin] : isa_pins) CHECK(pin == (irq == 0 ? 2 : irq));
    REQUIRE(local.size() == 2);
    CHECK((local[0][1] == 3 && local[0][7] == 0));  // ExtINT at LINT0
    CHECK((local[1][1] == 1 && local[1][7] == 1));  // NMI at LINT1
  }
}

TEST_CASE("Without a local APIC there are no MP tables", "[apic]") {
  CHECK(Booted(Mode::Native, CpuModel::I486).floating_pointer() == 0);
  CHECK(Booted(Mode::Native, CpuModel::Pentium).floating_pointer() != 0);
}
