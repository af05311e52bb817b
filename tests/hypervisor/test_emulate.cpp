// The instruction emulator: its rules on single instructions, then against the processor on random ones. The
// two share the decoder and nothing else.
#include "hypervisor/emulate/emulate.h"

#include <array>
#include <initializer_list>
#include <random>

#include "cpu/decode.h"
#include "tests/catch.h"
#include "tests/hypervisor/flat_operands.h"

using namespace ringside;
using ringside::test::FlatOperands;
using Kind = Emulation::Kind;

namespace {

constexpr u32 kCode = 0x1000, kData = 0x4000, kStack = 0xC000, kDataBytes = 0x8000;

struct Fixture {
  CpuState s = flat_protected_state(kCode);
  FlatOperands m;

  Fixture() { s.gpr[ESP] = kStack; }
  Kind run(std::initializer_list<u8> code) {
    std::copy(code.begin(), code.end(), m.ram.begin() + kCode);
    result = emulate(s, m, CpuModel::P6);
    return result.kind;
  }
  u32 word(u32 at) const {
    u32 v;
    std::memcpy(&v, &m.ram[at], 4);
    return v;
  }
  Emulation result{};
};

}  // namespace

TEST_CASE("emulator: a store to a device is one write of the operand's size", "[emulate]") {
  Fixture f;
  f.s.gpr[EBX] = FlatOperands::kDevice;
  f.s.gpr[EAX] = 0x11223344;
  REQUIRE(f.run({0x66, 0x89, 0x43, 0x10}) == Kind::Done);  // mov [ebx+16], ax
  CHECK(f.m.log == "w2@16=13124 ");
  CHECK(f.s.eip == kCode + 4);
}

TEST_CASE("emulator: a read-modify-write reads and writes the device once each", "[emulate]") {
  Fixture f;
  f.s.gpr[EBX] = FlatOperands::kDevice;
  REQUIRE(f.run({0x80, 0x0B, 0x01}) == Kind::Done);  // or byte [ebx], 1
  CHECK(f.m.log == "r1@0 w1@0=91 ");
}

TEST_CASE("emulator: a compare only reads", "[emulate]") {
  Fixture f;
  f.s.gpr[EBX] = FlatOperands::kDevice;
  REQUIRE(f.run({0x80, 0x3B, 0x5A}) == Kind::Done);  // cmp byte [ebx], 5Ah
  CHECK(f.m.log == "r1@0 ");
  CHECK((f.s.eflags & eflags::ZF) != 0);
}

TEST_CASE("emulator: a fault leaves the state and does not touch the device", "[emulate]") {
  Fixture f;
  f.s.gpr[EBX] = FlatOperands::kAbsent;
  f.s.gpr[ESI] = FlatOperands::kDevice;
  f.s.gpr[EDI] = FlatOperands::kAbsent;
  const CpuState before = f.s;
  REQUIRE(f.run({0xFF, 0x03}) == Kind::Fault);  // inc dword [ebx]
  CHECK(f.result.fault.event.vector == vector::PF);
  CHECK(f.result.fault.event.error_code == page_fault::W);
  CHECK(f.result.fault.cr2 == FlatOperands::kAbsent);
  CHECK(f.s == before);
  REQUIRE(f.run({0xA5}) == Kind::Fault);  // movsd: the source is a device, the destination absent
  CHECK(f.m.log.empty());
  CHECK(f.s == before);
}

TEST_CASE("emulator: REP is carried out one iteration at a time", "[emulate]") {
  Fixture f;
  f.s.gpr[EDI] = FlatOperands::kDevice;
  f.s.gpr[ECX] = 3;
  f.s.gpr[EAX] = 7;
  REQUIRE(f.run({0xF3, 0xAA}) == Kind::Again);  // rep stosb
  CHECK(f.s.eip == kCode);
  CHECK(f.s.gpr[ECX] == 2);
  REQUIRE(f.run({0xF3, 0xAA}) == Kind::Again);
  REQUIRE(f.run({0xF3, 0xAA}) == Kind::Done);
  CHECK(f.s.gpr[ECX] == 0);
  CHECK(f.s.eip == kCode + 2);
  CHECK(f.m.log == "w1@0=7 w1@1=7 w1@2=7 ");
  REQUIRE((f.s.eip = kCode, f.run({0xF3, 0xAA})) == Kind::Done);  // with nothing left to do
  CHECK(f.m.log == "w1@0=7 w1@1=7 w1@2=7 ");
}

