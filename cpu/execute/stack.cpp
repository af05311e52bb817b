// PUSH POP PUSHA POPA ENTER LEAVE PUSHF POPF, and the segment registers on the stack.
#include "cpu/execute/choose.h"
#include "cpu/execute/cold.h"
#include "cpu/execute/select.h"

namespace ringside {

namespace {

// ---- flat 32-bit stacks

template <class T, class Source>
Step push_general(Insn* i, Core* c) {
  c->x.current = i;
  T v;
  if constexpr (Source::kMemory) {
    if (!Source::template load<T>(i, c, v)) return fault(i, c);
  } else {
    v = Source::template get<T>(i, c);
  }
  if (!push<T>(*c, v)) return fault(i, c);
  return next_checked(i, c);
}

template <class Source>
struct Twin {
  using type = Source;
};
template <int N>
struct Twin<Reg<N>> {
  using type = D;
};
template <Shape shape>
struct Twin<Mem<shape>> {
  using type = General;
};

template <class Source>
Step push_flat(Insn* i, Core* c) {
  u32 v;
  if constexpr (Source::kMemory) {
    if (!Source::template load<u32>(i, c, v)) [[unlikely]]
      return push_general<u32, General>(i, c);
  } else {
    v = Source::template get<u32>(i, c);
  }
  const u32 sp = c->s.gpr.data()[ESP] - 4;
  u8* p = host_to_write<u32>(c, sp);
  if (!p) [[unlikely]]
    return push_general<u32, typename Twin<Source>::type>(i, c);
  store_host(p, v);
  c->s.gpr.data()[ESP] = sp;
  return next(i, c);
}

template <class T>
Step pop_general(Insn* i, Core* c) {
  c->x.current = i;
  T v;
  if (!peek_stack<T>(*c, v)) return fault(i, c);
  release_stack(*c, sizeof(T));
  set_register<T>(c, i->d, v);
  return next_checked(i, c);
}

template <int N>
Step pop_flat(Insn* i, Core* c) {
  const u32 sp = c->s.gpr.data()[ESP];
  const u8* p = host_to_read<u32>(c, sp);
  if (!p) [[unlikely]]
    return pop_general<u32>(i, c);
  c->s.gpr.data()[ESP] = sp + 4;
  c->s.gpr.data()[N] = load_host<u32>(p);
  return next(i, c);
}

constexpr auto kPush = make_table<8>([](auto n) -> Handler { return push_flat<Reg<n>>; });
constexpr auto kPop = make_table<8>([](auto n) -> Handler { return pop_flat<n>; });

/// POP to memory: an address that uses ESP sees it after the pop.
struct PopMemory {
  template <class T>
  static bool run(Insn& i, Core& c) {
    T v;
    if (!peek_stack<T>(c, v)) return false;
    const u32 before = c.s.gpr[ESP];
    release_stack(c, sizeof(T));
    if (store_rm<T>(i, c, i.d, v)) return true;
    c.s.gpr[ESP] = before;
    return false;
  }
};

// ---- all registers

struct PushAll {
  template <class T>
  static bool run(Insn&, Core& c) {
    const u32 top = c.s.gpr[ESP];
    for (unsigned n = 0; n < 8; ++n) {
      const T v = static_cast<T>(n == ESP ? top : c.s.gpr[n]);
      if (!store_at<T>(c, SS, (top - (n + 1) * sizeof(T)) & stack_mask(c), v)) return false;
    }
    set_stack_pointer(c, top - 8 * sizeof(T));
    return true;
  }
};

struct PopAll {
  template <class T>
  static bool run(Insn&, Core& c) {
    T values[8];
    for (unsigned n = 0; n < 8; ++n)
      if (!peek_stack<T>(c, values[n], (7 - n) * sizeof(T))) return false;
    for (unsigned n = 0; n < 8; ++n)
      if (n != ESP) set_register<T>(&c, n, values[n]);
    release_stack(c, 8 * sizeof(T));
    return true;
  }
};

// ---- procedure frames

/// Everything is read and checked before EBP and ESP change.
struct Enter {
  template <class T>
  static bool run(Insn& i, Core& c) {
    const u32 mask = stack_mask(c), allocate = i.imm, level = i.disp & 31;
    u32 sp = (c.s.gpr[ESP] - sizeof(T)) & mask;
    const u32 frame = sp;
    u32 bp = c.s.gpr[EBP];
    if (!store_at<T>(c, SS, sp, static_cast<T>(c.s.gpr[EBP]))) return false;
    for (u32 n = 1; n < level; ++n) {
      T link;
      bp -= sizeof(T);
      sp = (sp - sizeof(T)) & mask;
      if (!load_at<T>(c, SS, bp & mask, link) || !store_at<T>(c, SS, sp, link)) return false;
    }
    if (level > 0) {
      sp = (sp - sizeof(T)) & mask;
      if (!store_at<T>(c, SS, sp, static_cast<T>((c.s.gpr[ESP] & ~mask) | frame))) return false;
    }
    sp = (sp - allocate) & mask;
    LinearAddr top;
    if (!segment_address(c, SS, sp, sizeof(T), Access::Write, top)) return false;
    if (!check_writable(c, top, sizeof(T), c.user())) return false;
    set_register<T>(&c, EBP, static_cast<T>((c.s.gpr[ESP] & ~mask) | frame));
    set_stack_pointer(c, sp);
    return true;
  }
};

struct Leave {
  template <class T>
  static bool run(Insn&, Core& c) {
    const u32 bp = c.s.gpr[EBP];
    T v;
    if (!load_at<T>(c, SS, bp & stack_mask(c), v)) return false;
    set_stack_pointer(c, bp + sizeof(T));
    set_register<T>(&c, EBP, v);
    return true;
  }
};

Step leave_flat(Insn* i, Core* c) {
  const u32 bp = c->s.gpr.data()[EBP];
  const u8* p = host_to_read<u32>(c, bp);
  if (!p) [[unlikely]]
    return cold<&Leave::run<u32>>(i, c);
  c->s.gpr.data()[ESP] = bp + 4;
  c->s.gpr.data()[EBP] = load_host<u32>(p);
  return next(i, c);
}

// ---- EFLAGS

template <class T>
bool pushf(Insn&, Core& c) {
  u32 image;
  return pushf_image(c, sizeof(T) == 4, image) && push<T>(c, static_cast<T>(image));
}

template <class T>
bool popf_from_stack(Insn&, Core& c) {
  T image;
  if (!peek_stack<T>(c, image)) return false;
  if (!popf(c, sizeof(T) == 4, image)) return false;
  release_stack(c, sizeof(T));
  return true;
}

}  // namespace

Handler select_push(const Decoded& d) {
  const Form form = d.row->operands[0];
  const bool immediate = form == Form::Iz || form == Form::Is;
  if ((d.mode & mode::kFlat) && d.operand32) {
    if (immediate) return push_flat<Imm>;
    if (!d.memory) return kPush[d.d];
    if (d.fast_memory()) {
      return for_memory(d, []<class Memory>() -> Handler {
        if constexpr (std::is_same_v<Memory, General>)
          return push_general<u32, General>;
        else
          return push_flat<Memory>;
      });
    }
  }
  return for_size(d.operand32 ? 4 : 2, [&]<class T>() -> Handler {
    if (immediate) return push_general<T, Imm>;
    return d.memory ? push_general<T, General> : push_general<T, D>;
  });
}

Handler select_pop(const Decoded& d) {
  if (d.row->operands[0] == Form::Ev && d.memory) return cold_by_wide_size<PopMemory>(d);
  if (!d.operand32) return pop_general<u16>;
  return d.mode & mode::kFlat ? kPop[d.d] : pop_general<u32>;
}

Handler select_pusha(const Decoded& d) { return cold_by_wide_size<PushAll>(d); }
Handler select_popa(const Decoded& d) { return cold_by_wide_size<PopAll>(d); }
Handler select_enter(const Decoded& d) { return cold_by_wide_size<Enter>(d); }
Handler select_leave(const Decoded& d) {
  return d.operand32 && (d.mode & mode::kFlat) ? leave_flat : cold_by_wide_size<Leave>(d);
}
Handler select_pushf(const Decoded& d) { return d.operand32 ? looking<pushf<u32>> : looking<pushf<u16>>; }
Handler select_popf(const Decoded& d) {
  return d.operand32 ? system_step<popf_from_stack<u32>> : system_step<popf_from_stack<u16>>;
}

}  // namespace ringside
