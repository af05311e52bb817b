// A paravirtual guest at its worst: a series of bytes decides what it asks for, stores, breaks and executes.
// Used by the fuzzer and by a fixed random series.
//
// Afterwards nothing of the monitor's own memory may have changed but what the interface lets a guest change,
// and the page tables must still be ones that the auditor accepts.
#pragma once

#include <algorithm>
#include <span>

#include "tests/hypervisor/para_image.h"
#include "tests/hypervisor/para_paging_support.h"

namespace ringside::test {

class HostileGuest {
 public:
  explicit HostileGuest(std::span<const u8> script) : script_(script) {
    monitor_.boot(para_image(), "");
    before_.assign(host_.memory.data(), host_.memory.data() + host_.machine.ram().base().value);
  }

  /// Empty, or what was violated.
  std::string run() {
    u32 steps = 0;
    while (!script_.empty() && alive_ && ++steps < 4096) step();
    const std::string wrong = audit();
    return wrong.empty() ? monitor_memory() : wrong;
  }
  bool alive() const { return alive_; }

 private:
  static constexpr u64 kRam = 2u << 20;

  u8 byte() {
    if (script_.empty()) return 0;
    const u8 b = script_[0];
    script_ = script_.subspan(1);
    return b;
  }
  u32 word() {
    u32 w = byte();
    w |= byte() << 8;
    w |= byte() << 16;
    return w | u32{byte()} << 24;
  }

  // -- things of the guest's, so that requests are often nearly right
  u32 page() { return static_cast<u32>(monitor_.domain().layout.first_free.frame()) + byte() % 16; }
  u32 linear() { return kVirtBase + (page() << 12) + (byte() & 0xFC); }
  u32 frame() { return static_cast<u32>(host_.machine.ram().base().frame()) + page(); }
  u32 structure() {
    const para::DomainLayout& l = monitor_.domain().layout;
    const GuestPhys at = l.page_directory + u64{byte() % l.page_table_pages} * kPageSize;
    return static_cast<u32>(host_.machine.ram().to_machine(at).value);
  }
  u32 entry_address() {
    const u32 table = byte() & 1 ? structure() : frame() << 12;
    return table + (byte() & 1 ? 4 * (page() & 1023) : (word() & 0xFFC));
  }
  u32 value() {
    switch (byte() % 10) {
      case 0: return byte();
      case 1: return word();
      case 2: return linear();
      case 3: return frame();
      case 4: return frame() << 12 | (byte() & 0x67);
      case 5: return structure() | (byte() & 0x67);
      case 6: return entry_address();
      case 7: return 0u - byte();
      case 8: return structure() >> 12;
      default: return RS_MONITOR_BASE + word() % 64 - 32;
    }
  }

  void step() {
    CpuState& s = host_.cpu.state();
    switch (byte() % 16) {
      case 0:
      case 1:
      case 2: hypercall(byte() % (RS_HC_COUNT + 1)); break;
      case 3: hypercall(RS_HC_UPDATE_VA_MAPPING); break;
      case 4: one_row(RS_HC_MMU_UPDATE, entry_address(), value()); break;
      case 5: one_row(RS_HC_MMUEXT_OP, byte() % 7, byte() & 1 ? frame() : value()); break;
      case 6: make_read_only(page()); break;
      case 7:
      case 8: store(linear(), value()); break;
      case 9: store_shared(); break;
      case 10: fault(); break;
      case 11: deliver({.vector = kHostInterruptVector, .type = EventType::ExternalInterrupt}, 0); break;
      case 12: s.gpr[byte() & 7] = value(); break;
      case 13: trap_table(); break;
      case 14: one_row(RS_HC_MULTICALL, byte() % RS_HC_COUNT, value(), value(), value()); break;
      default: execute(); break;
    }
  }

  void store(u32 at, u32 value) { monitor_.domain().memory.write(LinearAddr(at), &value, 4); }

  void store_shared() {
    const para::DomainLayout& l = monitor_.domain().layout;
    const GuestPhys pages[] = {l.shared_info, l.console_ring, l.disk_ring};
    store(l.linear(pages[byte() % 3]).value + (word() % 1024) * 4, value());
  }

  void hypercall(u32 number) {
    CpuState& s = host_.cpu.state();
    if (s.cpl() != 1) return;  // the gate's DPL
    s.gpr[EAX] = number;
    for (Gpr r : {EBX, ECX, EDX}) s.gpr[r] = value();
    deliver({.vector = para::kHypercallVector, .type = EventType::SoftwareInterrupt, .instruction_length = 2},
            0);
  }

  template <class... Words>
  void one_row(u32 number, Words... words) {
    const u32 at = linear();
    u32 offset = 0;
    ((store(at + offset, words), offset += 4), ...);
    CpuState& s = host_.cpu.state();
    if (s.cpl() != 1) return;
    s.gpr[EAX] = number;
    s.gpr[EBX] = at;
    s.gpr[ECX] = 1 + byte() % 3;
    deliver({.vector = para::kHypercallVector, .type = EventType::SoftwareInterrupt, .instruction_length = 2},
            0);
  }