TEST_CASE("emulator: REPE and REPNE stop at the first difference or match", "[emulate]") {
  Fixture f;
  f.s.gpr[ESI] = kData;
  f.s.gpr[EDI] = kData + 0x100;
  f.s.gpr[ECX] = 10;
  f.m.ram[kData + 1] = 1;
  REQUIRE(f.run({0xF3, 0xA6}) == Kind::Again);  // repe cmpsb: equal, go on
  REQUIRE(f.run({0xF3, 0xA6}) == Kind::Done);   // different
  CHECK(f.s.gpr[ECX] == 8);
  CHECK(f.s.gpr[ESI] == kData + 2);
  f.s.eip = kCode;
  f.s.gpr[EAX] = 1;
  f.s.gpr[EDI] = kData;
  REQUIRE(f.run({0xF2, 0xAE}) == Kind::Again);  // repne scasb
  REQUIRE(f.run({0xF2, 0xAE}) == Kind::Done);
  CHECK(f.s.gpr[EDI] == kData + 2);
}

TEST_CASE("emulator: 16-bit addressing wraps, and strings use SI, DI and CX alone", "[emulate]") {
  Fixture f;
  f.s.gpr[EBX] = 0xFFFF0000u | kData;
  f.m.ram[kData + 4] = 0x77;
  REQUIRE(f.run({0x67, 0x8A, 0x47, 0x04}) == Kind::Done);  // mov al, [bx+4]
  CHECK((f.s.gpr[EAX] & 0xFF) == 0x77);
  f.s.eip = kCode;
  f.s.seg[ES].base = 0xFFFF8000u;  // linear 7FFFh
  f.s.gpr[EDI] = 0xABCDFFFFu;
  f.s.gpr[ECX] = 0x10001;
  REQUIRE(f.run({0x67, 0xF3, 0xAA}) == Kind::Done);  // rep stosb with CX = 1
  CHECK(f.s.gpr[EDI] == 0xABCD0000u);
  CHECK(f.s.gpr[ECX] == 0x10000);
}

TEST_CASE("emulator: a bit index in a register chooses the word, also backwards", "[emulate]") {
  Fixture f;
  f.s.gpr[EBX] = kData;
  f.s.gpr[EAX] = static_cast<u32>(-1);
  REQUIRE(f.run({0x0F, 0xAB, 0x03}) == Kind::Done);  // bts [ebx], eax
  CHECK(f.word(kData - 4) == 0x80000000u);
  CHECK((f.s.eflags & eflags::CF) == 0);
}

