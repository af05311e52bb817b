// Control registers, I/O permission, interrupt-flag rules, the sensitive instructions, and what non-root
// operation intercepts. Manual: Intel SDM vol. 2, vol. 3 sections 2.5 and 26.1, vol. 1 ch. 19.
#include <utility>

#include "tests/cpu/bare_core.h"

using namespace ringside;
using namespace ringside::test;

TEST_CASE("MOV to CR0 and CR4: what each model refuses", "[system]") {
  const struct {
    CpuModel model;
    u8 cr;
    u32 value;
    const char* expected;
    u32 result;
  } rows[] = {
      {CpuModel::P6, 0, cr0::PG, "#GP(0)", 0},
      {CpuModel::P6, 0, cr0::PE | cr0::NW, "#GP(0)", 0},
      {CpuModel::P6, 0, cr0::PE | cr0::NW | cr0::CD, "ok", cr0::PE | cr0::NW | cr0::CD | cr0::ET},
      {CpuModel::P6, 0, 0xFFFFFFFF, "ok",
       cr0::PE | cr0::MP | cr0::EM | cr0::TS | cr0::ET | cr0::NE | cr0::WP | cr0::AM | cr0::NW | cr0::CD |
           cr0::PG},
      {CpuModel::I386, 0, 0xFFFFFFFF, "ok", cr0::PE | cr0::MP | cr0::EM | cr0::TS | cr0::ET | cr0::PG},
      {CpuModel::I486, 4, 0, "#UD", 0},
      {CpuModel::Pentium, 4, cr4::PSE | cr4::TSD | cr4::DE, "ok", cr4::PSE | cr4::TSD | cr4::DE},
      {CpuModel::Pentium, 4, cr4::PAE, "#GP(0)", 0},
      {CpuModel::Pentium, 4, cr4::VME, "#GP(0)", 0},
      {CpuModel::P6, 4, cr4::PAE | cr4::PGE | cr4::UMIP, "ok", cr4::PAE | cr4::PGE | cr4::UMIP},
      {CpuModel::P6, 4, 1u << 20, "#GP(0)", 0},
      {CpuModel::P6, 1, 0, "#UD", 0},
      {CpuModel::P6, 5, 0, "#UD", 0},
  };
  for (const auto& row : rows) {
    BareCore b({row.model});
    CAPTURE(static_cast<int>(row.model), row.cr, row.value);
    b.c.s.gpr[EAX] = row.value;
    const bool ok = mov_to_cr(b.c, row.cr, EAX, 3);
    REQUIRE(outcome(b.c, ok).text == row.expected);
    if (ok) REQUIRE((row.cr == 0 ? b.c.s.cr0 : b.c.s.cr4) == row.result);
    b.set_ring(1);
    if (std::string(row.expected) != "#UD")
      REQUIRE(outcome(b.c, mov_to_cr(b.c, row.cr, EAX, 3)).text == "#GP(0)");
  }
}

TEST_CASE("LMSW sets PE but never clears it; DR4 and DR5; general detect", "[system]") {
  BareCore b;
  REQUIRE(lmsw(b.c, 0, 3));
  REQUIRE((b.c.s.cr0 & cr0::PE));
  REQUIRE(lmsw(b.c, 0xFFFF, 3));
  REQUIRE((b.c.s.cr0 & 0x3E) == (cr0::MP | cr0::EM | cr0::TS | cr0::ET));
  b.c.s.gpr[EAX] = 0xFFFFFFFF;
  REQUIRE(mov_to_dr(b.c, 4, EAX, 3));
  REQUIRE(b.c.s.dr[6] == 0xFFFFEFFF);
  b.c.s.cr4 = cr4::DE;
  REQUIRE(outcome(b.c, mov_to_dr(b.c, 5, EAX, 3)).text == "#UD");
  b.c.s.dr[7] = 0x2400;
  REQUIRE(outcome(b.c, mov_from_dr(b.c, 0, EAX, 3)).text == "#DB");
  REQUIRE((b.c.s.dr[6] & 0x2000));
}

