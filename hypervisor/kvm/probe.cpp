#include "hypervisor/kvm/probe.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstring>
#include <span>

#include "cpu/host_error.h"
#include "hypervisor/abi/ports.h"
#include "hypervisor/kvm/kvm_vcpu.h"

// The guests. Each is loaded at 1000h and reports by writing 42 to the exit port. Handlers and ring-3 code
// lie at fixed offsets, because the tables that point to them are made below.
asm(R"(
  .section .rodata
  .code16
ringside_probe_real:
  mov $40, %ax
  add $2, %ax
  out %al, $0xF4
  hlt
ringside_probe_real_end:
  .code32
ringside_probe_flat:
  mov $40, %eax
  add $2, %eax
  out %al, $0xF4
  hlt
ringside_probe_flat_end:
ringside_probe_interrupt:
  mov $1, %eax
  int $0x30
  inc %eax
  out %al, $0xF4
  hlt
  .org ringside_probe_interrupt + 0x80
  mov $41, %eax
  iret
ringside_probe_interrupt_end:
ringside_probe_paging:
  mov $0x10000, %eax
  mov %eax, %cr3
  mov %cr0, %eax
  or $0x80000000, %eax
  mov %eax, %cr0
  mov 0x408000, %al
  out %al, $0xF4
  hlt
ringside_probe_paging_end:
ringside_probe_ring3:
  mov $0x28, %ax
  ltr %ax
  push $0x23
  push $0x7000
  push $2
  push $0x1B
  push $0x1040
  iret
  .org ringside_probe_ring3 + 0x40
  mov $39, %eax
  int $0x30
  .org ringside_probe_ring3 + 0x80
  mov 4(%esp), %ecx
  and $3, %ecx
  add %ecx, %eax
  out %al, $0xF4
  hlt
ringside_probe_ring3_end:
ringside_probe_x87:
  fninit
  fld1
  fld1
  faddp
  push $0
  fistpl (%esp)
  pop %eax
  add $40, %eax
  out %al, $0xF4
  hlt
ringside_probe_x87_end:
ringside_probe_store:
  mov %eax, 0x5000
  out %al, $0x80
ringside_probe_store_end:
ringside_probe_loop:
  out %al, $0x80
  jmp ringside_probe_loop
ringside_probe_loop_end:
  .code64
  .previous
)");