TEST_CASE("emulator: segment limits and types", "[emulate]") {
  struct Row {
    const char* what;
    u32 limit, access;
    u8 seg;
    bool write, faults;
    u8 vector;
  };
  constexpr u32 kBase = access_rights::kS | access_rights::kPresent | access_rights::kBig;
  constexpr u32 kWritable = access_rights::kWritableOrReadable,
                kDown = access_rights::kExpandDownOrConforming;
  const Row rows[] = {
      {"inside", kData + 3, kBase | kWritable, DS, true, false, 0},
      {"one byte beyond the limit", kData + 2, kBase | kWritable, DS, true, true, vector::GP},
      {"through SS", kData + 2, kBase | kWritable, SS, true, true, vector::SS},
      {"read-only, read", kData + 3, kBase, DS, false, false, 0},
      {"read-only, write", kData + 3, kBase, DS, true, true, vector::GP},
      {"execute-only, read", kData + 3, kBase | access_rights::kCode, DS, false, true, vector::GP},
      {"readable code, read", kData + 3, kBase | access_rights::kCode | kWritable, DS, false, false, 0},
      {"code, write", kData + 3, kBase | access_rights::kCode | kWritable, DS, true, true, vector::GP},
      {"null", 0, access_rights::kUnusable, DS, false, true, vector::GP},
      {"expand-down, above the limit", kData - 1, kBase | kWritable | kDown, DS, true, false, 0},
      {"expand-down, at the limit", kData, kBase | kWritable | kDown, DS, true, true, vector::GP},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    Fixture f;
    f.s.seg[row.seg].limit = row.limit;
    f.s.seg[row.seg].access = row.access;
    f.s.gpr[EBX] = kData;
    const u8 prefix = row.seg == SS ? 0x36 : 0x3E, opcode = row.write ? 0x89 : 0x8B;
    CHECK(f.run({prefix, opcode, 0x03}) == (row.faults ? Kind::Fault : Kind::Done));
    if (row.faults) {
      CHECK(f.result.fault.event.vector == row.vector);
      CHECK(f.result.fault.event.has_error_code);
      CHECK(f.result.fault.event.error_code == 0);
    }
  }
}

TEST_CASE("emulator: what it does not know stops with the mnemonic", "[emulate]") {
  Fixture f;
  f.s.gpr[EBX] = kData;
  const CpuState before = f.s;
  REQUIRE(f.run({0x0F, 0x01, 0x13}) == Kind::Unmodelled);  // lgdt [ebx]
  CHECK(std::string(f.result.what) == "lgdt");
  CHECK(f.s == before);
  REQUIRE(f.run({0x0F, 0x0B}) != Kind::Done);         // ud2
  REQUIRE(f.run({0xF0, 0x8B, 0x03}) == Kind::Fault);  // lock mov
  CHECK(f.result.fault.event.vector == vector::UD);
}

TEST_CASE("emulator: division by zero and overflow are #DE", "[emulate]") {
  Fixture f;
  f.s.gpr[EBX] = kData;
  REQUIRE(f.run({0xF7, 0x33}) == Kind::Fault);  // div dword [ebx] = 0
  CHECK(f.result.fault.event.vector == vector::DE);
  CHECK_FALSE(f.result.fault.event.has_error_code);
  f.s.gpr[EAX] = 0;
  f.s.gpr[EDX] = 0x80000000u;
  std::fill_n(f.m.ram.begin() + kData, 4, 0xFF);
  REQUIRE(f.run({0xF7, 0x3B}) == Kind::Fault);  // idiv dword [ebx] = -1 of the smallest number
  CHECK(f.result.fault.event.vector == vector::DE);
}

TEST_CASE("emulator: instructions that end beyond a page are fetched in two parts", "[emulate]") {
  Fixture f;
  f.s.eip = 0x1FFE;
  f.m.ram[0x1FFE] = 0xC7;  // mov dword [disp32], imm32
  f.m.ram[0x1FFF] = 0x05;
  const u8 rest[] = {0x00, 0x40, 0x00, 0x00, 0x78, 0x56, 0x34, 0x12};
  std::copy(std::begin(rest), std::end(rest), f.m.ram.begin() + 0x2000);
  REQUIRE(emulate(f.s, f.m, CpuModel::P6).kind == Kind::Done);
  CHECK(f.word(kData) == 0x12345678);
  CHECK(f.s.eip == 0x2008);
}

// ---- against the processor

