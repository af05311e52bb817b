// The run loop: what happens between two blocks of instructions.
//
// Modelled: priorities of events at an instruction boundary (SDM vol. 3 table 6-2): debug trap of the
// previous instruction, injected event, external interrupt, instruction breakpoint, fetch. Interrupt shadows,
// RF, TF, HLT.
#include "cpu/core.h"

#include <algorithm>
#include <utility>

#include "cpu/block_cache.h"
#include "cpu/execute/cold.h"
#include "cpu/execute/debug.h"

namespace ringside {

Cpu::Core::Core(Cpu& o, MachineMemory& m, Bus& b, CpuConfig cfg)
    : owner(o), memory(m), bus(b), config(cfg), blocks(std::make_unique<BlockCache>(m.size())) {
  x.jumps = blocks->jumps.get();
  if (config.tlb.modelled()) tlb_model = std::make_unique<TlbModel>(config.tlb);
}

Cpu::Core::~Core() = default;

bool Cpu::Core::raise(u8 vector) {
  fault.kind = Fault::Kind::Exception;
  fault.event = Event{vector};
  return false;
}

bool Cpu::Core::raise(u8 vector, u32 error_code) {
  fault.kind = Fault::Kind::Exception;
  fault.event = Event{vector, EventType::HardwareException, true, error_code};
  return false;
}

bool Cpu::Core::raise_page_fault(u32 error_code, LinearAddr address) {
  raise(vector::PF, error_code);
  fault.cr2 = address.value;
  return false;
}

bool Cpu::Core::exit(CpuExit e) {
  fault.kind = Fault::Kind::Exit;
  fault.exit = std::move(e);
  return false;
}

namespace {

/// Not 0 unless the segment is one that the fast path may take for all of memory, of these access rights.
/// Without branches, since every system call and interrupt asks.
[[gnu::always_inline]] inline u32 not_flat(const SegmentRegister& r, u32 asked, u32 wanted) {
  return r.base | (r.limit < kFlatLimit) | ((r.access & asked) ^ wanted);
}

u32 derive_mode(const Core& c) {
  using namespace access_rights;
  constexpr u32 kCodeAsked = kUnusable | kPresent | kS | kBig, kCodeWanted = kPresent | kS | kBig;
  constexpr u32 kDataAsked =
      kUnusable | kPresent | kS | kCode | kExpandDownOrConforming | kWritableOrReadable;
  constexpr u32 kDataWanted = kPresent | kS | kWritableOrReadable;
  const CpuState& s = c.s;
  const bool user = s.cpl() == 3;
  u32 mode = user ? mode::kUser : 0;
  if (s.seg[CS].big()) mode |= mode::kCode32;
  if (s.seg[SS].big()) mode |= mode::kStack32;
  const u32 obstacles = not_flat(s.seg[CS], kCodeAsked, kCodeWanted) |
                        not_flat(s.seg[DS], kDataAsked, kDataWanted) |
                        not_flat(s.seg[ES], kDataAsked, kDataWanted) |
                        not_flat(s.seg[SS], kDataAsked | kBig, kDataWanted | kBig) | (s.eflags & eflags::VM) |
                        (~s.cr0 & cr0::PE) | (c.x.alignment & user) | c.x.debugging;
  return obstacles ? mode : mode | mode::kFlat;
}

}  // namespace

void refresh_mode(Core& c) {
  const bool alignment = alignment_checked(c);
  if (alignment != c.x.alignment) {
    c.x.alignment = alignment;
    set_user_tags(c, !alignment);
  }
  const u32 mode = derive_mode(c);
  const SegmentRegister& cs = c.s.seg[CS];
  const u32 old = c.x.context & ((1u << mode::kBits) - 1);
  c.x.context = c.x.generation << mode::kBits | mode;
  c.x.tlb = mode & mode::kUser ? c.tlb.user.data() : c.tlb.supervisor.data();
  if (cs.base != c.x.cs_base || cs.limit != c.x.cs_limit) {
    c.x.cs_base = cs.base;
    c.x.cs_limit = cs.limit;
    if (!(mode & old & mode::kFlat)) new_generation(c);  // cached targets are offsets in another segment
  }
}

void settle(Insn& i, Core& c) {
  c.x.current = &i;
  c.s.eip = i.eip();
  c.s.eflags = (c.s.eflags & ~eflags::kArithmetic) | c.x.flags.image();
  c.counters.instructions = c.retired();
}

u64 Cpu::Core::retired() const {
  if (!x.current) return counters.instructions;
  return x.retired_base - x.countdown + (x.current->slot() - x.current->head()->d);
}

namespace {

/// One run() of the processor.
class Runner {
 public:
  Runner(Core& core, u64 budget) : c(core) {
    c.x.budget_end = c.counters.instructions + c.counters.rep_iterations + std::min(budget, kLongestBudget);
  }

