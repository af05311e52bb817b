// The real processor de-privileged under the paravirtual monitor: what ring 1 and ring 3 can and cannot do.
#include <initializer_list>

#include "tests/hypervisor/para_guest.h"

namespace ringside::test {
namespace {

constexpr u32 kHandler = kEntry + 0x800, kCallback = kEntry + 0x900, kUserPage = 0x08048000;

struct Running : ParaGuest {
  using ParaGuest::ParaGuest;

  void code(u32 at, std::initializer_list<u32> bytes) {
    for (u32 b : bytes) poke(at++, static_cast<u8>(b));
  }
  /// Runs the bytes at the kernel's entry and returns the event of the monitor entry that ends it.
  Event run_kernel(std::initializer_list<u32> bytes) {
    code(kEntry, bytes);
    cpu().eip = kEntry;
    return enter();
  }
  Event enter(u64 budget = 1000) {
    const Exit exit = monitor.enter(budget);
    const auto* entry = std::get_if<exits::MonitorEntry>(&exit);
    REQUIRE(entry);
    last_cr2 = entry->cr2;
    return entry->event;
  }
  /// One page of user memory at kUserPage, mapped by a table of the guest's making.
  void map_user_page() {
    const u32 table = page(20), user = page(21);
    poke(table + (kUserPage >> 12 & 1023) * 4, machine_frame(user) << 12 | pte::P | pte::W | pte::U);
    const u32 table_frame = machine_frame(table);
    REQUIRE(call(RS_HC_UPDATE_VA_MAPPING, table, table_frame << 12 | pte::P, RS_UVMF_INVLPG) == 0);
    const u32 directory = machine_frame(layout().linear(layout().page_directory).value) << 12;
    poke(page(0),
         rs_mmu_update{directory + (kUserPage >> 22) * 4, table_frame << 12 | pte::P | pte::W | pte::U});
    REQUIRE(call(RS_HC_MMU_UPDATE, page(0), 1) == 1);
  }
  /// Ring 3, at the user page.
  void run_user(std::initializer_list<u32> bytes) {
    code(kUserPage, bytes);
    CpuState& s = cpu();
    s.seg[CS] = para::loaded(RS_USER_CS, *domain().descriptors.find(RS_USER_CS));
    for (Seg seg : {SS, DS, ES})
      s.seg[seg] = para::loaded(RS_USER_DS, *domain().descriptors.find(RS_USER_DS));
    s.eip = kUserPage;
    s.gpr[ESP] = kUserPage + 0x1000;
  }