namespace {

class NoBus final : public Bus {
 public:
  u32 port_in(u16, unsigned) override { return ~u32{0}; }
  void port_out(u16, u32, unsigned) override {}
  u32 mmio_read(MachinePhys, unsigned) override { return ~u32{0}; }
  void mmio_write(MachinePhys, u32, unsigned) override {}
  u8 acknowledge_interrupt() override { return 0; }
  u64 read_tsc() override { return 0; }
};

enum class Immediate : u8 { None, Byte, Operand };

struct Pattern {
  u16 first, last;  ///< opcodes
  int reg;          ///< ModRM reg field; -1 any, -2 no ModRM
  Immediate immediate;
};

// Every instruction that the emulator knows.
constexpr Pattern kPatterns[] = {
    {0x00, 0x03, -1, Immediate::None},     {0x08, 0x0B, -1, Immediate::None},
    {0x10, 0x13, -1, Immediate::None},     {0x18, 0x1B, -1, Immediate::None},
    {0x20, 0x23, -1, Immediate::None},     {0x28, 0x2B, -1, Immediate::None},
    {0x30, 0x33, -1, Immediate::None},     {0x38, 0x3B, -1, Immediate::None},
    {0x80, 0x80, -1, Immediate::Byte},     {0x81, 0x81, -1, Immediate::Operand},
    {0x82, 0x83, -1, Immediate::Byte},     {0x84, 0x8B, -1, Immediate::None},
    {0xC0, 0xC1, -1, Immediate::Byte},     {0xC6, 0xC6, 0, Immediate::Byte},
    {0xC7, 0xC7, 0, Immediate::Operand},   {0xD0, 0xD3, -1, Immediate::None},
    {0xF6, 0xF6, 0, Immediate::Byte},      {0xF7, 0xF7, 0, Immediate::Operand},
    {0xF6, 0xF7, 2, Immediate::None},      {0xF6, 0xF7, 3, Immediate::None},
    {0xF6, 0xF7, 4, Immediate::None},      {0xF6, 0xF7, 5, Immediate::None},
    {0xF6, 0xF7, 6, Immediate::None},      {0xF6, 0xF7, 7, Immediate::None},
    {0xFE, 0xFF, 0, Immediate::None},      {0xFE, 0xFF, 1, Immediate::None},
    {0xFF, 0xFF, 6, Immediate::None},      {0x8F, 0x8F, 0, Immediate::None},
    {0x69, 0x69, -1, Immediate::Operand},  {0x6B, 0x6B, -1, Immediate::Byte},
    {0x50, 0x5F, -2, Immediate::None},     {0x68, 0x68, -2, Immediate::Operand},
    {0x6A, 0x6A, -2, Immediate::Byte},     {0xA4, 0xA7, -2, Immediate::None},
    {0xAA, 0xAF, -2, Immediate::None},     {0x0F40, 0x0F4F, -1, Immediate::None},
    {0x0F90, 0x0F9F, 0, Immediate::None},  {0x0FA3, 0x0FA3, -1, Immediate::None},
    {0x0FAB, 0x0FAB, -1, Immediate::None}, {0x0FB3, 0x0FB3, -1, Immediate::None},
    {0x0FBB, 0x0FBB, -1, Immediate::None}, {0x0FBA, 0x0FBA, 4, Immediate::Byte},
    {0x0FBA, 0x0FBA, 5, Immediate::Byte},  {0x0FBA, 0x0FBA, 6, Immediate::Byte},
    {0x0FBA, 0x0FBA, 7, Immediate::Byte},  {0x0FA4, 0x0FA4, -1, Immediate::Byte},
    {0x0FA5, 0x0FA5, -1, Immediate::None}, {0x0FAC, 0x0FAC, -1, Immediate::Byte},
    {0x0FAD, 0x0FAD, -1, Immediate::None}, {0x0FAF, 0x0FB1, -1, Immediate::None},
    {0x0FB6, 0x0FB7, -1, Immediate::None}, {0x0FBC, 0x0FC1, -1, Immediate::None},
    {0x0FC7, 0x0FC7, 1, Immediate::None},  {0x8C, 0x8C, 3, Immediate::None},
};

class RandomInstructions {
 public:
  explicit RandomInstructions(u32 seed) : random_(seed) {}

