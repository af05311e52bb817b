#include "cpu/execute/exits.h"

#include "cpu/execute/cold.h"

namespace ringside {

namespace {

/// How many instructions of its block were retired before `i`.
unsigned retired_before(const Insn& i) { return i.slot() - i.head()->d; }

}  // namespace

Step fault(Insn* i, Core* c) {
  c->x.countdown -= retired_before(*i);
  c->s.eip = i->eip();
  return leave();
}

Step leave_after(Insn* i, Core* c) {
  c->x.countdown -= retired_before(*i) + 1;
  c->s.eip = i->next_eip();
  return leave();
}

Step leave_redirected(Insn* i, Core* c) {
  c->x.countdown -= retired_before(*i) + 1;
  return leave();
}

Step arrive(Insn* i, Core* c) {
  c->x.countdown -= retired_before(*i) + 1;
  const bool awaited = c->interrupt_line || (c->vmcs && c->vmcs->interrupt_window_exiting);
  if (c->x.countdown < 0 || c->x.attention || awaited || (c->s.eflags & eflags::TF)) [[unlikely]] {
    c->x.mode_changed = true;
    return leave();
  }
  refresh_mode(*c);
  c->s.eflags &= ~eflags::RF;  // it has had its effect: nobody waits to see this boundary
  return jump_to(c, c->s.eip);
}

Step leave_at_exit(Insn* exit, Core* c) {
  c->s.eip = exit->disp;
  return leave();
}

Step jump_slow(Core* c, u32 eip) {
  c->s.eip = eip;
  Insn* entry = c->blocks->find(*c, c->x.context & ((1u << mode::kBits) - 1));
  if (!entry) return leave();
  return go(entry, c);
}

Step redirect(Insn* i, Core* c) { return jump_slow(c, i->head()->disp); }

Step crossing_guard(Insn* i, Core* c) {
  const u32 eip = i->eip();
  const LinearAddr second = LinearAddr(c->x.cs_base + eip).page() + kPageSize;
  MachinePhys physical;
  if (!c->blocks->translate(*c, second, physical)) {
    c->s.eip = eip;
    return leave();
  }
  if (physical.frame() == i->imm) [[likely]]
    return next(i, c);
  c->blocks->drop_at(i);
  return jump_slow(c, eip);
}

Step resolve(Insn* exit, Core* c) {
  const u32 target = exit->disp;
  const u32 here = exit->head()->disp;
  const u32 base = c->x.cs_base;
  if (((base + target) ^ (base + here)) & ~kPageMask) {
    exit->run = cross_page;
    return cross_page(exit, c);
  }
  c->s.eip = target;
  const u64 life = c->blocks->life();
  Insn* entry = c->blocks->find(*c, c->x.context & ((1u << mode::kBits) - 1));
  if (!entry) return leave();
  if (c->blocks->linkable(entry) && c->blocks->life() == life) exit->link = entry;
  return go(entry, c);
}

Step cross_page(Insn* exit, Core* c) { return jump_to(c, exit->disp); }

Step end_of_block(Insn* i, Core* c) { return follow(i + 1, c); }

}  // namespace ringside