TEST_CASE("the I/O permission bitmap", "[system]") {
  BareCore b;
  constexpr u16 kMap = 0x68;
  b.put<u16>(BareCore::kTss + 0x66, kMap);
  auto deny = [&](u16 port) {
    b.put<u8>(BareCore::kTss + kMap + port / 8,
              static_cast<u8>(b.get<u8>(BareCore::kTss + kMap + port / 8) | 1 << (port & 7)));
  };
  deny(0x61);
  deny(0x70);
  b.c.s.tr.limit = kMap + 0x20 + 1;  // ports 0-10Fh and the byte behind them
  const struct {
    u32 ring, iopl;
    u16 port;
    u8 size;
    bool ok;
  } rows[] = {
      {0, 0, 0x61, 1, true},    {3, 3, 0x61, 1, true}, {3, 2, 0x61, 1, false}, {3, 0, 0x60, 1, true},
      {3, 0, 0x60, 2, false},   {3, 0, 0x5F, 2, true}, {3, 0, 0x5E, 4, false}, {3, 0, 0x5D, 4, true},
      {1, 0, 0x6D, 4, false},   {1, 0, 0x6C, 4, true}, {3, 0, 0x107, 1, true}, {3, 0, 0x108, 1, false},
      {3, 0, 0xFFFF, 1, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.ring, row.iopl, row.port, row.size);
    b.set_ring(row.ring);
    b.c.s.eflags = eflags::kFixedOne | row.iopl << 12;
    const bool ok = check_io(b.c, row.port, row.size, true, false, false, LinearAddr(0), 2);
    REQUIRE(outcome(b.c, ok).text == (row.ok ? "ok" : "#GP(0)"));
  }
  b.set_v86(3);  // virtual-8086 mode asks the bitmap whatever IOPL
  REQUIRE(outcome(b.c, check_io(b.c, 0x61, 1, true, false, false, LinearAddr(0), 2)).text == "#GP(0)");
  REQUIRE(check_io(b.c, 0x60, 1, true, false, false, LinearAddr(0), 2));
  b.c.s.tr.access = 0x83;  // a 16-bit TSS has no bitmap
  REQUIRE(outcome(b.c, check_io(b.c, 0x60, 1, true, false, false, LinearAddr(0), 2)).text == "#GP(0)");
}

TEST_CASE("CLI, STI, PUSHF and POPF obey IOPL", "[system]") {
  for (u32 ring = 0; ring < 4; ring++)
    for (u32 io = 0; io < 4; io++) {
      BareCore b;
      CAPTURE(ring, io);
      b.set_ring(ring);
      b.c.s.eflags = eflags::kFixedOne | io << 12;
      REQUIRE(outcome(b.c, sti(b.c)).text == (ring <= io ? "ok" : "#GP(0)"));
      REQUIRE(bool(b.c.s.eflags & eflags::IF) == (ring <= io));
      REQUIRE(b.c.s.sti_shadow == (ring <= io));
      b.c.s.eflags = eflags::kFixedOne | io << 12;
      REQUIRE(popf(b.c, true, eflags::IF | eflags::IOPL | eflags::VM | eflags::NT));
      REQUIRE(bool(b.c.s.eflags & eflags::IF) == (ring <= io));
      REQUIRE((b.c.s.eflags >> 12 & 3) == (ring == 0 ? 3 : io));
      REQUIRE((b.c.s.eflags & (eflags::VM | eflags::NT)) == eflags::NT);
    }
  BareCore v;
  v.set_v86(2);
  u32 image;
  REQUIRE(outcome(v.c, pushf_image(v.c, false, image)).text == "#GP(0)");
  REQUIRE(outcome(v.c, popf(v.c, false, 0)).text == "#GP(0)");
  REQUIRE(outcome(v.c, cli(v.c)).text == "#GP(0)");
}