  u32 below(u32 n) { return static_cast<u32>(random_() % n); }
  u32 value() {  // often at the edges
    switch (below(4)) {
      case 0: return below(3) - 1;
      case 1: return 0x80u << (8 * below(4));
      default: return static_cast<u32>(random_());
    }
  }

  /// Registers such that [EBX], [ESP], [ESI] and [EDI] are in the data window.
  CpuState state() {
    CpuState s = flat_protected_state(kCode);
    for (u32& r : s.gpr) r = value();
    for (Gpr r : {EBX, ESI, EDI, ESP}) s.gpr[r] = kData + 0x1000 + below(0x4000);
    if (below(2)) s.gpr[EDX] = 0;  // or nearly every division overflows
    s.gpr[ECX] = below(40);        // a REP count, a shift count
    s.eflags = eflags::kFixedOne | (value() & (eflags::kArithmetic | eflags::DF));
    if (below(3) == 0) s.seg[CS].access &= ~access_rights::kBig;
    return s;
  }

  std::vector<u8> instruction(CpuState& s) {
    const Pattern& p = kPatterns[below(std::size(kPatterns))];
    const u16 opcode = static_cast<u16>(p.first + below(p.last - p.first + 1u));
    const bool code32 = s.seg[CS].big();
    std::vector<u8> code;
    const bool prefix66 = below(3) == 0, prefix67 = !code32;  // always 32-bit addressing, or always [disp16]
    if (prefix66) code.push_back(0x66);
    if (prefix67) code.push_back(0x67);
    const bool string = p.reg == -2 && opcode >= 0xA4;
    if (string && below(2)) code.push_back(below(2) ? 0xF2 : 0xF3);
    if (opcode >= 0x100) code.push_back(0x0F);
    code.push_back(static_cast<u8>(opcode));
    const bool bit_string = opcode == 0x0FA3 || opcode == 0x0FAB || opcode == 0x0FB3 || opcode == 0x0FBB;
    if (p.reg != -2) {
      u32 reg = p.reg >= 0 ? static_cast<u32>(p.reg) : below(8);
      if (bit_string) s.gpr[reg = EAX] = (value() & 0x7FFF) - 0x4000;
      memory_operand(code, reg);
    }
    const unsigned operand = code32 != prefix66 ? 4 : 2;
    const unsigned bytes = p.immediate == Immediate::None ? 0 : p.immediate == Immediate::Byte ? 1 : operand;
    for (unsigned i = 0, v = value(); i < bytes; ++i, v >>= 8) code.push_back(static_cast<u8>(v));
    return code;
  }

 private:
  void memory_operand(std::vector<u8>& code, u32 reg) {
    auto modrm = [&](u32 mod, u32 rm) { code.push_back(static_cast<u8>(mod << 6 | reg << 3 | rm)); };
    switch (below(5)) {
      case 0: modrm(0, EBX); break;
      case 1:
        modrm(1, ESI);
        code.push_back(static_cast<u8>(value()));
        break;
      case 2:
        modrm(1, 4);
        code.push_back(0x24);
        code.push_back(static_cast<u8>(value()));
        break;  // [esp+disp8]
      case 3:
        modrm(0, 4);
        code.push_back(static_cast<u8>(0x0B | below(2) << 6));
        break;  // [ebx+ecx*1 or 2]
      default: {
        modrm(0, 5);
        const u32 at = kData + 0x1000 + below(0x4000);
        for (unsigned i = 0; i < 4; ++i) code.push_back(static_cast<u8>(at >> (8 * i)));
      }
    }
  }

