// MOVS CMPS STOS LODS SCAS INS OUTS, alone and repeated.
//
// A repeated instruction keeps its progress in ECX, ESI and EDI after every element, so that a fault, an
// interrupt, a request to stop or the end of the budget in the middle leaves it restartable. MOVS and STOS go
// a page at a time where the TLB knows the pages. Manual: Intel SDM vol. 2, REP; vol. 1 section 7.3.9.
#include "cpu/execute/alu.h"
#include "cpu/execute/choose.h"
#include "cpu/execute/cold.h"
#include "cpu/execute/debug.h"

namespace ringside {

namespace {

enum : u8 { kMovs, kCmps, kStos, kLods, kScas, kIns, kOuts };

/// Back to the run loop with the instruction not completed.
Step pause_repeat(Insn* i, Core* c) {
  if (c->s.eflags & eflags::TF) c->x.debug_causes |= kSingleStep;
  return fault(i, c);
}

/// Takes the elements off the run loop's countdown. If that is exhausted, the rest of this block may be too
/// long.
void pay_for_elements(Core& c, u64 elements) {
  c.x.countdown -= static_cast<i64>(elements);
  c.x.retired_base -= elements;
  if (c.x.countdown < 0) c.x.attention = true;
}

/// One string instruction of operand size T and address size A.
template <class T, class A>
struct String {
  Insn& i;
  Core& c;
  const bool flat = (c.x.context & mode::kFlat) && i.segment() != FS && i.segment() != GS &&
                    i.segment() != CS && sizeof(A) == 4;
  const u32 step = c.s.eflags & eflags::DF ? static_cast<u32>(-static_cast<i32>(sizeof(T))) : sizeof(T);

  Seg source() const { return static_cast<Seg>(i.segment()); }
  A si() const { return get_register<A>(&c, ESI); }
  A di() const { return get_register<A>(&c, EDI); }
  void advance_si(u32 by) { set_register<A>(&c, ESI, static_cast<A>(si() + by)); }
  void advance_di(u32 by) { set_register<A>(&c, EDI, static_cast<A>(di() + by)); }

  bool load(Seg seg, A offset, T& v) {
    if (flat) {
      if (const u8* p = host_to_read<T>(&c, offset)) {
        v = load_host<T>(p);
        return true;
      }
    }
    return load_at<T>(c, seg, offset, v);
  }
  bool store(A offset, T v) {
    if (flat) {
      if (u8* p = host_to_write<T>(&c, offset)) {
        store_host<T>(p, v);
        return true;
      }
    }
    return store_at<T>(c, ES, offset, v);
  }

  /// The port strings are checked element by element.
  bool may_access_port(Seg seg, A offset, bool in, LinearAddr& linear) {
    const Access access = in ? Access::Write : Access::Read;
    if (!segment_address(c, seg, offset, sizeof(T), access, linear)) return false;
    if (check_io(c, get_register<u16>(&c, EDX), sizeof(T), in, true, repeated, linear,
                 static_cast<u8>(i.length())))
      return true;
    if (c.fault.kind == Fault::Kind::Exit)
      if (auto* e = std::get_if<exits::IoInstruction>(&c.fault.exit)) {
        e->address32 = sizeof(A) == 4;
        e->segment = seg;
      }
    return false;
  }
  bool repeated = false;

  /// One element; registers advance when all of it has happened.
  template <u8 kind>
  bool element() {
    T a, b;
    LinearAddr linear;
    if constexpr (kind == kMovs) {
      if (!load(source(), si(), a) || !store(di(), a)) return false;
    } else if constexpr (kind == kCmps) {
      if (!load(source(), si(), a) || !load(ES, di(), b)) return false;
      alu::Operation<alu::Cmp>::set_flags<alu::kAll>(&c, a, b, static_cast<T>(a - b));
    } else if constexpr (kind == kStos) {
      if (!store(di(), get_register<T>(&c, EAX))) return false;
    } else if constexpr (kind == kLods) {
      if (!load(source(), si(), a)) return false;
      set_register<T>(&c, EAX, a);
    } else if constexpr (kind == kScas) {
      if (!load(ES, di(), b)) return false;
      a = get_register<T>(&c, EAX);
      alu::Operation<alu::Cmp>::set_flags<alu::kAll>(&c, a, b, static_cast<T>(a - b));
    } else if constexpr (kind == kIns) {
      if (!may_access_port(ES, di(), true, linear) || !check_writable(c, linear, sizeof(T), c.user()))
        return false;
      c.counters.string_port_elements++;
      note_port_access(c, get_register<u16>(&c, EDX), sizeof(T));
      if (!store(di(), static_cast<T>(c.bus.port_in(get_register<u16>(&c, EDX), sizeof(T))))) return false;
    } else {
      if (!may_access_port(source(), si(), false, linear) || !load(source(), si(), a)) return false;
      c.counters.string_port_elements++;
      note_port_access(c, get_register<u16>(&c, EDX), sizeof(T));
      c.bus.port_out(get_register<u16>(&c, EDX), a, sizeof(T));
    }
    if constexpr (kind == kMovs || kind == kCmps || kind == kLods || kind == kOuts) advance_si(step);
    if constexpr (kind == kMovs || kind == kCmps || kind == kStos || kind == kScas || kind == kIns)
      advance_di(step);
    return true;
  }