  u32 last_cr2 = 0;
};

// mov eax, imm32 ; then an access through it
#define AT(a) 0xB8, (a)&0xFF, (a) >> 8 & 0xFF, (a) >> 16 & 0xFF, (a) >> 24
constexpr u32 kLoad[] = {0x8B, 0x00}, kStore[] = {0x89, 0x00};

TEST_CASE("privileged instructions in ring 1 reach the monitor as #GP", "[para][execution]") {
  struct Case {
    const char* what;
    std::initializer_list<u32> bytes;
  };
  const Case cases[] = {
      {"CLI", {0xFA}},
      {"STI", {0xFB}},
      {"HLT", {0xF4}},
      {"LGDT", {0x0F, 0x01, 0x15, 0, 0, 0x10, 0xC0}},
      {"LIDT", {0x0F, 0x01, 0x1D, 0, 0, 0x10, 0xC0}},
      {"LLDT", {0x0F, 0x00, 0xD0}},
      {"LTR", {0x0F, 0x00, 0xD8}},
      {"MOV CR0", {0x0F, 0x22, 0xC0}},
      {"MOV CR3", {0x0F, 0x22, 0xD8}},
      {"MOV from CR3", {0x0F, 0x20, 0xD8}},
      {"MOV DR7", {0x0F, 0x23, 0xF8}},
      {"INVLPG", {0x0F, 0x01, 0x38}},
      {"CLTS", {0x0F, 0x06}},
      {"WRMSR", {0x0F, 0x30}},
      {"OUT E9h", {0xE6, 0xE9}},
      {"OUT F4h", {0xE6, 0xF4}},
      {"IN 60h", {0xE4, 0x60}},
      {"INT FFh", {0xCD, 0xFF}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Running g;
    const Event event = g.run_kernel(c.bytes);
    CHECK(event.vector == vector::GP);
    CHECK(event.has_error_code);
    CHECK(g.cpu().eip == kEntry);
    CHECK_FALSE(g.host.machine.exit_code());
    CHECK(g.host.machine.console().empty());
  }
}

TEST_CASE("what needs no privilege needs no monitor", "[para][execution]") {
  Running g;
  // cpuid; rdtsc; pushf; popf; int 82h
  const Event event = g.run_kernel({0x0F, 0xA2, 0x0F, 0x31, 0x9C, 0x9D, 0xCD, 0x82});
  CHECK(event.vector == para::kHypercallVector);
  CHECK(g.cpu().eip == kEntry + 6);
  CHECK((g.cpu().eflags & eflags::IF) != 0);
}

TEST_CASE("ring 1 cannot turn real interrupts off", "[para][execution]") {
  Running g;
  // pushf; pop eax; and eax, ~IF; push eax; popf; int 82h
  g.run_kernel({0x9C, 0x58, 0x25, 0xFF, 0xFD, 0xFF, 0xFF, 0x50, 0x9D, 0xCD, 0x82});
  CHECK((g.cpu().eflags & eflags::IF) != 0);
}

TEST_CASE("what ring 1 reaches of memory", "[para][execution]") {
  Running g;
  const u32 tables = g.layout().linear(g.layout().page_directory).value;
  struct Case {
    const char* what;
    u32 address;
    bool store;
    u8 vector;
  };
  const Case cases[] = {
      {"read the machine-to-guest table", RS_MONITOR_BASE, false, para::kHypercallVector},
      {"write the machine-to-guest table", RS_MONITOR_BASE, true, vector::PF},
      {"read the GDT", RS_SEGMENT_END, false, vector::GP},
      {"write the GDT", RS_SEGMENT_END, true, vector::GP},
      {"straddle the segment's end", RS_SEGMENT_END - 2, false, vector::GP},
      {"the last bytes", 0xFFFFFFFC, true, vector::GP},
      {"read the page directory", tables, false, para::kHypercallVector},
      {"write the page directory", tables, true, vector::PF},
      {"write a page table", tables + kPageSize, true, vector::PF},
      {"write the shared page", g.layout().linear(g.layout().shared_info).value + 64, true,
       para::kHypercallVector},
      {"read nothing", 0x1000, false, vector::PF},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const u32* access = c.store ? kStore : kLoad;
    const Event event = g.run_kernel({AT(c.address), access[0], access[1], 0xCD, 0x82});
    CHECK(event.vector == c.vector);
    if (c.vector == vector::PF) CHECK(g.last_cr2 == c.address);
  }
}

TEST_CASE("a hypercall by stub returns to its caller", "[para][execution]") {
  Running g;
  const u32 stub = kHypercallPage + RS_HC_VERSION * RS_HC_STUB_BYTES, relative = stub - (kEntry + 5);
  g.code(kEntry, {0xE8, relative & 0xFF, relative >> 8 & 0xFF, relative >> 16 & 0xFF, relative >> 24, 0xF4});
  g.cpu().eip = kEntry;
  const Exit exit = g.monitor.enter(100);
  g.outcome = dispatch(g.monitor, exit);
  REQUIRE(g.running());
  CHECK(g.enter().vector == vector::GP);  // HLT behind the call
  CHECK(g.cpu().eip == kEntry + 5);
  CHECK(g.cpu().gpr[EAX] == RS_ABI_VERSION);
}

TEST_CASE("a system call reaches the kernel and comes back without the monitor", "[para][execution]") {
  Running g;
  g.map_user_page();
  g.poke(g.page(0), std::array<rs_trap, 2>{rs_trap{0x80, 3, RS_KERNEL_CS, kHandler}, rs_trap{}});
  REQUIRE(g.call(RS_HC_SET_TRAP_TABLE, g.page(0)) == 0);
  REQUIRE(g.call(RS_HC_STACK_SWITCH, RS_KERNEL_DS, g.page(9)) == 0);
  g.code(kHandler, {0x40, 0xCF});                                // inc eax; iret
  g.run_user({0x31, 0xC0, 0xCD, 0x80, 0xCD, 0x80, 0xCD, 0x82});  // xor eax, eax; int 80h twice; int 82h
  const Event event = g.enter();
  CHECK(event.vector == vector::GP);  // ring 3 may not call the monitor
  CHECK(event.error_code == (para::kHypercallVector << 3 | 2));
  CHECK(g.cpu().gpr[EAX] == 2);
  CHECK(g.cpu().cpl() == 3);
  CHECK(g.cpu().eip == kUserPage + 6);
}

TEST_CASE("ring 3 reaches neither kernel nor monitor", "[para][execution]") {
  for (u32 address : {kEntry, u32{RS_MONITOR_BASE}, u32{RS_SEGMENT_END}, 0xFFFFFFFCu}) {
    CAPTURE(address);
    Running g;
    g.map_user_page();
    g.run_user({AT(address), 0x8B, 0x00, 0xF4});
    const Event event = g.enter();
    CHECK(event.vector == (address < RS_SEGMENT_END ? vector::PF : vector::GP));
    CHECK(g.cpu().eip == kUserPage + 5);
  }
}

TEST_CASE("a user's fault is bounced into the kernel, which returns by hypercall", "[para][execution]") {
  Running g;
  g.map_user_page();
  g.poke(g.page(0),
         std::array<rs_trap, 2>{rs_trap{vector::PF, RS_TRAP_MASK_EVENTS, RS_KERNEL_CS, kHandler}, rs_trap{}});
  REQUIRE(g.call(RS_HC_SET_TRAP_TABLE, g.page(0)) == 0);
  REQUIRE(g.call(RS_HC_STACK_SWITCH, RS_KERNEL_DS, g.page(9)) == 0);
  // The handler skips the two-byte load and returns: add esp, 4; add dword [esp], 2; jmp IRET's stub.
  const u32 stub = kHypercallPage + RS_HC_IRET * RS_HC_STUB_BYTES, relative = stub - (kHandler + 12);
  g.code(kHandler, {0x83, 0xC4, 0x04, 0x83, 0x04, 0x24, 0x02, 0xE9, relative & 0xFF, relative >> 8 & 0xFF,
                    relative >> 16 & 0xFF, relative >> 24});
  g.run_user({AT(0x1000), 0x8B, 0x00, 0x43, 0xF4});  // mov eax, 1000h; mov eax, [eax]; inc ebx; hlt
  g.edit_shared([](rs_shared_info& i) { i.upcall_mask = 0; });
  g.cpu().gpr[EBX] = 7;
  for (int i = 0; i < 2; ++i) {
    const Exit exit = g.monitor.enter(100);
    g.outcome = dispatch(g.monitor, exit);
    REQUIRE(g.running());
    CHECK(g.shared().upcall_mask == (i == 0));
  }
  CHECK(g.enter().vector == vector::GP);
  CHECK(g.cpu().gpr[EBX] == 8);
  CHECK(g.cpu().gpr[EAX] == 0x1000);
  CHECK(g.cpu().cpl() == 3);
  CHECK(g.host.ledger.samples(ExitReason::TruePageFault) == 1);
  CHECK(g.host.ledger.samples(ExitReason::HypercallIret) == 1);
}

TEST_CASE("the host's timer takes the processor through the monitor's gate", "[para][execution]") {
  Running g;
  REQUIRE(g.call(RS_HC_SET_CALLBACK, kCallback) == 0);
  g.code(kEntry, {0xEB, 0xFE});  // jmp $
  g.cpu().eip = kEntry;
  g.edit_shared([](rs_shared_info& i) { i.upcall_mask = 0; });
  g.domain().events.raise(RS_EVENT_TIMER);
  CHECK(std::holds_alternative<exits::BudgetSpent>(g.monitor.enter(100)));
  g.monitor.interrupt_guest();
  const Exit exit = g.monitor.enter(100);
  const auto* entry = std::get_if<exits::MonitorEntry>(&exit);
  REQUIRE(entry);
  CHECK(entry->event.type == EventType::ExternalInterrupt);
  dispatch(g.monitor, exit);
  CHECK(g.cpu().eip == kCallback);
  CHECK(std::holds_alternative<exits::BudgetSpent>(g.monitor.enter(1)));  // once only
}

}  // namespace
}  // namespace ringside::test