  std::mt19937 random_;
};

/// The flags that the manual leaves undefined for this instruction in this state.
u32 undefined_flags(const Decoded& d, const CpuState& before) {
  u32 undefined = d.row->flags_undefined;
  const bool shift = (d.opcode & 0xFE) == 0xC0 || (d.opcode >= 0xD0 && d.opcode <= 0xD3);
  const bool double_shift =
      d.opcode == 0x0FA4 || d.opcode == 0x0FA5 || d.opcode == 0x0FAC || d.opcode == 0x0FAD;
  if (!shift && !double_shift) return undefined;
  const bool by_cl = d.opcode == 0xD2 || d.opcode == 0xD3 || d.opcode == 0x0FA5 || d.opcode == 0x0FAD;
  const bool by_one = d.opcode == 0xD0 || d.opcode == 0xD1;
  const u32 count = (by_one ? 1 : by_cl ? before.gpr[ECX] : d.imm) & 31;
  if (count == 0) return 0;
  if (count != 1) undefined |= eflags::OF;
  if (count >= 8u * d.size && (double_shift || d.reg >= 4)) undefined |= eflags::CF;
  if (double_shift && count > 8u * d.size) undefined |= eflags::kArithmetic;
  return undefined;
}

bool result_undefined(const Decoded& d, const CpuState& before) {
  const bool by_cl = d.opcode == 0x0FA5 || d.opcode == 0x0FAD;
  if (!by_cl && d.opcode != 0x0FA4 && d.opcode != 0x0FAC) return false;
  return ((by_cl ? before.gpr[ECX] : d.imm) & 31) > 8u * d.size;
}

}  // namespace

TEST_CASE("emulator and processor agree on random instructions", "[emulate]") {
  RandomInstructions random(20250101);
  MachineMemory memory(FlatOperands::kBytes);
  NoBus bus;
  Cpu cpu(memory, bus);
  FlatOperands m;
  unsigned faults = 0, done = 0;
  constexpr unsigned kRuns = 60'000;
  for (unsigned run = 0; run < kRuns; ++run) {
    CpuState start = random.state();
    const std::vector<u8> code = random.instruction(start);
    if (run % 256 == 0) {  // both sides go on from what earlier runs left there
      for (u32 at = kData; at < kData + kDataBytes; at += 4) {
        const u32 v = random.value();
        std::memcpy(&m.ram[at], &v, 4);
      }
      std::memcpy(memory.data(), m.ram.data(), m.ram.size());
    }
    std::copy(code.begin(), code.end(), m.ram.begin() + kCode);
    Decoded d;
    REQUIRE(decode(m.ram.data() + kCode, kMaxInstructionLength, start.seg[CS].big(), CpuModel::P6, d) ==
            DecodeStatus::Ok);
    if (result_undefined(d, start)) continue;
    std::memcpy(memory.data() + kCode, m.ram.data() + kCode, code.size());
    cpu.memory_written(MachinePhys(kCode), code.size());
    cpu.state() = start;
    const u64 retired = cpu.retired();
    CpuExit exit = cpu.run(1);
    while (cpu.retired() == retired && std::holds_alternative<exits::BudgetSpent>(exit)) exit = cpu.run(1);

    CpuState s = start;
    Emulation result;
    do {
      result = emulate(s, m, CpuModel::P6);
    } while (result.kind == Kind::Again);

    std::string bytes;
    for (u8 b : code) bytes += std::to_string(b) + " ";
    INFO("run " << run << ": " << d.row->mnemonic << ", bytes " << bytes);
    REQUIRE(result.kind != Kind::Unmodelled);
    // There is no IDT, so that a fault ends in shutdown.
    REQUIRE((result.kind == Kind::Fault) == std::holds_alternative<exits::TripleFault>(exit));
    if (result.kind == Kind::Fault) {
      ++faults;
      continue;
    }
    ++done;
    const u32 ignored = undefined_flags(d, start);
    CpuState expected = cpu.state();
    CHECK((s.eflags & ~ignored) == (expected.eflags & ~ignored));
    expected.eflags = s.eflags;
    CHECK(s.gpr == expected.gpr);
    CHECK(s.eip == expected.eip);
    REQUIRE(s == expected);
    REQUIRE(std::memcmp(memory.data() + kData, m.ram.data() + kData, kDataBytes) == 0);
  }
  CHECK(done > kRuns * 9 / 10);
  CHECK(faults > 0);
}
