#include "tests/kvm/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "tests/cpu/random_code.h"
#include "tests/kvm/code16.h"

extern "C" const std::uint8_t ringside_batch_guest[], ringside_batch_real[], ringside_batch_stubs[],
    ringside_batch_stubs16[], ringside_batch_end[];

namespace ringside::test {
namespace {

constexpr u32 kPage = 4096;
// Linear addresses; with paging data, stack and the page that may only be read lie elsewhere in memory.
constexpr u32 kControl = 0x500, kGdt = 0x600, kTss = 0x700, kIdt = 0x800, kGuest = 0x1000, kTable = 0x2000,
              kResults = 0x3000, kDirectory = 0x4000, kPageTable = 0x5000, kData = 0x8000, kStack = 0xA000,
              kSupervisor = 0xC000, kReadOnly = 0xD000, kNotPresent = 0xE000, kRing0Stack = 0xF000,
              kCode = 0x10000, kCodeEnd = 0x20000, kElsewhere = 0x20000, kCompared = 0x40000;
constexpr u32 kTssLimit = 0x67, kEntryBytes = 64, kVectors = 0x42, kEndVector = 0x40;
constexpr u32 kUnits = 8;

u32 real_offset(const u8* label) { return kGuest + static_cast<u32>(label - ringside_batch_guest); }

using Bytes = std::vector<u8>;

Bytes with_address(Bytes opcode, u32 address) {
  for (unsigned shift = 0; shift < 32; shift += 8) opcode.push_back(static_cast<u8>(address >> shift));
  return opcode;
}

/// How pieces may end beside INT 40h, which follows each of these.
std::vector<Bytes> finishers(GuestMode mode, bool strict) {
  std::vector<Bytes> list{
      {},           {}, {}, {},  // INT 40h, as often as not
      {0x0F, 0x0B},              // UD2
      {0xCC},                    // INT3
      {0xCE},                    // INTO
      {0xF0, 0x90},              // LOCK NOP: #UD
      {0x8E, 0xC8},              // MOV CS: #UD
      {0xD4, 0x00},              // AAM 0: #DE
  };
  const auto add = [&](std::initializer_list<Bytes> more) { list.insert(list.end(), more); };
  if (mode == GuestMode::Real) {
    add({
        {0x0F, 0x00, 0xC0},  // SLDT: #UD
        {0x63, 0xC0},        // ARPL: #UD
        {0x0F, 0x20, 0xE8},  // MOV EAX, CR5: #UD
    });
    if (strict)
      add({
          with_address({0x66, 0x67, 0xA1}, 0xFFFE),        // MOV EAX past the limit: #GP
          with_address({0x67, 0xA0}, 0x10000),             // MOV AL
          with_address({0x36, 0x66, 0x67, 0xA3}, 0xFFFD),  // MOV SS:, EAX: #SS
      });
    return list;
  }
  add({
      {0xCD, 0x41},                          // INT through a gate of DPL 0: #GP(20Ah)
      {0xCD, 0x50},                          // past the limit of the IDT: #GP(282h)
      {0xF4},                                // HLT: #GP(0)
      {0xFA},                                // CLI
      {0xEC},                                // IN AL, DX
      {0x0F, 0x20, 0xC0},                    // MOV EAX, CR0
      {0x0F, 0x01, 0x15, 0, 0x80, 0, 0},     // LGDT
      {0xB8, 0x08, 0, 0, 0, 0x8E, 0xD8},     // MOV DS, a segment of ring 0: #GP(8)
      {0xB8, 0x43, 0, 0, 0, 0x8E, 0xD8},     // MOV DS, a segment that is not present: #NP(40h)
      {0xB8, 0x43, 0, 0, 0, 0x8E, 0xD0},     // MOV SS, the same: #SS(40h)
      {0xB8, 0x23, 0x10, 0, 0, 0x8E, 0xC0},  // MOV ES, past the limit of the GDT: #GP
      {0x31, 0xC0, 0x8E, 0xD0},              // MOV SS, null: #GP(0)
      {0xEA, 0, 0, 0, 0, 0x08, 0},           // JMP far into ring 0: #GP(8)
      {0x9A, 0, 0, 0, 0, 0x23, 0},           // CALL far into data: #GP(20h)
  });
  if (strict)
    add({
        {0x64, 0xA1, 0xFD, 0, 0, 0},                          // MOV EAX, FS:[FDh], limit FFh: #GP(0)
        {0x31, 0xC0, 0x8E, 0xC0, 0x26, 0xA1, 0, 0x80, 0, 0},  // use of a null ES: #GP(0)
        {0x2E, 0xC6, 0x05, 0, 0x80, 0, 0, 1},                 // write through CS: #GP(0)
        {0x64, 0xC6, 0x05, 0xFF, 0, 0, 0, 7},                 // MOV byte FS:[FFh]: fits
    });
  if (mode == GuestMode::Protected) return list;
  for (const u32 page : {kSupervisor, kReadOnly, kNotPresent, u32{0x12345000}, u32{0xC0000000}}) {
    const u32 at = page + 0x123;
    add({
        with_address({0xA1}, at),        // MOV EAX, [at]
        with_address({0xA2}, at),        // MOV [at], AL
        with_address({0xA3}, page - 2),  // MOV [page-2], EAX: over the border of two pages
        with_address({0xFF, 0x35}, at),  // PUSH [at]
        with_address({0x68}, page),      // PUSH page
    });
    Bytes push_all = with_address({0xBC}, page + 16);  // MOV ESP; PUSHA
    push_all.push_back(0x60);
    if (strict) add({push_all, with_address({0x00, 0x05}, at)});  // ADD [at], AL
    Bytes jump = with_address({0x68}, at);                        // PUSH at; RET
    jump.push_back(0xC3);
    if (page != kSupervisor && page != kReadOnly) list.push_back(jump);
  }
  return list;
}

bool holds_cmpxchg8b(const Bytes& code) {
  constexpr u8 kOpcode[] = {0x0F, 0xC7};
  return std::search(code.begin(), code.end(), std::begin(kOpcode), std::end(kOpcode)) != code.end();
}

void put32(MachineMemory& m, u32 at, u32 value) { std::memcpy(m.data() + at, &value, 4); }

void put_descriptor(MachineMemory& m, u32 selector, u32 base, u32 limit, u32 access, u32 flags) {
  put32(m, kGdt + (selector & ~7u), (limit & 0xFFFF) | base << 16);
  put32(m, kGdt + (selector & ~7u) + 4,
        (base >> 16 & 0xFF) | access << 8 | (limit & 0xF0000) | flags << 20 | (base & 0xFF000000));
}

void put_protected_tables(MachineMemory& m) {
  put_descriptor(m, 0x08, 0, 0xFFFFF, 0x9B, 0xC);
  put_descriptor(m, 0x10, 0, 0xFFFFF, 0x93, 0xC);
  put_descriptor(m, 0x18, 0, 0xFFFFF, 0xFB, 0xC);
  put_descriptor(m, 0x20, 0, 0xFFFFF, 0xF3, 0xC);
  put_descriptor(m, 0x28, kTss, kTssLimit, 0x89, 0);
  put_descriptor(m, 0x30, kData, 0xFF, 0xF2, 0x4);
  put_descriptor(m, 0x40, 0, 0xFFFFF, 0x73, 0xC);  // not present
  put32(m, kTss + 4, kRing0Stack + kPage);
  put32(m, kTss + 8, 0x10);
  put32(m, kTss + 0x64, (kTssLimit + 1) << 16);  // no I/O bitmap: no ports for ring 3
  for (u32 v = 0; v < kVectors; ++v) {
    const bool open = v == 3 || v == 4 || v == kEndVector;
    const u32 offset = real_offset(ringside_batch_stubs) + 16 * v;
    put32(m, kIdt + 8 * v, 0x0008u << 16 | offset);
    put32(m, kIdt + 8 * v + 4, open ? 0xEE00 : 0x8E00);
  }
}

void put_page_tables(MachineMemory& m) {
  constexpr u32 kPresent = 1, kWrite = 2, kUser = 4;
  put32(m, kDirectory, kPageTable | kPresent | kWrite | kUser);
  for (u32 page = 0; page < kElsewhere; page += kPage) {
    u32 entry = page | kPresent | kWrite | kUser;
    if (page == kData || page == kStack || page == kReadOnly) entry += kElsewhere;
    if (page == kReadOnly) entry &= ~kWrite;
    if (page == kSupervisor || page == kRing0Stack) entry &= ~kUser;
    if (page == kNotPresent) entry &= ~kPresent;
    put32(m, kPageTable + page / kPage * 4, entry);
  }
}

u32 get32(const MachineMemory& m, u32 at) {
  u32 value;
  std::memcpy(&value, m.data() + at, 4);
  return value;
}

}  // namespace

const char* name(GuestMode mode) {
  static constexpr const char* kNames[] = {"real mode", "protected mode", "paging"};
  return kNames[static_cast<unsigned>(mode)];
}

Batch::Batch(GuestMode m, u64 seed, bool strict) : mode(m) {
  std::mt19937_64 random(seed);
  const std::vector<Bytes> ends = finishers(mode, strict);
  for (auto* page : {&data, &stack})
    for (u8& byte : *page) byte = static_cast<u8>(random());
  for (u32 i = 0; i < kPieces; ++i) {
    const RandomCode code(random(), kUnits, kData, kStack);
    Piece piece;
    u32 begin = 0;
    for (const u32 end : code.unit_ends) {
      Bytes unit(code.bytes.begin() + begin, code.bytes.begin() + end);
      if (!strict && holds_cmpxchg8b(unit)) unit.clear();
      piece.units.push_back(mode == GuestMode::Real ? to_code16(unit) : std::move(unit));
      begin = end;
    }
    piece.finisher = ends[random() % ends.size()];
    for (u32& r : piece.gpr) r = static_cast<u32>(random());
    piece.gpr[ESP] = kStack + 0x800;
    piece.eflags = eflags::kFixedOne | (static_cast<u32>(random()) & eflags::kArithmetic);
    pieces.push_back(std::move(piece));
  }
}

void Batch::place(MachineMemory& m, std::size_t count, std::size_t units) const {
  std::memset(m.data(), 0, kCompared);
  std::memcpy(m.data() + kGuest, ringside_batch_guest,
              static_cast<std::size_t>(ringside_batch_end - ringside_batch_guest));
  put32(m, kControl + 4, static_cast<u32>(count));
  put32(m, kControl + 8, mode == GuestMode::Paging);
  if (mode == GuestMode::Real) {
    for (u32 v = 0; v < kVectors; ++v) put32(m, 4 * v, real_offset(ringside_batch_stubs16) + 16 * v);
  } else {
    put_protected_tables(m);
  }
  if (mode == GuestMode::Paging) put_page_tables(m);
  const u32 pages = mode == GuestMode::Paging ? kElsewhere : 0;
  std::memcpy(m.data() + pages + kData, data.data(), kPage);
  std::memcpy(m.data() + pages + kStack, stack.data(), kPage);

  u32 at = kCode;
  for (std::size_t i = 0; i < count; ++i) {
    const Piece& piece = pieces[i];
    const u32 begin = at;
    const auto emit = [&](const Bytes& bytes) {
      if (at + bytes.size() > kCodeEnd) throw std::logic_error("a batch is longer than its memory");
      std::memcpy(m.data() + at, bytes.data(), bytes.size());
      at += static_cast<u32>(bytes.size());
    };
    const std::size_t wanted = i + 1 == count ? std::min(units, piece.units.size()) : piece.units.size();
    for (std::size_t u = 0; u < wanted; ++u) emit(piece.units[u]);
    if (i + 1 < count || units > piece.units.size()) emit(piece.finisher);
    emit({0xCD, kEndVector});
    const u32 entry = kTable + static_cast<u32>(i) * kEntryBytes;
    put32(m, entry, mode == GuestMode::Real ? begin - kCode : begin);
    put32(m, entry + 4, piece.eflags);
    for (u32 r = 0; r < 8; ++r) put32(m, entry + 8 + 4 * r, piece.gpr[r]);
  }
}

CpuState Batch::entry() const {
  if (mode == GuestMode::Real) {
    CpuState s = reset_state();
    s.seg[CS].selector = 0;
    s.seg[CS].base = 0;
    s.eip = real_offset(ringside_batch_real);
    return s;
  }
  CpuState s = flat_protected_state(kGuest);
  s.gpr[ESP] = kRing0Stack + kPage;
  s.gdtr = {kGdt, 0x47};
  s.idtr = {kIdt, kVectors * 8 - 1};
  s.seg[CS].selector = 0x08;
  s.seg[SS].selector = 0x10;
  for (const Seg seg : {ES, DS, FS, GS}) {
    s.seg[seg].selector = 0x23;
    s.seg[seg].access |= 3u << 5;
  }
  return s;
}

std::string batch_difference(GuestMode mode, const MachineMemory& ours, const MachineMemory& theirs) {
  static constexpr const char* kFields[] = {"vector", "error code", "eip", "cs",  "eflags", "eax",
                                            "ecx",    "edx",        "ebx", "esp", "ebp",    "esi",
                                            "edi",    "cr2",        "",    ""};
  if (std::memcmp(ours.data() + kControl, theirs.data() + kControl, kRing0Stack - kControl) == 0 &&
      std::memcmp(ours.data() + kCode, theirs.data() + kCode, kCompared - kCode) == 0)
    return {};
  std::string text;
  unsigned found = 0;
  for (u32 at = kControl; at < kCompared && found < 12; at += 4) {
    u32 a = get32(ours, at), b = get32(theirs, at);
    if (at >= kRing0Stack && at < kCode) continue;  // what faults push there has undefined flags
    if (mode == GuestMode::Paging && at >= kDirectory && at < kPageTable + kPage) {
      constexpr u32 kAccessed = 1u << 5;  // a processor may set it ahead of need
      a |= kAccessed, b |= kAccessed;
    }
    if (a == b) continue;
    ++found;
    const u32 entry = (at - kResults) / kEntryBytes;
    text += at >= kResults && at < kDirectory
                ? fmt::format("piece {} {}: {:08X}, KVM {:08X}; ", entry, kFields[at % kEntryBytes / 4], a, b)
                : fmt::format("memory {:05X}: {:08X}, KVM {:08X}; ", at, a, b);
  }
  return text;
}

}  // namespace ringside::test
