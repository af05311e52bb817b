// Faults, events and returns: the frames on the guest's stack, from fabricated exits.
#include "tests/hypervisor/para_guest.h"

namespace ringside::test {
namespace {

constexpr u32 kHandler = kEntry + 0x40, kCallback = kEntry + 0x80;

/// A guest with a page-fault handler that masks events, a #GP handler that does not, a callback and a ring-1
/// stack.
struct Ready : ParaGuest {
  using ParaGuest::ParaGuest;
  u32 stack_top = page(9);

  void prepare() {
    const rs_trap rows[] = {{vector::PF, RS_TRAP_MASK_EVENTS, RS_KERNEL_CS, kHandler},
                            {vector::GP, 0, RS_KERNEL_CS, kHandler},
                            {vector::BP, 3, RS_KERNEL_CS, kHandler},
                            {0x40, 3 | RS_TRAP_MASK_EVENTS, RS_KERNEL_CS, kHandler},
                            {}};
    poke(page(0), rows);
    REQUIRE(call(RS_HC_SET_TRAP_TABLE, page(0)) == 0);
    REQUIRE(call(RS_HC_SET_CALLBACK, kCallback) == 0);
    REQUIRE(call(RS_HC_STACK_SWITCH, RS_KERNEL_DS, stack_top) == 0);
  }
  /// As if a program were running.
  void to_user() {
    CpuState& s = cpu();
    s.seg[CS] = para::loaded(RS_USER_CS, *domain().descriptors.find(RS_USER_CS));
    for (Seg seg : {SS, DS, ES})
      s.seg[seg] = para::loaded(RS_USER_DS, *domain().descriptors.find(RS_USER_DS));
    s.eip = 0x08048000;
    s.gpr[ESP] = 0xBFFFF000;
    edit_shared([](rs_shared_info& i) { i.upcall_mask = 0; });
  }
  u32 stacked(u32 word) { return peek<u32>(cpu().gpr[ESP] + word * 4); }
};

TEST_CASE("a fault in ring 1 is delivered on the same stack", "[para][frames]") {
  Ready g;
  g.prepare();
  const CpuState before = g.cpu();
  g.fault(vector::PF, 2, 0x12345678);
  REQUIRE(g.running());
  CHECK(g.cpu().eip == kHandler);
  CHECK(g.cpu().gpr[ESP] == before.gpr[ESP] - 16);
  CHECK(g.stacked(0) == 2);
  CHECK(g.stacked(1) == before.eip);
  CHECK(g.stacked(2) == RS_KERNEL_CS);
  CHECK((g.stacked(3) & eflags::IF) == 0);  // events were held off
  CHECK(g.shared().cr2 == 0x12345678);
  CHECK(g.host.ledger.samples(ExitReason::TruePageFault) == 1);
  CHECK(g.host.ledger.total(CostEvent::InjectEvent) == 1);
}

TEST_CASE("a fault in ring 3 switches to the ring-1 stack", "[para][frames]") {
  Ready g;
  g.prepare();
  g.to_user();
  g.cpu().eflags |= eflags::CF | eflags::TF | eflags::NT;
  g.fault(vector::PF, 6, 0x08048000);
  REQUIRE(g.running());
  CHECK(g.cpu().cpl() == 1);
  CHECK(g.cpu().seg[SS].selector == RS_KERNEL_DS);
  CHECK(g.cpu().gpr[ESP] == g.stack_top - 24);
  CHECK(g.stacked(0) == 6);
  CHECK(g.stacked(1) == 0x08048000);
  CHECK(g.stacked(2) == RS_USER_CS);
  CHECK((g.stacked(3) & (eflags::IF | eflags::CF | eflags::TF)) == (eflags::IF | eflags::CF | eflags::TF));
  CHECK(g.stacked(4) == 0xBFFFF000);
  CHECK(g.stacked(5) == RS_USER_DS);
  CHECK((g.cpu().eflags & (eflags::TF | eflags::NT)) == 0);
  CHECK(g.shared().upcall_mask == 1);
}

TEST_CASE("a handler without the mask flag leaves events as they are", "[para][frames]") {
  Ready g;
  g.prepare();
  g.to_user();
  g.fault(vector::GP, 0);
  CHECK(g.shared().upcall_mask == 0);
  CHECK(g.host.ledger.samples(ExitReason::GuestException) == 1);
}

TEST_CASE("INT n through the monitor returns behind the instruction", "[para][frames]") {
  Ready g;
  g.prepare();
  g.to_user();
  g.outcome = g.monitor.on(exits::MonitorEntry{
      {.vector = 0x40, .type = EventType::SoftwareInterrupt, .instruction_length = 2}, 0});
  CHECK(g.stacked(0) == 0x08048002);
  CHECK(g.host.ledger.samples(ExitReason::Syscall) == 1);
  CHECK(g.shared().upcall_mask == 1);
}

TEST_CASE("gates: system calls bypass the monitor, faults do not", "[para][frames]") {
  Ready g;
  g.prepare();
  g.poke(g.page(0), std::array<rs_trap, 2>{rs_trap{0x80, 3, RS_KERNEL_CS, kHandler}, rs_trap{}});
  REQUIRE(g.call(RS_HC_SET_TRAP_TABLE, g.page(0)) == 0);
  auto gate = [&](u8 vector) {
    Descriptor d;
    std::memcpy(&d.low, g.domain().area.idt() + vector * 8, 4);
    std::memcpy(&d.high, g.domain().area.idt() + vector * 8 + 4, 4);
    return d;
  };
  CHECK(gate(0x80).low >> 16 == RS_KERNEL_CS);
  CHECK(((gate(0x80).high & 0xFFFF0000) | (gate(0x80).low & 0xFFFF)) == kHandler);
  CHECK(gate(0x80).dpl() == 3);
  CHECK(gate(0x80).type() == 15);  // a trap gate leaves IF alone
  for (unsigned v = 0; v < 256; ++v) {
    CAPTURE(v);
    if (v == 0x80) continue;
    CHECK(gate(static_cast<u8>(v)).low >> 16 == para::DescriptorTables::kMonitorCs);
    const u32 dpl = v == para::kHypercallVector ? 1 : v == vector::BP || v == 0x40 ? 3 : 0;
    CHECK(gate(static_cast<u8>(v)).dpl() == dpl);
  }
}

TEST_CASE("an event is delivered by an upcall when it is unmasked", "[para][events]") {
  Ready g;
  g.prepare();
  g.to_user();
  g.domain().events.raise_timer(3);
  g.host_interrupt();
  REQUIRE(g.running());
  CHECK(g.cpu().eip == kCallback);
  CHECK(g.stacked(0) == 0x08048000);
  CHECK((g.stacked(2) & eflags::IF) != 0);
  const rs_shared_info info = g.shared();
  CHECK(info.upcall_mask == 1);
  CHECK(info.upcall_pending == 1);
  CHECK(info.event_pending == 1u << RS_EVENT_TIMER);
  CHECK(info.ticks == 3);
  CHECK(g.host.ledger.samples(ExitReason::ExternalInterrupt) == 1);

  // Held off while it runs.
  const u32 esp = g.cpu().gpr[ESP];
  g.domain().events.raise(RS_EVENT_CONSOLE);
  g.host_interrupt();
  CHECK(g.cpu().gpr[ESP] == esp);
}

TEST_CASE("events wait for mask, port mask and callback", "[para][events]") {
  Ready g;
  SECTION("held off") {
    g.prepare();
    g.domain().events.raise(RS_EVENT_TIMER);
    g.host_interrupt();
    CHECK(g.cpu().eip != kCallback);
    // The guest's STI: a store, then some hypercall.
    g.edit_shared([](rs_shared_info& i) { i.upcall_mask = 0; });
    CHECK(g.call(RS_HC_VERSION) == RS_ABI_VERSION);
    CHECK(g.cpu().eip == kCallback);
  }
  SECTION("port masked") {
    g.prepare();
    g.to_user();
    g.edit_shared([](rs_shared_info& i) { i.event_mask = 1u << RS_EVENT_TIMER; });
    g.domain().events.raise(RS_EVENT_TIMER);
    g.host_interrupt();
    CHECK(g.cpu().eip != kCallback);
    CHECK(g.shared().event_pending == 1u << RS_EVENT_TIMER);
  }
  SECTION("no callback") {
    g.to_user();
    g.domain().events.raise(RS_EVENT_TIMER);
    g.host_interrupt();
    CHECK(g.running());
    CHECK(g.cpu().eip == 0x08048000);
  }
}

TEST_CASE("BLOCK waits, and the event wakes the guest inside its callback", "[para][events]") {
  Ready g;
  g.prepare();
  g.call(RS_HC_SCHED_OP, RS_SCHED_BLOCK);
  CHECK(g.outcome.kind == Outcome::Kind::Idle);
  CHECK(g.shared().upcall_mask == 0);
  CHECK_FALSE(g.monitor.event_waiting());
  const u32 eip = g.cpu().eip;
  g.domain().events.raise(RS_EVENT_TIMER);
  CHECK(g.monitor.event_waiting());
  g.monitor.before_entry();
  CHECK(g.cpu().eip == kCallback);
  CHECK(g.stacked(0) == eip);
  CHECK(g.cpu().gpr[EAX] == 0);
}

TEST_CASE("BLOCK returns at once if an event waits", "[para][events]") {
  Ready g;
  g.prepare();
  g.domain().events.raise(RS_EVENT_DISK);
  g.call(RS_HC_SCHED_OP, RS_SCHED_BLOCK);
  CHECK(g.outcome.kind == Outcome::Kind::Advance);
  CHECK(g.cpu().eip == kCallback);
}

TEST_CASE("typed text arrives in the ring with an event", "[para][events]") {
  ParaGuest g(nullptr, "ls\n");
  for (int i = 0; i < 10 && g.shared().event_pending == 0; ++i) {
    if (g.host.machine.next_deadline() != Machine::kNever) g.host.idle_until(g.host.machine.next_deadline());
    g.host.machine.advance();
    g.monitor.advance();
  }
  CHECK(g.shared().event_pending == 1u << RS_EVENT_CONSOLE);
  const auto ring = g.peek<rs_console_ring>(g.layout().linear(g.layout().console_ring).value);
  CHECK(ring.in_producer >= 1);
  CHECK(ring.in[0] == 'l');
}

// ---- the way back

struct ReturnFrame {
  u32 eax, eip, cs, eflags, esp, ss;
};

TEST_CASE("IRET goes back to a program", "[para][frames]") {
  Ready g;
  g.prepare();
  g.cpu().gpr[ESP] = g.stack_top - sizeof(ReturnFrame);
  g.poke(g.cpu().gpr[ESP], ReturnFrame{42, 0x08048000, RS_USER_CS, ~u32{0}, 0xBFFFF000, RS_USER_DS});
  g.call(RS_HC_IRET);
  REQUIRE(g.running());
  CHECK(g.cpu().gpr[EAX] == 42);
  CHECK(g.cpu().eip == 0x08048000);
  CHECK(g.cpu().cpl() == 3);
  CHECK(g.cpu().gpr[ESP] == 0xBFFFF000);
  CHECK(g.shared().upcall_mask == 0);
  // The kernel's segments do not leak out, and EFLAGS gives no more than a program may have.
  CHECK_FALSE(g.cpu().seg[DS].usable());
  CHECK((g.cpu().eflags & (eflags::IOPL | eflags::VM | eflags::NT | eflags::VIF)) == 0);
  CHECK((g.cpu().eflags & eflags::IF) != 0);
  CHECK(g.host.ledger.samples(ExitReason::HypercallIret) == 1);
}

TEST_CASE("IRET within ring 1 keeps events held off if IF was clear", "[para][frames]") {
  Ready g;
  g.prepare();
  g.domain().events.raise(RS_EVENT_TIMER);
  g.cpu().gpr[ESP] = g.stack_top - 16;
  for (u32 flags : {0u, u32{eflags::IF}}) {
    g.cpu().gpr[ESP] = g.stack_top - 16;
    g.poke(g.cpu().gpr[ESP], std::array<u32, 4>{7, kHandler, RS_KERNEL_CS, flags});
    g.call(RS_HC_IRET);
    REQUIRE(g.running());
    CHECK(g.cpu().eip == (flags ? kCallback : kHandler));
    CHECK(g.shared().upcall_mask == 1);
  }
}

TEST_CASE("frames that cannot be returned to end the guest", "[para][frames]") {
  const ReturnFrame good{0, 0x08048000, RS_USER_CS, 2, 0xBFFFF000, RS_USER_DS};
  struct Case {
    const char* what;
    ReturnFrame frame;
  };
  auto with = [&](auto member, u32 value) {
    ReturnFrame f = good;
    f.*member = value;
    return f;
  };
  const Case cases[] = {
      {"ring 0 code", with(&ReturnFrame::cs, para::DescriptorTables::kMonitorCs)},
      {"ring 0 code with RPL 3", with(&ReturnFrame::cs, para::DescriptorTables::kMonitorCs | 3)},
      {"null CS", with(&ReturnFrame::cs, 0)},
      {"null CS with RPL 3", with(&ReturnFrame::cs, 3)},
      {"data as CS", with(&ReturnFrame::cs, RS_USER_DS)},
      {"kernel code with RPL 3", with(&ReturnFrame::cs, RS_KERNEL_CS | 3)},
      {"an empty descriptor", with(&ReturnFrame::cs, 0x7B)},
      {"LDT", with(&ReturnFrame::cs, RS_USER_CS | 4)},
      {"beyond the GDT", with(&ReturnFrame::cs, 0xFFFB)},
      {"EIP beyond the segment", with(&ReturnFrame::eip, RS_SEGMENT_END)},
      {"kernel stack for a program", with(&ReturnFrame::ss, RS_KERNEL_DS)},
      {"ring 0 stack", with(&ReturnFrame::ss, para::DescriptorTables::kMonitorDs | 3)},
      {"null SS", with(&ReturnFrame::ss, 3)},
      {"code as SS", with(&ReturnFrame::ss, RS_USER_CS)},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Ready g;
    g.prepare();
    g.cpu().gpr[ESP] = g.stack_top - sizeof(ReturnFrame);
    g.poke(g.cpu().gpr[ESP], c.frame);
    g.call(RS_HC_IRET);
    CHECK_FALSE(g.running());
    CHECK_THAT(g.outcome.why, contains("IRET"));
  }
  for (u32 esp : {0u, 8u, RS_MONITOR_BASE, RS_MONITOR_BASE - 8, RS_SEGMENT_END - 8, 0xFFFFFFF8u}) {
    CAPTURE(esp);
    Ready g;
    g.prepare();
    g.cpu().gpr[ESP] = esp;
    g.call(RS_HC_IRET);
    CHECK_FALSE(g.running());
  }
}

TEST_CASE("a fault that has nowhere to go ends the guest", "[para][frames]") {
  SECTION("no handler") {
    ParaGuest g;
    g.fault(vector::PF, 2, 0x1234);
    CHECK_FALSE(g.running());
    CHECK_THAT(g.outcome.why, contains("no handler for vector 14") && contains("00001234"));
  }
  SECTION("no stack") {
    for (u32 esp :
         {0u, 12u, 0x08000000u, RS_MONITOR_BASE, RS_MONITOR_BASE + 8, RS_SEGMENT_END, 0xFFFFFFFFu}) {
      CAPTURE(esp);
      Ready g;
      g.prepare();
      g.cpu().gpr[ESP] = esp;
      g.fault(vector::GP, 0);
      CHECK_FALSE(g.running());
      CHECK_THAT(g.outcome.why, contains("not writable"));
    }
  }
  SECTION("a page table as stack") {
    Ready g;
    g.prepare();
    g.cpu().gpr[ESP] = g.layout().linear(g.layout().page_directory).value + 64;
    g.fault(vector::GP, 0);
    CHECK_FALSE(g.running());
    CHECK(g.audit() == "");
  }
  SECTION("no ring-1 stack segment") {
    Ready g;
    g.prepare();
    REQUIRE(g.call(RS_HC_UPDATE_DESCRIPTOR, RS_KERNEL_DS / 8, 0, 0) == 0);
    g.to_user();
    g.fault(vector::GP, 0);
    CHECK_FALSE(g.running());
  }
  SECTION("no ring-1 code segment") {
    Ready g;
    g.prepare();
    REQUIRE(g.call(RS_HC_UPDATE_DESCRIPTOR, RS_KERNEL_CS / 8, 0, 0) == 0);
    g.to_user();
    g.fault(vector::GP, 0);
    CHECK_FALSE(g.running());
  }
  SECTION("an upcall without a stack") {
    Ready g;
    g.prepare();
    REQUIRE(g.call(RS_HC_STACK_SWITCH, RS_KERNEL_DS, 0x10) == 0);
    g.to_user();
    g.domain().events.raise(RS_EVENT_TIMER);
    g.host_interrupt();
    CHECK_FALSE(g.running());
    CHECK_THAT(g.outcome.why, contains("event"));
  }
}

}  // namespace
}  // namespace ringside::test