  void make_read_only(u32 page) {
    CpuState& s = host_.cpu.state();
    if (s.cpl() != 1) return;
    const u32 frame = static_cast<u32>(host_.machine.ram().base().frame()) + page;
    s.gpr[EAX] = RS_HC_UPDATE_VA_MAPPING;
    s.gpr[EBX] = kVirtBase + (page << 12);
    s.gpr[ECX] = frame << 12 | pte::P;
    s.gpr[EDX] = RS_UVMF_NONE;
    deliver({.vector = para::kHypercallVector, .type = EventType::SoftwareInterrupt, .instruction_length = 2},
            0);
  }

  void trap_table() {
    const u32 at = linear();
    store(at, byte() | u32{byte() & 7u} << 8 | (byte() & 3 ? u32{RS_KERNEL_CS} : value() & 0xFFFF) << 16);
    store(at + 4, value());
    store(at + 8, 0);
    store(at + 12, 0);
    CpuState& s = host_.cpu.state();
    if (s.cpl() != 1) return;
    s.gpr[EAX] = RS_HC_SET_TRAP_TABLE;
    s.gpr[EBX] = at;
    deliver({.vector = para::kHypercallVector, .type = EventType::SoftwareInterrupt, .instruction_length = 2},
            0);
  }

  void fault() {
    Event event{.vector = static_cast<u8>(byte() % 20)};
    event.has_error_code = byte() & 1;
    event.error_code = byte();
    deliver(event, value());
  }

  /// Truly runs whatever the guest has written, or what the script says next.
  void execute() {
    CpuState& s = host_.cpu.state();
    const u32 at = linear();
    for (u32 i = 0; i < 4; ++i) store(at + i * 4, word());
    if (s.cpl() == 1) s.eip = at;
    for (int entries = 0; entries < 8 && alive_; ++entries) {
      monitor_.advance();
      monitor_.before_entry();
      const Exit exit = monitor_.enter(64);
      host_.settle();
      const Outcome outcome = dispatch(monitor_, exit);
      finish(outcome);
      if (std::holds_alternative<exits::BudgetSpent>(exit)) break;
    }
  }

  void deliver(const Event& event, u32 cr2) {
    monitor_.before_entry();
    finish(monitor_.on(exits::MonitorEntry{event, cr2}));
  }

  void finish(const Outcome& outcome) {
    alive_ = outcome.kind != Outcome::Kind::Stop && !host_.machine.exit_code();
    if (alive_) monitor_.apply(outcome);
    if (outcome.kind == Outcome::Kind::Idle) host_.idle_until(host_.now() + host_.hz() / 100);
  }

  std::string audit() {
    const para::Domain& d = monitor_.domain();
    std::map<u32, u32> held;
    for (GuestPhys at : {d.layout.shared_info, d.layout.console_ring, d.layout.disk_ring})
      ++held[static_cast<u32>(host_.machine.ram().to_machine(at).frame())];
    return PagingAudit(d.paging, host_.machine.ram(), d.area.directory_entry(), held).run();
  }

  /// GDT entries 1-15, gates and the ring-1 stack are the guest's to set, accessed bits the processor's.
  std::string monitor_memory() {
    const para::MonitorArea& area = monitor_.domain().area;
    const u8* now = host_.memory.data();
    const u64 gdt = static_cast<u64>(area.gdt() - now), idt = static_cast<u64>(area.idt() - now),
              tss = static_cast<u64>(area.tss() - now), table = area.directory_entry() & pte::kFrame;
    for (u64 i = 0; i < before_.size(); ++i) {
      if (i % kPageSize == 0 && std::memcmp(now + i, before_.data() + i, kPageSize) == 0) {
        i += kPageSize - 1;
        continue;
      }
      if (now[i] == before_[i]) continue;
      if (i >= gdt + 8 && i < gdt + 16 * 8) continue;
      if (i >= idt && i < idt + 256 * 8) continue;
      if (i >= tss + 12 && i < tss + 18) continue;
      if (i >= table && i < table + kPageSize && i % 4 == 0 && (now[i] & ~0x60) == (before_[i] & ~0x60))
        continue;
      return "the monitor's memory changed at " + std::to_string(i);
    }
    for (u32 vector = 0; vector < 256; ++vector) {
      u32 low, high;
      std::memcpy(&low, area.idt() + vector * 8, 4);
      std::memcpy(&high, area.idt() + vector * 8 + 4, 4);
      const u32 cs = low >> 16;
      const bool to_monitor =
          cs == para::DescriptorTables::kMonitorCs && (low & 0xFFFF) == 0 && high >> 16 == 0;
      if (!to_monitor && (cs >> 3 == 0 || cs >> 3 >= 16)) return "a gate leads into the monitor's segments";
      const u32 dpl = high >> 13 & 3;
      if ((vector == para::kHypercallVector && (!to_monitor || dpl != 1)) ||
          (vector >= para::kFirstHostVector && (!to_monitor || dpl != 0)))
        return "one of the monitor's own gates changed";
    }
    if (host_.cpu.state().cr3 != monitor_.domain().paging.base() << 12) return "CR3 is not the base pointer";
    if (host_.cpu.state().cpl() == 0) return "the guest runs in ring 0";
    return {};
  }

  std::span<const u8> script_;
  std::shared_ptr<BlockBackend> disk_ = counting_disk(64);
  Host host_{para_host(kRam, disk_)};
  ParaMonitor monitor_{host_, disk_};
  std::vector<u8> before_;
  bool alive_ = true;
};

}  // namespace ringside::test