  CpuExit run() {
    c.x.flags.set_image(c.s.eflags);
    c.x.debugging = debugging(c);
    c.x.attention = false;
    c.fault.kind = Fault::Kind::None;
    refresh_mode(c);
    for (;;) {
      std::optional<CpuExit> stop = boundary();
      if (!stop && c.fault.kind == Fault::Kind::None) stop = execute();
      if (!stop && c.fault.kind != Fault::Kind::None) stop = handle_fault();
      if (stop) return finish(std::move(*stop));
    }
  }

 private:
  static constexpr i64 kSlice = 1 << 16;  ///< instructions between two looks at stop_requested
  static constexpr u64 kLongestBudget = u64{1} << 62;

  CpuExit finish(CpuExit e) {
    c.s.eflags = (c.s.eflags & ~eflags::kArithmetic) | c.x.flags.image();
    return e;
  }

  bool shadowed() const { return c.s.sti_shadow || c.s.mov_ss_shadow; }
  /// Somebody waits for the moment at which an interrupt could be delivered.
  bool interrupt_awaited() const { return c.interrupt_line || (c.vmcs && c.vmcs->interrupt_window_exiting); }

  /// Between two instructions: an exit, or nothing; an event that ended in a fault is in c.fault.
  std::optional<CpuExit> boundary() {
    c.x.attention = false;
    if (debug_trap) {  // belongs to the instruction before, whatever else waits
      c.s.dr[6] |= std::exchange(debug_trap, 0);
      deliver(Event{vector::DB}, false);
      if (c.fault.kind != Fault::Kind::None) return std::nullopt;
    }
    if (c.debug.hit) return debug_stop();
    if (c.stop_requested.load(std::memory_order_relaxed) && c.stop_requested.exchange(false))
      return exits::Stopped{};
    if (c.budget_left() == 0) return exits::BudgetSpent{};
    if (c.vmcs && c.vmcs->entry_event) {
      const Event event = *std::exchange(c.vmcs->entry_event, std::nullopt);
      c.s.halted = false;
      deliver(event, true);
    } else if (c.injected) {
      const Event event = *std::exchange(c.injected, std::nullopt);
      c.s.halted = false;
      deliver(event, true);
    } else if (c.interrupt_line) {
      if (c.vmcs && c.vmcs->external_interrupt_exiting) return exits::ExternalInterrupt{};
      if ((c.s.eflags & eflags::IF) && !shadowed()) {
        c.s.halted = false;
        deliver(Event{c.bus.acknowledge_interrupt(), EventType::ExternalInterrupt}, false);
      }
    }
    if (c.fault.kind != Fault::Kind::None) return std::nullopt;
    if (c.vmcs && c.vmcs->interrupt_window_exiting && (c.s.eflags & eflags::IF) && !shadowed())
      return exits::InterruptWindow{};
    if (c.s.halted) return exits::Halted{};
    if (c.x.debugging) return breakpoint();
    return std::nullopt;
  }

  /// Through the IDT. `injected` events are not subject to interception.
  void deliver(const Event& event, bool injected, u32 cr2 = 0) {
    const u32 arithmetic = c.x.flags.image();
    c.s.eflags = (c.s.eflags & ~eflags::kArithmetic) | arithmetic;
    c.fault.kind = Fault::Kind::None;
    if (injected ? deliver_injected(c, event) : deliver_event(c, event, cr2))
      c.fault.kind = Fault::Kind::None;
    if ((c.s.eflags & eflags::kArithmetic) != arithmetic) c.x.flags.set_image(c.s.eflags);  // a task switch
    refresh_mode(c);
  }

