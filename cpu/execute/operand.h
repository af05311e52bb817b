// The vocabulary of the handlers: where an operand is, as a type, and how a handler ends.
//
// A handler that touches memory exists twice. The fast one takes a flat segment for granted, looks into the
// TLB and has the host address. When the TLB does not know the page, and a walk of the usual kind does not
// fill it, its twin is called, the same template with `General` in the operand's place, which can do
// everything: segment limits, page crossing, page walk, devices, stores into decoded code, breakpoints. The
// twin also looks whether it may go on to the next instruction (`next_checked`); the fast one need not.
#pragma once

#include <cstring>
#include <type_traits>

#include "cpu/block_cache.h"
#include "cpu/core.h"
#include "cpu/insn.h"

namespace ringside {

// ---- how a handler ends

/// The instruction did not complete; core.fault says why. State is as before it.
[[gnu::cold]] Step fault(Insn*, Core*);
/// The instruction completed, and the run loop must look around before the next one.
[[gnu::cold]] Step leave_after(Insn*, Core*);
Step leave_at_exit(Insn* exit, Core*);

[[gnu::always_inline]] inline Step next(Insn* i, Core* c) { return go(i + 1, c); }

[[gnu::always_inline]] inline Step next_checked(Insn* i, Core* c) {
  if (c->x.attention) [[unlikely]]
    return leave_after(i, c);
  return go(i + 1, c);
}

/// Through an exit slot to the next block.
[[gnu::always_inline]] inline Step follow(Insn* exit, Core* c) {
  if ((c->x.countdown -= exit->imm) < 0) [[unlikely]]
    return leave_at_exit(exit, c);
  return go(exit->link, c);
}

// ---- the slow, general way to memory (general_memory.cpp). False: core.fault is set.

/// Offset within the segment, of 16- and 32-bit addresses alike.
u32 effective_offset(const Insn&, const Core&);
template <class T>
bool load_general(Insn*, Core*);  ///< to x.value
template <class T>
bool update_general(Insn*, Core*);  ///< the same, and a store to the place will succeed
template <class T>
bool store_general(Insn*, Core*, T value);
template <class T>
bool store_updated(Core*, T value);  ///< to where update_general read
template <class T>
bool load_at(Core&, Seg, u32 offset, T& value);
template <class T>
bool store_at(Core&, Seg, u32 offset, T value);
/// Where a fast handler's TLB did not know the page: starts the instruction again if a walk of the usual kind
/// has filled the TLB, and otherwise lets the general twin do it, which lies in x.twin: a third argument
/// would cost every fast handler a register.
template <Access access>
Step after_miss(Insn*, Core*);

// ---- registers

template <class T>
[[gnu::always_inline]] inline T load_host(const u8* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
[[gnu::always_inline]] inline void store_host(u8* p, T v) {
  std::memcpy(p, &v, sizeof v);
}

/// `slot` as register_slot() gives it.
template <class T>
[[gnu::always_inline]] inline T get_register(const Core* c, unsigned slot) {
  if constexpr (sizeof(T) == 1) {
    return static_cast<T>(reinterpret_cast<const u8*>(c->s.gpr.data())[slot]);
  } else {
    return static_cast<T>(c->s.gpr.data()[slot]);
  }
}
template <class T>
[[gnu::always_inline]] inline void set_register(Core* c, unsigned slot, T v) {
  if constexpr (sizeof(T) == 1) {
    reinterpret_cast<u8*>(c->s.gpr.data())[slot] = static_cast<u8>(v);
  } else if constexpr (sizeof(T) == 2) {
    std::memcpy(&c->s.gpr.data()[slot], &v, 2);
  } else {
    c->s.gpr.data()[slot] = v;
  }
}

/// Register N, fixed when the handler was compiled.
template <int N>
struct Reg {
  static constexpr bool kMemory = false;
  template <class T>
  static T get(Insn*, Core* c) {
    return get_register<T>(c, N);
  }
  template <class T>
  static void set(Insn*, Core* c, T v) {
    set_register<T>(c, N, v);
  }
};
/// The register that the instruction names first (D) or second (S).
struct D {
  static constexpr bool kMemory = false;
  template <class T>
  static T get(Insn* i, Core* c) {
    return get_register<T>(c, i->d);
  }
  template <class T>
  static void set(Insn* i, Core* c, T v) {
    set_register<T>(c, i->d, v);
  }
};
struct S {
  static constexpr bool kMemory = false;
  template <class T>
  static T get(Insn* i, Core* c) {
    return get_register<T>(c, i->s);
  }
  template <class T>
  static void set(Insn* i, Core* c, T v) {
    set_register<T>(c, i->s, v);
  }
};
struct Imm {
  static constexpr bool kMemory = false;
  template <class T>
  static T get(Insn* i, Core*) {
    return static_cast<T>(i->imm);
  }
};

// ---- memory, fast

/// c->x.tlb[Tlb::index(a)], with the index taken from the address already multiplied by the entry's size.
[[gnu::always_inline]] inline TlbEntry& tlb_entry(Core* c, u32 a) {
  constexpr unsigned kShift = 12 - 5;
  static_assert(sizeof(TlbEntry) == 1u << 5);
  const u32 offset = (a >> kShift) & ((Tlb::kEntries - 1) << 5);
  return *reinterpret_cast<TlbEntry*>(reinterpret_cast<u8*>(c->x.tlb) + offset);
}
/// The address that a matching entry gives. It is never null, which the compiler cannot know.
[[gnu::always_inline]] inline u8* host_address(const TlbEntry& e, u32 a) {
  u8* p = reinterpret_cast<u8*>(e.host_minus_linear + a);
  if (!p) __builtin_unreachable();
  return p;
}

/// Host address of [a, a + sizeof(T)), or nullptr if the TLB does not know it. Crossing into another page
/// never matches.
template <class T>
[[gnu::always_inline]] inline u8* host_to_read(Core* c, u32 a) {
  const TlbEntry& e = tlb_entry(c, a);
  if (e.read_tag != ((a + (sizeof(T) - 1)) & ~kPageMask)) [[unlikely]]
    return nullptr;
  return host_address(e, a);
}
template <class T>
[[gnu::always_inline]] inline u8* host_to_write(Core* c, u32 a) {
  const TlbEntry& e = tlb_entry(c, a);
  if (e.write_tag != ((a + (sizeof(T) - 1)) & ~kPageMask)) [[unlikely]]
    return nullptr;
  return host_address(e, a);
}

enum class Shape : u8 { Base, Absolute, BaseIndex, Index };

/// A memory operand in a flat 32-bit segment. B fixes the base register.
template <Shape shape, int B = -1>
struct Mem {
  static constexpr bool kMemory = true;
  using Place = u8*;

  [[gnu::always_inline]] static u32 address(Insn* i, Core* c) {
    u32 a = i->disp;
    if constexpr (shape == Shape::Base || shape == Shape::BaseIndex)
      a += c->s.gpr.data()[B < 0 ? i->base : B];
    if constexpr (shape == Shape::Index || shape == Shape::BaseIndex)
      a += c->s.gpr.data()[i->index] << i->scale;
    return a;
  }
  template <class T>
  [[gnu::always_inline]] static bool load(Insn* i, Core* c, T& v) {
    const u8* p = host_to_read<T>(c, address(i, c));
    if (!p) [[unlikely]]
      return false;
    v = load_host<T>(p);
    return true;
  }
  template <class T>
  [[gnu::always_inline]] static bool update(Insn* i, Core* c, T& v, Place& p) {
    p = host_to_write<T>(c, address(i, c));
    if (!p) [[unlikely]]
      return false;
    v = load_host<T>(p);
    return true;
  }
  template <class T>
  [[gnu::always_inline]] static bool put(Core*, Place p, T v) {
    store_host<T>(p, v);
    return true;
  }
  template <class T>
  [[gnu::always_inline]] static bool store(Insn* i, Core* c, T v) {
    u8* p = host_to_write<T>(c, address(i, c));
    if (!p) [[unlikely]]
      return false;
    store_host<T>(p, v);
    return true;
  }
  /// The TLB did not know.
  template <Access access, Handler twin>
  [[gnu::always_inline]] static Step miss(Insn* i, Core* c) {
    c->x.twin = twin;
    return after_miss<access>(i, c);
  }
  [[gnu::always_inline]] static Step done(Insn* i, Core* c) { return next(i, c); }
};

/// A memory operand anywhere, through any segment.
struct General {
  static constexpr bool kMemory = true;
  struct Place {};

  template <class T>
  [[gnu::always_inline]] static bool load(Insn* i, Core* c, T& v) {
    if (!load_general<std::make_unsigned_t<T>>(i, c)) return false;
    v = static_cast<T>(c->x.value);
    return true;
  }
  template <class T>
  [[gnu::always_inline]] static bool update(Insn* i, Core* c, T& v, Place&) {
    if (!update_general<T>(i, c)) return false;
    v = static_cast<T>(c->x.value);
    return true;
  }
  template <class T>
  [[gnu::always_inline]] static bool put(Core* c, Place, T v) {
    return store_updated<T>(c, v);
  }
  template <class T>
  [[gnu::always_inline]] static bool store(Insn* i, Core* c, T v) {
    return store_general<T>(i, c, v);
  }
  template <Access, Handler>
  [[gnu::always_inline]] static Step miss(Insn* i, Core* c) {
    return fault(i, c);
  }
  [[gnu::always_inline]] static Step done(Insn* i, Core* c) { return next_checked(i, c); }
};

}  // namespace ringside
