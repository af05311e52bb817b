// Each hypercall from a fabricated state: what it does, and what it refuses.
#include "tests/hypervisor/para_guest.h"

namespace ringside::test {
namespace {

// Pointers that no hypercall may accept for 4 bytes or more.
struct BadPointer {
  const char* what;
  u32 address;
};
const BadPointer kBadPointers[] = {
    {"unmapped", 0x1000},
    {"null", 0},
    {"the monitor's area", RS_MONITOR_BASE},
    {"into the monitor's area", RS_MONITOR_BASE - 2},
    {"the descriptor tables", RS_SEGMENT_END},
    {"the end of the address space", 0xFFFFFFFE},
    {"wrapping", 0xFFFFFFFF},
    {"behind RAM", kVirtBase + static_cast<u32>(ParaGuest::kRam)},
    {"out of RAM", kVirtBase + static_cast<u32>(ParaGuest::kRam) - 2},
};

TEST_CASE("hypercall arguments that point nowhere are -EFAULT", "[para][hypercall]") {
  for (const BadPointer& bad : kBadPointers) {
    CAPTURE(bad.what);
    ParaGuest g;
    CHECK(g.call(RS_HC_SET_TRAP_TABLE, bad.address) == -RS_EFAULT);
    CHECK(g.call(RS_HC_MMU_UPDATE, bad.address, 1) == -RS_EFAULT);
    CHECK(g.call(RS_HC_MMUEXT_OP, bad.address, 1) == -RS_EFAULT);
    CHECK(g.call(RS_HC_CONSOLE_WRITE, bad.address, 4) == -RS_EFAULT);
    CHECK(g.call(RS_HC_MULTICALL, bad.address, 1) == -RS_EFAULT);
    CHECK(g.running());
    CHECK(g.host.machine.console().empty());
    CHECK(g.audit() == "");
  }
}

TEST_CASE("unknown hypercalls and rows", "[para][hypercall]") {
  ParaGuest g;
  for (u32 n : {u32{RS_HC_COUNT}, 127u, 128u, 0x80000000u, 0xFFFFFFFFu}) CHECK(g.call(n) == -RS_ENOSYS);
  CHECK(g.call(RS_HC_VERSION) == RS_ABI_VERSION);
  CHECK(g.call(RS_HC_SCHED_OP, 77) == -RS_EINVAL);
  CHECK(g.call(RS_HC_EVENT_SEND, RS_EVENT_TIMER) == -RS_EINVAL);
  CHECK(g.call(RS_HC_EVENT_SEND, 0xFFFFFFFF) == -RS_EINVAL);
  CHECK(g.call(RS_HC_UPDATE_VA_MAPPING, kEntry, 0, 3) == -RS_EINVAL);
  g.poke(g.page(0), rs_mmuext_op{99, 0});
  CHECK(g.call(RS_HC_MMUEXT_OP, g.page(0), 1) == -RS_EINVAL);
}

TEST_CASE("a hypercall goes on behind INT 82h and changes EAX only", "[para][hypercall]") {
  ParaGuest g;
  g.cpu().gpr[EBP] = 0x1234;
  const CpuState before = g.cpu();
  g.call(RS_HC_VERSION, 1, 2, 3);
  CHECK(g.cpu().eip == before.eip + 2);
  CHECK(g.cpu().gpr[EBX] == 1);
  CHECK(g.cpu().gpr[EDX] == 3);
  CHECK(g.cpu().gpr[EBP] == 0x1234);
  CHECK(g.cpu().gpr[ESP] == before.gpr[ESP]);
  CHECK(g.outcome.kind == Outcome::Kind::Advance);
}

// ---- page tables

TEST_CASE("N page-table updates take N / 2048 hypercalls, rounded up, each of them validated",
          "[para][hypercall]") {
  for (const u32 updates : {1u, 2047u, 2048u, 2049u, 5000u}) {
    INFO(updates);
    ParaGuest g;
    const u32 batch = g.page(0), entry = g.pte_address(g.page(16));
    const u32 value = g.machine_frame(g.page(16)) << 12 | pte::P | pte::W;
    for (u32 i = 0; i < RS_BATCH_MAX; ++i)
      g.poke(batch + i * 8, rs_mmu_update{entry, i % 2 ? value & ~u32{pte::W} : value});
    const u64 before = g.host.ledger.samples(ExitReason::HypercallMmuUpdate);
    const u64 validated = g.host.ledger.total(CostEvent::PageTableUpdate);
    for (u32 left = updates, n; left > 0; left -= n) {
      n = std::min<u32>(left, RS_BATCH_MAX);
      REQUIRE(g.call(RS_HC_MMU_UPDATE, batch, n) == static_cast<i32>(n));
      g.monitor.apply(g.outcome);
    }
    CHECK(g.host.ledger.samples(ExitReason::HypercallMmuUpdate) - before ==
          (updates + RS_BATCH_MAX - 1) / RS_BATCH_MAX);
    CHECK(g.host.ledger.total(CostEvent::PageTableUpdate) - validated == updates);
    CHECK(g.audit() == "");
  }
}

TEST_CASE("MMU_UPDATE works off a batch until the first refusal", "[para][hypercall]") {
  ParaGuest g;
  const u32 a = g.page(2), b = g.page(3);
  const rs_mmu_update rows[3] = {{g.pte_address(a), 0}, {g.pte_address(b) | 1, 0}, {g.pte_address(b), 0}};
  g.poke(g.page(0), rows);
  CHECK(g.call(RS_HC_MMU_UPDATE, g.page(0), 3) == 1);
  CHECK_FALSE(g.domain().memory.translate(LinearAddr(a)));
  CHECK(g.domain().memory.translate(LinearAddr(b)));
  CHECK(g.call(RS_HC_MMU_UPDATE, g.page(0) + 8, 2) == -RS_EINVAL);
  CHECK(g.call(RS_HC_MMU_UPDATE, g.page(0), 0) == 0);
  CHECK(g.call(RS_HC_MMU_UPDATE, g.page(0), RS_BATCH_MAX + 1) == -RS_EINVAL);
  CHECK(g.call(RS_HC_MMU_UPDATE, g.page(0), 0xFFFFFFFF) == -RS_EINVAL);
  CHECK(g.audit() == "");
}

TEST_CASE("a batch that unmaps itself stops there", "[para][hypercall]") {
  ParaGuest g;
  const rs_mmu_update rows[2] = {{g.pte_address(g.page(0)), 0}, {g.pte_address(g.page(1)), 0}};
  g.poke(g.page(0), rows);
  CHECK(g.call(RS_HC_MMU_UPDATE, g.page(0), 2) == 1);
  CHECK(g.audit() == "");
}

TEST_CASE("UPDATE_VA_MAPPING changes the mapping", "[para][hypercall]") {
  ParaGuest g;
  const u32 from = g.page(2), to = g.page(3);
  g.poke(to, u32{0xABCD});
  const u32 entry = g.machine_frame(to) << 12 | pte::P | pte::W;
  CHECK(g.call(RS_HC_UPDATE_VA_MAPPING, from, entry, RS_UVMF_INVLPG) == 0);
  CHECK(g.peek<u32>(from) == 0xABCD);
  CHECK(g.call(RS_HC_UPDATE_VA_MAPPING, 0x1000, entry, RS_UVMF_NONE) == -RS_EINVAL);
  CHECK(g.call(RS_HC_UPDATE_VA_MAPPING, RS_MONITOR_BASE, entry, RS_UVMF_NONE) == -RS_EPERM);
  CHECK(g.call(RS_HC_UPDATE_VA_MAPPING, from, 0x3 /* machine frame 0 */, RS_UVMF_NONE) == -RS_EPERM);
  CHECK(g.audit() == "");
}

TEST_CASE("a new address space by hypercalls", "[para][hypercall]") {
  ParaGuest g;
  const u32 directory = g.page(4), start = g.layout().linear(g.layout().page_directory).value;
  for (u32 i = 0; i < 1024; ++i) g.poke(directory + i * 4, g.peek<u32>(start + i * 4));
  const u32 frame = g.machine_frame(directory);
  g.poke(g.page(0), rs_mmuext_op{RS_MMUEXT_PIN_L2, frame});
  CHECK(g.call(RS_HC_MMUEXT_OP, g.page(0), 1) == -RS_EBUSY);
  REQUIRE(g.call(RS_HC_UPDATE_VA_MAPPING, directory, frame << 12 | pte::P, RS_UVMF_INVLPG) == 0);
  const rs_mmuext_op rows[2] = {{RS_MMUEXT_PIN_L2, frame}, {RS_MMUEXT_NEW_BASEPTR, frame}};
  g.poke(g.page(0), rows);
  CHECK(g.call(RS_HC_MMUEXT_OP, g.page(0), 2) == 2);
  CHECK(g.cpu().cr3 == frame << 12);
  CHECK(g.audit() == "");
  g.poke(g.page(0), rs_mmuext_op{RS_MMUEXT_UNPIN, frame});
  CHECK(g.call(RS_HC_MMUEXT_OP, g.page(0), 1) == -RS_EBUSY);
  g.poke(g.page(0), rs_mmuext_op{RS_MMUEXT_NEW_BASEPTR, g.machine_frame(g.page(5))});
  CHECK(g.call(RS_HC_MMUEXT_OP, g.page(0), 1) == -RS_EINVAL);
  CHECK(g.cpu().cr3 == frame << 12);
}

TEST_CASE("pages that the monitor writes never become page tables", "[para][hypercall]") {
  ParaGuest g;
  for (GuestPhys at : {g.layout().shared_info, g.layout().console_ring, g.layout().disk_ring}) {
    const u32 linear = g.layout().linear(at).value, frame = g.machine_frame(linear);
    REQUIRE(g.call(RS_HC_UPDATE_VA_MAPPING, linear, frame << 12 | pte::P, RS_UVMF_INVLPG) == 0);
    for (u32 command : {RS_MMUEXT_PIN_L1, RS_MMUEXT_PIN_L2}) {
      g.poke(g.page(0), rs_mmuext_op{command, frame});
      CHECK(g.call(RS_HC_MMUEXT_OP, g.page(0), 1) == -RS_EBUSY);
    }
  }
}

TEST_CASE("work is priced by the entries that were checked", "[para][hypercall]") {
  ParaGuest g;
  const rs_mmu_update rows[2] = {{g.pte_address(g.page(1)), 0}, {g.pte_address(g.page(2)), 0}};
  g.poke(g.page(0), rows);
  REQUIRE(g.call(RS_HC_MMU_UPDATE, g.page(0), 2) == 2);
  CHECK(g.host.ledger.total(CostEvent::PageTableUpdate) == 2);
  CHECK(g.host.ledger.samples(ExitReason::HypercallMmuUpdate) == 1);
  CHECK(g.host.ledger.total(CostEvent::HypercallDispatch) == 1);
  CHECK(g.host.ledger.total(CostEvent::ParavirtualTransition) == 1);
}

// ---- multicalls

TEST_CASE("a multicall does each call and tells each result", "[para][hypercall]") {
  ParaGuest g;
  const u32 at = g.page(0);
  const rs_multicall rows[4] = {{RS_HC_VERSION, {}, 99},
                                {RS_HC_COUNT, {}, 99},
                                {RS_HC_UPDATE_VA_MAPPING, {g.page(1), 0, RS_UVMF_INVLPG}, 99},
                                {0xFFFFFFFF, {}, 99}};
  g.poke(at, rows);
  CHECK(g.call(RS_HC_MULTICALL, at, 4) == 4);
  auto result = [&](u32 i) { return g.peek<rs_multicall>(at + i * sizeof(rs_multicall)).result; };
  CHECK(result(0) == RS_ABI_VERSION);
  CHECK(result(1) == -RS_ENOSYS);
  CHECK(result(2) == 0);
  CHECK(result(3) == -RS_ENOSYS);
  CHECK(g.host.ledger.samples(ExitReason::HypercallMmuUpdate) == 1);
}

TEST_CASE("what may not be in a multicall", "[para][hypercall]") {
  for (u32 n : {RS_HC_MULTICALL, RS_HC_IRET, RS_HC_SCHED_OP}) {
    ParaGuest g;
    const u32 at = g.page(0);
    // For MULTICALL: itself, over and over.
    g.poke(at, rs_multicall{n, {n == RS_HC_MULTICALL ? at : u32{RS_SCHED_BLOCK}, RS_BATCH_MAX, 0}, 99});
    CHECK(g.call(RS_HC_MULTICALL, at, 1) == 1);
    CHECK(g.peek<rs_multicall>(at).result == -RS_EINVAL);
    CHECK(g.outcome.kind == Outcome::Kind::Advance);
  }
}

TEST_CASE("a multicall that overwrites or unmaps its own rows", "[para][hypercall]") {
  ParaGuest g;
  const u32 at = g.page(0);
  SECTION("unmapped in the middle") {
    const rs_multicall rows[2] = {{RS_HC_UPDATE_VA_MAPPING, {at, 0, RS_UVMF_INVLPG}, 0},
                                  {RS_HC_VERSION, {}, 0}};
    g.poke(at, rows);
    CHECK(g.call(RS_HC_MULTICALL, at, 2) == 1);
  }
  SECTION("read-only rows do nothing") {
    g.poke(at, rs_multicall{RS_HC_UPDATE_VA_MAPPING, {g.page(1), 0, RS_UVMF_INVLPG}, 0});
    REQUIRE(g.call(RS_HC_UPDATE_VA_MAPPING, at, g.machine_frame(at) << 12 | pte::P, RS_UVMF_INVLPG) == 0);
    CHECK(g.call(RS_HC_MULTICALL, at, 1) == -RS_EFAULT);
    CHECK(g.domain().memory.translate(LinearAddr(g.page(1))));
  }
  SECTION("too many") { CHECK(g.call(RS_HC_MULTICALL, at, RS_BATCH_MAX + 1) == -RS_EINVAL); }
  CHECK(g.audit() == "");
}

TEST_CASE("a batch that costs too much is cut short", "[para][hypercall]") {
  ParaGuest g;
  // A directory and its table are looked through at each pinning and unpinning.
  const u32 table = g.page(10), directory = g.page(11);
  const u32 entry = g.machine_frame(table) << 12 | pte::P | pte::W;
  for (u32 i = 0; i < 10; ++i) g.poke(directory + i * 4, entry);
  const u32 frame = g.machine_frame(directory);
  for (u32 page : {table, directory})
    REQUIRE(g.call(RS_HC_UPDATE_VA_MAPPING, page, g.machine_frame(page) << 12 | pte::P, RS_UVMF_INVLPG) == 0);
  // cheap.
  std::vector<rs_mmuext_op> rows;
  for (u32 i = 0; i < RS_BATCH_MAX / 2; ++i) {
    rows.push_back({RS_MMUEXT_PIN_L2, frame});
    rows.push_back({RS_MMUEXT_UNPIN, frame});
  }
  for (u32 i = 0; i < rows.size(); ++i) g.poke(g.page(0) + i * 8, rows[i]);
  const i32 done = g.call(RS_HC_MMUEXT_OP, g.page(0), RS_BATCH_MAX);
  CHECK(done > 0);
  CHECK(done < RS_BATCH_MAX);
  CHECK(g.audit() == "");
}

// ---- descriptors, stack, traps

TEST_CASE("UPDATE_DESCRIPTOR changes the guest's entries only", "[para][hypercall]") {
  ParaGuest g;
  CHECK(g.call(RS_HC_UPDATE_DESCRIPTOR, 7, 0x0000FFFF, 0x00CFB200) == 0);
  const auto d = g.domain().descriptors.find(7 << 3 | 1);
  REQUIRE(d);
  CHECK(d->limit() == RS_SEGMENT_END - 1);
  for (u32 index : {0u, 16u, 17u, 18u, 8191u, 0xFFFFFFFFu})
    CHECK(g.call(RS_HC_UPDATE_DESCRIPTOR, index, 0x0000FFFF, 0x00CFB200) == -RS_EINVAL);
  CHECK(g.call(RS_HC_UPDATE_DESCRIPTOR, 7, 0x0000FFFF, 0x00CF9200) == -RS_EINVAL);
}

TEST_CASE("STACK_SWITCH takes ring-1 selectors only", "[para][hypercall]") {
  ParaGuest g;
  CHECK(g.call(RS_HC_STACK_SWITCH, RS_KERNEL_DS, g.page(1)) == 0);
  CHECK(g.domain().descriptors.ring1_esp() == g.page(1));
  for (u32 ss : {0u, u32{RS_USER_DS}, 0x80u, 0x88u, 0x90u, 0x14u, 0x10011u, 0xFFFFu})
    CHECK(g.call(RS_HC_STACK_SWITCH, ss, 0) == -RS_EINVAL);
}

TEST_CASE("SET_TRAP_TABLE takes all rows or none", "[para][hypercall]") {
  ParaGuest g;
  const rs_trap good{14, RS_TRAP_MASK_EVENTS, RS_KERNEL_CS, kEntry + 0x100};
  auto set = [&](rs_trap row) {
    const rs_trap rows[3] = {good, row, {}};
    g.poke(g.page(0), rows);
    return g.call(RS_HC_SET_TRAP_TABLE, g.page(0));
  };
  struct Case {
    const char* what;
    rs_trap row;
  };
  const Case refused[] = {
      {"the hypercall's vector", {0x82, 0, RS_KERNEL_CS, kEntry}},
      {"a vector of the host's", {0xE0, 0, RS_KERNEL_CS, kEntry}},
      {"the last vector", {0xFF, 3, RS_KERNEL_CS, kEntry}},
      {"a data segment", {0x80, 3, RS_KERNEL_DS, kEntry}},
      {"a ring-3 segment", {0x80, 3, RS_USER_CS, kEntry}},
      {"the monitor's code", {0x80, 3, para::DescriptorTables::kMonitorCs, kEntry}},
      {"null", {0x80, 3, 0, kEntry}},
      {"an LDT selector", {0x80, 3, RS_KERNEL_CS | 4, kEntry}},
      {"unknown flags", {0x80, 0x80, RS_KERNEL_CS, kEntry}},
  };
  for (const Case& c : refused) {
    CAPTURE(c.what);
    CHECK(set(c.row) == -RS_EINVAL);
    CHECK_FALSE(g.domain().traps.find(14));
  }
  CHECK(set({0x80, 3, RS_KERNEL_CS, kEntry + 0x200}) == 0);
  CHECK(g.domain().traps.find(14)->eip == kEntry + 0x100);
  // A table without end runs out of RAM.
  for (u32 at = kVirtBase + static_cast<u32>(ParaGuest::kRam) - 4096; at < kVirtBase + ParaGuest::kRam;
       at += 8)
    g.poke(at, good);
  CHECK(g.call(RS_HC_SET_TRAP_TABLE, kVirtBase + static_cast<u32>(ParaGuest::kRam) - 4096) == -RS_EINVAL);
  CHECK(g.call(RS_HC_SET_TRAP_TABLE, kVirtBase + static_cast<u32>(ParaGuest::kRam) - 64) == -RS_EFAULT);
}

// ---- console, timer, shutdown

TEST_CASE("CONSOLE_WRITE prints", "[para][hypercall]") {
  ParaGuest g;
  g.poke(g.page(1) - 3, std::array<char, 6>{'a', 'b', 'c', 'd', 'e', '\n'});
  CHECK(g.call(RS_HC_CONSOLE_WRITE, g.page(1) - 3, 6) == 0);
  CHECK(g.host.machine.console() == "abcde\n");
  CHECK(g.call(RS_HC_CONSOLE_WRITE, g.page(1), 4097) == -RS_EINVAL);
  CHECK(g.call(RS_HC_CONSOLE_WRITE, g.page(1), 0xFFFFFFFF) == -RS_EINVAL);
}

TEST_CASE("SHUTDOWN ends the run with the guest's status", "[para][hypercall]") {
  for (auto [argument, status] : {std::pair{0u, 0}, {7u, 7}, {255u, 255}, {256u, 255}, {0xFFFFFF00u, 255}}) {
    ParaGuest g;
    CHECK(g.call(RS_HC_SCHED_OP, RS_SCHED_SHUTDOWN, argument) == 0);
    REQUIRE(g.host.machine.exit_code());
    CHECK(*g.host.machine.exit_code() == status);
  }
}

TEST_CASE("the timer ticks by the simulated clock and catches up", "[para][timer]") {
  para::PeriodicTimer timer;
  constexpr u64 kHz = 1'000'000'000;
  CHECK(timer.next_deadline() == Machine::kNever);
  CHECK(timer.set(RS_TIMER_MIN - 1, 0, kHz) == -RS_EINVAL);
  CHECK(timer.set(1, 0, kHz) == -RS_EINVAL);
  CHECK(timer.set(1000, 500, kHz) == 0);
  CHECK(timer.next_deadline() == 1'000'500);
  CHECK(timer.take_ticks(1'000'499) == 0);
  CHECK(timer.take_ticks(1'000'500) == 1);
  CHECK(timer.take_ticks(1'000'500) == 0);
  CHECK(timer.take_ticks(5'000'600) == 4);
  CHECK(timer.next_deadline() == 6'000'500);
  CHECK(timer.set(0, 0, kHz) == 0);
  CHECK(timer.take_ticks(~u64{0} - 1) == 0);
  CHECK(timer.set(0xFFFFFFFF, 1, 3'800'000'000) == 0);
  CHECK(timer.next_deadline() == 1 + 4'294'967'295ull * 3800);
}

}  // namespace
}  // namespace ringside::test