  std::optional<CpuExit> debug_stop() {
    c.debug.hit = false;
    using Why = exits::DebugStop::Why;
    return exits::DebugStop{LinearAddr(c.debug.hit_address),
                            c.debug.hit_read ? Why::ReadWatch : Why::WriteWatch};
  }

  std::optional<CpuExit> breakpoint() {
    const u32 linear = c.s.seg[CS].base + c.s.eip;
    if (debugger_breakpoint(c, linear))
      return exits::DebugStop{LinearAddr(linear), exits::DebugStop::Why::Breakpoint};
    if (const u32 causes = (c.s.eflags & eflags::RF) ? 0 : instruction_breakpoints(c, linear)) {
      c.s.dr[6] |= causes;
      c.raise(vector::DB);
    }
    return std::nullopt;
  }

  /// Executes blocks until one of them has a reason to come back.
  std::optional<CpuExit> execute() {
    const bool sti_shadow = c.s.sti_shadow, mov_ss_shadow = c.s.mov_ss_shadow,
               resume = c.s.eflags & eflags::RF;
    const bool trap = c.s.eflags & eflags::TF;
    const i64 remaining = static_cast<i64>(std::min<u64>(c.budget_left(), kSlice));
    const bool single = trap || c.x.debugging || remaining < i64{BlockCache::kMaxInstructions} ||
                        (shadowed() && interrupt_awaited());
    c.s.sti_shadow = c.s.mov_ss_shadow = false;
    c.s.eflags &= ~eflags::RF;
    c.x.debug_causes = 0;
    c.x.countdown = single ? -1 : remaining - i64{BlockCache::kMaxInstructions};
    c.x.retired_base = c.counters.instructions + static_cast<u64>(c.x.countdown);
    c.x.context = (c.x.context & ~mode::kSingle) | (single ? mode::kSingle : 0);
    const u64 start = c.counters.instructions;
    const JumpEntry& known = c.x.jumps[BlockCache::jump_index(c.s.eip)];
    const bool hit = known.eip == c.s.eip && known.context == c.x.context;
    if (Insn* entry = hit ? known.entry : c.blocks->find(c, c.x.context & ((1u << mode::kBits) - 1)))
      run_from(entry);
    c.counters.instructions = c.x.retired_base - static_cast<u64>(c.x.countdown);
    c.x.current = nullptr;
    if (c.x.mode_changed) {
      c.x.mode_changed = false;
      c.x.debugging = debugging(c);
      refresh_mode(c);
    }
    if (c.counters.instructions == start && !c.s.halted) {  // nothing completed: the state is the one before
      c.s.sti_shadow = sti_shadow;
      c.s.mov_ss_shadow = mov_ss_shadow;
      if (resume) c.s.eflags |= eflags::RF;
    } else if (trap && !c.x.event_delivered) {
      c.x.debug_causes |= kSingleStep;
    }
    if (c.fault.kind == Fault::Kind::None && !c.s.mov_ss_shadow) debug_trap |= c.x.debug_causes;
    c.x.event_delivered = false;
    return std::nullopt;
  }

  void run_from(Insn* entry) {
#if RINGSIDE_TAIL_CALLS
    entry->run(entry, &c);
#else
    for (Insn* i = entry; i;) i = i->run(i, &c);
#endif
  }

  std::optional<CpuExit> handle_fault() {
    if (c.fault.kind == Fault::Kind::Exception) {
      // A guest that does nothing but fault must not keep the processor for ever.
      if (c.budget_left()) --c.x.budget_end;
      deliver(c.fault.event, false, c.fault.cr2);
    }
    if (c.fault.kind == Fault::Kind::None) return std::nullopt;
    c.fault.kind = Fault::Kind::None;
    return std::move(c.fault.exit);
  }

  Core& c;
  u32 debug_trap = 0;  ///< DR6 bits
};

}  // namespace

CpuExit Cpu::run(u64 budget) { return Runner(*core_, budget).run(); }

}  // namespace ringside