TEST_CASE("what sensitive instructions do outside ring 0, by policy", "[system][deprivileged]") {
  for (u32 ring = 0; ring < 4; ring++)
    for (auto policy : {SensitiveInstructions::Leak, SensitiveInstructions::Trap})
      for (bool deprivileged : {false, true}) {
        BareCore b({CpuModel::P6, policy});
        b.c.deprivileged = deprivileged;
        b.set_ring(ring);
        b.c.s.eflags = eflags::kFixedOne | eflags::IF;
        const bool trap = policy == SensitiveInstructions::Trap && deprivileged;
        const bool kernel_ring = ring == 1 || ring == 2;
        CAPTURE(ring, trap, deprivileged);
        auto recorded = [&] { return std::exchange(b.c.silent, {}).size(); };
        u32 value;
        TableRegister table;
        u16 selector;
        auto expect = [&](bool ok, bool faults, bool records) {
          REQUIRE(outcome(b.c, ok).text == (faults ? "#GP(0)" : "ok"));
          REQUIRE(recorded() == (records ? 1u : 0u));
        };
        const bool leaks = deprivileged && !trap;
        expect(pushf_image(b.c, true, value), trap && ring, leaks && kernel_ring);
        expect(popf(b.c, true, eflags::IF), trap && ring, leaks && kernel_ring);
        b.c.s.eflags = eflags::kFixedOne | eflags::IF;
        expect(popf(b.c, true, 0), trap && ring, leaks && kernel_ring);
        b.c.s.eflags = eflags::kFixedOne | eflags::IF;
        expect(smsw(b.c, value, 3), trap && ring, leaks && ring);
        expect(store_descriptor_table(b.c, true, table, 3), trap && ring, leaks && ring);
        expect(store_descriptor_table(b.c, false, table, 3), trap && ring, leaks && ring);
        expect(store_system_selector(b.c, true, selector, 3), trap && ring, leaks && ring);
        expect(store_system_selector(b.c, false, selector, 3), trap && ring, leaks && ring);
        expect(sensitive(b.c, 0x0E, 0), trap && kernel_ring, leaks && kernel_ring);  // PUSH CS
      }
  BareCore b;  // UMIP without any monitor
  b.set_ring(3);
  b.c.s.cr4 = cr4::UMIP;
  u32 value;
  u16 selector;
  REQUIRE(outcome(b.c, smsw(b.c, value, 3)).text == "#GP(0)");
  REQUIRE(outcome(b.c, store_system_selector(b.c, true, selector, 3)).text == "#GP(0)");
}

TEST_CASE("CR0 and CR4 under guest/host masks and read shadows", "[system][vmx]") {
  BareCore b;
  Vmcs vmcs;
  vmcs.enable_ept = false;
  vmcs.cr0_guest_host_mask = cr0::PG | cr0::TS;
  vmcs.cr0_read_shadow = cr0::TS;
  b.c.vmcs = &vmcs;
  b.c.s.gpr[EAX] = b.c.s.cr0 | cr0::TS | cr0::MP;  // agrees with the shadow where the host owns
  REQUIRE(mov_to_cr(b.c, 0, EAX, 3));
  REQUIRE((b.c.s.cr0 & (cr0::MP | cr0::TS)) == cr0::MP);
  REQUIRE(mov_from_cr(b.c, 0, EBX, 3));
  REQUIRE((b.c.s.gpr[EBX] & cr0::TS));
  b.c.s.gpr[EAX] |= cr0::PG;
  REQUIRE_FALSE(mov_to_cr(b.c, 0, EAX, 3));
  const auto access = std::get<exits::CrAccess>(b.c.fault.exit);
  REQUIRE(access.value == b.c.s.gpr[EAX]);
  REQUIRE_FALSE(clts(b.c, 2));
  REQUIRE(std::get<exits::CrAccess>(b.c.fault.exit).kind == exits::CrAccess::Kind::Clts);
  vmcs.cr0_read_shadow = 0;
  REQUIRE(clts(b.c, 2));
  vmcs.cr3_load_exiting = true;
  REQUIRE_FALSE(mov_to_cr(b.c, 3, EAX, 3));
  b.set_ring(3);  // privilege comes first
  REQUIRE(outcome(b.c, mov_to_cr(b.c, 3, EAX, 3)).text == "#GP(0)");
  b.c.vmcs = nullptr;
}

TEST_CASE("SYSENTER and SYSEXIT", "[system]") {
  BareCore b;
  b.set_ring(3);
  REQUIRE(outcome(b.c, sysenter(b.c)).text == "#GP(0)");
  b.c.s.sysenter_cs = 0x08;
  b.c.s.sysenter_esp = 0x9000;
  b.c.s.sysenter_eip = 0x4321;
  REQUIRE(sysenter(b.c));
  REQUIRE((b.c.s.cpl() == 0 && b.c.s.eip == 0x4321 && b.c.s.gpr[ESP] == 0x9000));
  REQUIRE(b.c.s.seg[SS].selector == 0x10);
  REQUIRE_FALSE((b.c.s.eflags & eflags::IF));
  b.c.s.gpr[ECX] = 0x7000;
  b.c.s.gpr[EDX] = 0x1234;
  REQUIRE(sysexit(b.c));
  REQUIRE((b.c.s.cpl() == 3 && b.c.s.eip == 0x1234 && b.c.s.gpr[ESP] == 0x7000));
  REQUIRE(b.c.s.seg[CS].selector == 0x1B);
  REQUIRE(outcome(b.c, sysexit(b.c)).text == "#GP(0)");
  BareCore old({CpuModel::Pentium});
  REQUIRE(outcome(old.c, sysenter(old.c)).text == "#UD");
}
