// Decodes a basic block and lays it out: head, guard if the instruction crosses a page, instructions, two
// exits.
#include "cpu/block_cache.h"
#include "cpu/execute/exits.h"
#include "cpu/execute/select.h"

namespace ringside {

namespace {

constexpr u32 kOthers = eflags::kArithmetic & ~eflags::CF;

/// A shift or rotate whose count may be 0, in which case it leaves all flags alone; so does REP with ECX = 0.
bool may_keep_flags(const Decoded& d) {
  if (d.row->select == select_shift || d.row->select == select_double_shift) {
    const bool by_cl = d.row->operands[1] == Form::CL || d.row->operands[2] == Form::CL;
    return by_cl || (d.imm & 31) == 0;
  }
  return d.rep != 0;
}

/// Marks which flags each instruction must compute, from the last to the first. An instruction that may
/// fault, or leave the engine, shows the flags to whoever looks at the state then.
void find_live_flags(std::vector<Decoded>& block) {
  bool carry = true, others = true;
  for (size_t n = block.size(); n-- > 0;) {
    Decoded& d = block[n];
    d.carry_live = carry;
    d.flags_live = others;
    const bool observable = d.memory || !d.row || !(d.row->attributes & attribute::Pure);
    if (observable || may_keep_flags(d)) {
      carry = others = true;
      continue;
    }
    const u32 written = d.row->flags_defined | d.row->flags_undefined;
    if (written & eflags::CF) carry = false;
    if ((written & kOthers) == kOthers) others = false;
    if (d.row->flags_read & eflags::CF) carry = true;
    if (d.row->flags_read & kOthers) others = true;
  }
}

void place(Insn& insn, unsigned slot, unsigned offset) { insn.place = static_cast<u16>(offset << 6 | slot); }

Insn to_insn(const Decoded& d) {
  Insn i{};
  i.run = d.row ? d.row->select(d) : undefined_opcode;
  if (!i.run) i.run = undefined_opcode;
  i.imm = d.imm;
  i.disp = d.imm2 ? d.imm2 : d.disp;
  i.bits = static_cast<u8>(d.length | d.seg << 4 | (d.address32 ? 0 : 0x80));
  i.scale = d.scale;
  i.d = d.d;
  i.s = d.s;
  i.base = d.row && has_modrm(d.opcode) && !d.memory ? Insn::kRegister : d.base;
  i.index = d.index;
  return i;
}

bool relative_branch(const Decoded& d) {
  return d.row && (d.row->operands[0] == Form::Jb || d.row->operands[0] == Form::Jz);
}

}  // namespace

/// The bytes of an instruction that begins at the end of a page: from both pages.
bool BlockCache::fetch_crossing(Core& c, LinearAddr linear, u8* bytes, unsigned& available,
                                u64& second_page) {
  const u32 in_first = kPageSize - linear.offset();
  MachinePhys first, second;
  const LinearAddr next = linear.page() + kPageSize;
  if (!translate(c, linear, first) || !translate(c, next, second)) return false;
  second_page = second.value;
  for (unsigned n = 0; n < available; ++n) {
    const MachinePhys at = n < in_first ? first + n : second + (n - in_first);
    const u8* p = c.memory.at(at);
    bytes[n] = p ? *p : static_cast<u8>(c.bus.mmio_read(at, 1));
  }
  return true;
}

Insn* BlockCache::build(Core& c, MachinePhys physical, u32 mode) {
  const u8* page = c.memory.at(physical.page(), kPageSize);
  const bool single = (mode & mode::kSingle) || !page;
  const bool code32 = mode & mode::kCode32;
  u64 second_page = Block::kNoPage;
  u32 offset = physical.offset(), eip = c.s.eip, bytes = 0;
  decoded_.clear();
  while (decoded_.size() < (single ? 1 : kMaxInstructions) && offset < kPageSize && eip <= c.x.cs_limit) {
    Decoded d;
    const u32 in_page = kPageSize - offset, in_limit = c.x.cs_limit - eip;
    unsigned available = std::min(in_page, in_limit < kMaxInstructionLength ? in_limit + 1 : in_page);
    u8 buffer[kMaxInstructionLength];
    DecodeStatus status = DecodeStatus::Truncated;
    if (page) {
      status = decode(page + offset, available, code32, c.config.model, d);
    } else {
      available = std::min<unsigned>(available, kMaxInstructionLength);
      for (unsigned n = 0; n < available && status == DecodeStatus::Truncated; ++n) {
        buffer[n] = static_cast<u8>(c.bus.mmio_read(physical + n, 1));
        d = {};
        status = decode(buffer, n + 1, code32, c.config.model, d);
      }
    }
    if (status == DecodeStatus::Truncated) {
      if (!decoded_.empty()) break;
      if (available == in_page && in_limit >= in_page) {  // the page ends, the segment does not
        available = std::min(in_limit, kMaxInstructionLength - 1) + 1;
        if (!fetch_crossing(c, LinearAddr(c.x.cs_base + eip), buffer, available, second_page)) return nullptr;
        d = {};
        status = decode(buffer, available, code32, c.config.model, d);
      }
    }
    d.eip = eip;
    d.mode = mode;
    if (status != DecodeStatus::Ok) {
      d.row = nullptr;
      d.memory = false;
      d.lock = status != DecodeStatus::Undefined;  // without a row: not fetchable rather than undefined
      d.length = std::max<u8>(d.length, 1);
    }
    decoded_.push_back(d);
    eip += d.length;
    offset += d.length;
    bytes += d.length;
    if (!d.row || (d.row->attributes & attribute::End)) break;
  }
  find_live_flags(decoded_);

  const unsigned count = static_cast<unsigned>(decoded_.size()) + kSlotsAround;
  if (!page) return emit(scratch_.data(), decoded_, second_page);
  Insn* entry = emit(allocate(c, count), decoded_, second_page);
  Block& block = blocks_.emplace_back();
  block = {physical.value, c.s.eip, mode,    c.x.cs_base, c.x.cs_limit,
           bytes,          entry,   nullptr, second_page, false};
  Block*& chain = buckets_[bucket(physical.value, mode)];
  block.next = chain;
  chain = &block;
  const u32 in_first = std::min(bytes, kPageSize - physical.offset());
  mark(c, &block, physical.value, in_first);
  if (second_page != Block::kNoPage) mark(c, &block, second_page, kMaxInstructionLength);
  return entry;
}

Insn* BlockCache::emit(Insn* slots, std::vector<Decoded>& block, u64 second_page) {
  const u32 eip = block.front().eip;
  const u32 count = static_cast<u32>(block.size());
  unsigned slot = 0;
  Insn& head = slots[slot++] = Insn{};
  head.run = redirect;
  head.disp = eip;
  const bool crosses = second_page != Block::kNoPage;
  head.d = crosses ? 2 : 1;
  if (crosses) {
    Insn& guard = slots[slot] = Insn{};
    guard.run = crossing_guard;
    guard.imm = static_cast<u32>(second_page >> 12);
    place(guard, slot++, 0);
  }
  for (u32 n = 0; n < count; ++n) {
    slots[slot] = to_insn(block[n]);
    if (!block[n].row && block[n].lock) slots[slot].run = not_fetchable;
    place(slots[slot], slot, block[n].eip - eip);
    if (n + 1 < count)
      if (Handler fused = select_fused(block[n], block[n + 1])) slots[slot].run = fused;
    ++slot;
  }
  const Decoded& last = block.back();
  for (unsigned n = 0; n < 2; ++n, ++slot) {
    Insn& exit = slots[slot] = Insn{};
    const bool target = n == 0 && relative_branch(last);
    exit.run = n == 0 && !target ? end_of_block : resolve;
    exit.link = &exit;
    exit.imm = count;
    exit.disp = target ? last.target() : last.next_eip();
    place(exit, slot, 0);
  }
  return slots + 1;
}

}  // namespace ringside