  /// As many elements as lie in the pages that ESI and EDI point to, going up; 0 if the TLB does not know
  /// them.
  template <u8 kind>
  u32 bulk(u32 count) {
    if (!flat || step != sizeof(T)) return 0;
    const u32 to = di();
    count = std::min<u32>(count, (kPageSize - (to & kPageMask)) / sizeof(T));
    if constexpr (kind == kMovs) count = std::min<u32>(count, (kPageSize - (si() & kPageMask)) / sizeof(T));
    if (count == 0) return 0;
    u8* const p = host_to_write<u8>(&c, to);
    if (!p) return 0;
    const u32 bytes = count * sizeof(T);
    if constexpr (kind == kMovs) {
      const u8* const q = host_to_read<u8>(&c, si());
      if (!q) return 0;
      if (p > q && p < q + bytes) {  // the copy feeds on itself
        for (u32 n = 0; n < bytes; n += sizeof(T)) store_host<T>(p + n, load_host<T>(q + n));
      } else {
        std::memmove(p, q, bytes);
      }
      advance_si(bytes);
    } else {
      const T v = get_register<T>(&c, EAX);
      if constexpr (sizeof(T) == 1)
        std::memset(p, v, bytes);
      else
        for (u32 n = 0; n < bytes; n += sizeof(T)) store_host<T>(p + n, v);
    }
    advance_di(bytes);
    return count;
  }
};

/// INS and OUTS are one port access to the cost model, however many elements they move.
template <u8 kind>
void count_port_instruction(Core& c) {
  if constexpr (kind == kIns) c.counters.port_reads++;
  if constexpr (kind == kOuts) c.counters.port_writes++;
}

template <u8 kind, class T, class A>
Step once(Insn* i, Core* c) {
  c->x.current = i;
  if (!String<T, A>{*i, *c}.template element<kind>()) return fault(i, c);
  count_port_instruction<kind>(*c);
  return next_checked(i, c);
}

enum class Until : u8 { Count, NotEqual, Equal };  ///< REP; REPE ends when not equal; REPNE when equal

/// What the repetition came to.
enum class Progress : u8 { Done, Paused, Faulted };

template <u8 kind, class T, class A, Until until>
[[gnu::noinline]] Progress repeat_elements(Insn& i, Core& c) {
  String<T, A> string{i, c};
  string.repeated = true;
  const bool stepping = (c.s.eflags & eflags::TF) || c.x.debugging;
  for (u64 budget = std::max<u64>(c.budget_left(), 1);;) {
    const A left = get_register<A>(&c, ECX);
    if (left == 0) return Progress::Done;
    u32 done = 0;
    if constexpr (kind == kMovs || kind == kStos)
      if (!stepping) done = string.template bulk<kind>(static_cast<u32>(std::min<u64>(left, budget)));
    if (done == 0) {
      if (!string.template element<kind>()) return Progress::Faulted;
      done = 1;
    }
    set_register<A>(&c, ECX, static_cast<A>(left - done));
    c.counters.rep_iterations += done;
    if (until == Until::NotEqual && !c.x.flags.zf()) return Progress::Done;
    if (until == Until::Equal && c.x.flags.zf()) return Progress::Done;
    if (left == done) return Progress::Done;
    budget -= done;
    if (c.x.attention || stepping || budget == 0) return Progress::Paused;
  }
}

template <u8 kind, class T, class A, Until until>
Step repeated(Insn* i, Core* c) {
  c->x.current = i;
  const u64 before = c->counters.rep_iterations;
  const Progress progress = repeat_elements<kind, T, A, until>(*i, *c);
  const bool moved = c->counters.rep_iterations != before;
  if (progress == Progress::Done && moved)
    c->counters.rep_iterations--;  // the instruction itself counts as one
  pay_for_elements(*c, c->counters.rep_iterations - before);
  switch (progress) {
    case Progress::Done: count_port_instruction<kind>(*c); return next_checked(i, c);
    case Progress::Paused: return pause_repeat(i, c);
    case Progress::Faulted: break;
  }
  return fault(i, c);
}

template <u8 kind, class T, class A>
Handler select_kind(const Decoded& d) {
  if (!d.rep) return once<kind, T, A>;
  if constexpr (kind == kCmps || kind == kScas)
    return d.rep == 0xF3 ? repeated<kind, T, A, Until::NotEqual> : repeated<kind, T, A, Until::Equal>;
  else
    return repeated<kind, T, A, Until::Count>;
}

template <class T, class A>
Handler select_of(const Decoded& d) {
  switch (d.row->argument) {
    case kMovs: return select_kind<kMovs, T, A>(d);
    case kCmps: return select_kind<kCmps, T, A>(d);
    case kStos: return select_kind<kStos, T, A>(d);
    case kLods: return select_kind<kLods, T, A>(d);
    case kScas: return select_kind<kScas, T, A>(d);
    case kIns: return select_kind<kIns, T, A>(d);
    default: return select_kind<kOuts, T, A>(d);
  }
}

}  // namespace

Handler select_string(const Decoded& d) {
  return for_size(d.size,
                  [&]<class T>() { return d.address32 ? select_of<T, u32>(d) : select_of<T, u16>(d); });
}

}  // namespace ringside