#define PROBE_GUEST(name) extern "C" const std::uint8_t ringside_probe_##name[], ringside_probe_##name##_end[]
PROBE_GUEST(real);
PROBE_GUEST(flat);
PROBE_GUEST(interrupt);
PROBE_GUEST(paging);
PROBE_GUEST(ring3);
PROBE_GUEST(x87);
PROBE_GUEST(store);
PROBE_GUEST(loop);
#define PROBE_CODE(name) \
  { ringside_probe_##name, static_cast<std::size_t>(ringside_probe_##name##_end - ringside_probe_##name) }

namespace ringside {
namespace {

constexpr u64 kRamBytes = 1u << 20;
constexpr u32 kCode = 0x1000, kHandler = kCode + 0x80, kGdt = 0x2000, kIdt = 0x3000, kTss = 0x4000,
              kStack = 0x6000;
constexpr u32 kDirectory = 0x10000, kTable0 = 0x11000, kTable1 = 0x12000, kPagedDatum = 0x8000;
constexpr u8 kAnswer = 42, kInt3 = 0xCC;
constexpr u64 kHz = 1'000'000'000, kPatience = kHz / 5;  // a fifth of a second for each guest

enum class Setup : u8 { Real, Flat, Paging4K, Paging4M };

/// Tries something with a guest; how it ended if it does not work.
using Attempt = std::string (*)(KvmVcpu&);
std::string answers(KvmVcpu&);
std::string steps(KvmVcpu&);
std::string breaks(KvmVcpu&);
std::string watches(KvmVcpu&);

struct Ability {
  const char* name;
  std::span<const u8> code;
  Setup setup;
  Attempt attempt = answers;
};

const Ability kAbilities[] = {
    {"real mode", PROBE_CODE(real), Setup::Real},
    {"flat protected mode", PROBE_CODE(flat), Setup::Flat},
    {"INT n and IRET", PROBE_CODE(interrupt), Setup::Flat},
    {"4 KiB paging", PROBE_CODE(paging), Setup::Paging4K},
    {"4 MiB pages", PROBE_CODE(paging), Setup::Paging4M},
    {"ring 3", PROBE_CODE(ring3), Setup::Flat},
    {"x87", PROBE_CODE(x87), Setup::Flat},
};
const Ability kDebuggerAbilities[] = {
    {"single step", PROBE_CODE(store), Setup::Flat, steps},
    {kInt3Breakpoints, PROBE_CODE(store), Setup::Flat, breaks},
    {kWatchpoints, PROBE_CODE(store), Setup::Flat, watches},
};
constexpr u32 kStoreLength = 5, kStored = 0x5000;  // of the guest "store"

/// A machine with the tables that a small protected-mode guest needs.
class ProbeMachine {
 public:
  explicit ProbeMachine(const Ability& ability)
      : memory_(kRamBytes),
        machine_(GuestMemory(memory_, MachinePhys(0), kRamBytes), {}),
        vcpu_(machine_, CpuModel::P6, kHz) {
    std::memcpy(memory_.data() + kCode, ability.code.data(), ability.code.size());
    if (ability.attempt == breaks) memory_.data()[kCode + kStoreLength] = kInt3;
    CpuState& s = vcpu_.state();
    if (ability.setup == Setup::Real) {
      s = reset_state();
      s.seg[CS].selector = 0;
      s.seg[CS].base = 0;
      s.eip = kCode;
      return;
    }
    s = flat_protected_state(kCode);
    s.gpr[ESP] = kStack;
    write_descriptor_tables(s);
    if (ability.setup != Setup::Flat) write_page_tables(ability.setup == Setup::Paging4M, s);
  }

  KvmVcpu& vcpu() { return vcpu_; }

 private:
  void put(u32 at, u32 value) { std::memcpy(memory_.data() + at, &value, 4); }

  void write_descriptor_tables(CpuState& s) {
    constexpr u32 kFlatLow = 0x0000FFFF;
    const u32 high[] = {0, 0x00CF9B00, 0x00CF9300, 0x00CFFB00,
                        0x00CFF300};  // null, kernel CS, DS, user CS, DS
    for (u32 i = 0; i < 5; ++i) {
      put(kGdt + 8 * i, i ? kFlatLow : 0);
      put(kGdt + 8 * i + 4, high[i]);
    }
    put(kGdt + 40, kTss << 16 | 0x67);
    put(kGdt + 44, 0x00008900);
    put(kIdt + 8 * 0x30, 0x0008u << 16 | kHandler);
    put(kIdt + 8 * 0x30 + 4, 0x0000EE00);  // interrupt gate, open to ring 3
    put(kTss + 4, kStack);
    put(kTss + 8, 0x10);
    s.gdtr = {kGdt, 47};
    s.idtr = {kIdt, 0x31 * 8 - 1};
    s.seg[CS].selector = 0x08;
    for (const Seg seg : {ES, SS, DS, FS, GS}) s.seg[seg].selector = 0x10;
  }

  /// Identity for the first MiB; 408000h is a second name of the datum's page.
  void write_page_tables(bool large, CpuState& s) {
    memory_.data()[kPagedDatum] = kAnswer;
    if (large) {
      put(kDirectory, 0x83);
      put(kDirectory + 4, 0x83);
      s.cr4 |= cr4::PSE;
      return;
    }
    put(kDirectory, kTable0 | 3);
    put(kDirectory + 4, kTable1 | 3);
    for (u32 page = 0; page < 256; ++page) put(kTable0 + 4 * page, page << 12 | 3);
    put(kTable1 + 4 * 8, kPagedDatum | 3);
  }

  MachineMemory memory_;
  KvmVirtualMachine machine_;
  KvmVcpu vcpu_;
};

std::string describe_exit(const Exit& exit) {
  if (const auto* e = std::get_if<exits::KvmInternalError>(&exit))
    return fmt::format("internal error, sub-code {}: {}", e->sub_code, e->what);
  if (std::holds_alternative<exits::TripleFault>(exit)) return "shutdown";
  if (std::holds_alternative<exits::BudgetSpent>(exit)) return "it never ended";
  if (const auto* e = std::get_if<exits::KvmFailEntry>(&exit))
    return fmt::format("entry refused, reason {:X}h", e->hardware_reason);
  if (const auto* e = std::get_if<exits::PortAccess>(&exit))
    return fmt::format("wrong answer {} on port {:X}h", e->data.empty() ? 0 : e->data[0], e->port);
  return "unexpected exit";
}

std::string answers(KvmVcpu& vcpu) {
  const Exit exit = vcpu.run(kPatience);
  const auto* io = std::get_if<exits::PortAccess>(&exit);
  const bool works = io && !io->in && io->port == RS_PORT_EXIT && !io->data.empty() && io->data[0] == kAnswer;
  return works ? "" : describe_exit(exit);
}

std::string steps(KvmVcpu& vcpu) {
  const Exit exit = vcpu.run(1);
  if (!std::holds_alternative<exits::BudgetSpent>(exit)) return describe_exit(exit);
  const u32 eip = vcpu.state().eip;
  return eip == kCode + kStoreLength ? "" : fmt::format("one step led to {:X}h", eip);
}

bool stops_at(KvmVcpu& vcpu, LinearAddr address) {
  const Exit exit = vcpu.run(kPatience);
  const auto* stop = std::get_if<exits::DebugStop>(&exit);
  return stop && stop->address == address;
}

std::string breaks(KvmVcpu& vcpu) {
  vcpu.debug(true, {});
  return stops_at(vcpu, LinearAddr(kCode + kStoreLength)) ? ""
                                                          : "not intercepted; HLT stands in, in ring 0 only";
}

std::string watches(KvmVcpu& vcpu) {
  vcpu.debug(false, {{LinearAddr(kStored), 4, false}});
  return stops_at(vcpu, LinearAddr(kStored)) ? "" : "the debug registers are not honoured";
}

KvmAbility try_ability(const Ability& ability) {
  KvmAbility result{ability.name, false, {}};
  try {
    ProbeMachine m(ability);
    result.detail = ability.attempt(m.vcpu());
    result.works = result.detail.empty();
  } catch (const HostError& e) {
    result.detail = e.what();
  }
  return result;
}

u64 measure_port_write() {
  constexpr unsigned kWrites = 500;
  ProbeMachine m({"", PROBE_CODE(loop), Setup::Flat, answers});
  const auto start = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < kWrites; ++i)
    if (!std::holds_alternative<exits::PortAccess>(m.vcpu().run(kPatience))) return 0;
  const auto ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count();
  return static_cast<u64>(ns) / kWrites;
}

}  // namespace

bool KvmProbe::works(std::string_view ability) const {
  for (const auto* list : {&abilities, &for_debuggers})
    for (const KvmAbility& a : *list)
      if (a.name == ability) return a.works;
  return false;
}

bool KvmProbe::complete() const { return usable() && missing().empty(); }

std::string KvmProbe::missing() const {
  std::string list;
  for (const KvmAbility& a : abilities)
    if (!a.works) list += (list.empty() ? "" : ", ") + a.name;
  return list;
}

KvmProbe probe_kvm() {
  KvmProbe probe;
  try {
    open_kvm();
    for (const Ability& ability : kAbilities) probe.abilities.push_back(try_ability(ability));
    for (const Ability& ability : kDebuggerAbilities) probe.for_debuggers.push_back(try_ability(ability));
    probe.port_write_ns = measure_port_write();
  } catch (const HostError& e) {
    probe.error = e.what();
  }
  return probe;
}

const KvmProbe& host_kvm() {
  static const KvmProbe probe = probe_kvm();
  return probe;
}

}  // namespace ringside
