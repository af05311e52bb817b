// What random operands do not reach: who may use the x87 and the XMM registers, how errors are reported, how
// the state lies in memory, and that it belongs to a snapshot.
#include "cpu/cpuid.h"
#include "cpu/snapshot.h"
#include "tests/catch.h"
#include "tests/cpu/small_machine.h"

using namespace ringside;
using namespace ringside::test;

namespace {

constexpr u32 kData = 0x3000;
constexpr u32 kNone = 0xFF;

/// One instruction after the other at ring 0 of flat protected mode; exceptions come back as their vector.
struct Bench : SmallMachine {
  Vmcs vmcs;

  explicit Bench(CpuModel model = CpuModel::P6) : SmallMachine(CpuConfig{model}) {
    vmcs.enable_ept = false;
    vmcs.exception_bitmap = ~0u;
    cpu.set_vmcs(&vmcs);
    cpu.state().cr0 = cr0::PE | cr0::ET | cr0::NE;
    cpu.fpu().control = FpuState::kInitialControl;
    cpu.fpu().valid = 0;
  }
  u32 run(std::vector<u8> bytes, u64 instructions = 1) {
    code(std::move(bytes));
    cpu.state().eip = kCode;
    const CpuExit exit = cpu.run(instructions);
    if (const auto* e = std::get_if<exits::ExceptionOrNmi>(&exit)) return e->event.vector;
    CHECK(std::holds_alternative<exits::BudgetSpent>(exit));
    return kNone;
  }
  template <class T>
  T at(u32 address) {
    T value;
    std::memcpy(&value, memory.data() + address, sizeof value);
    return value;
  }
};

std::vector<u8> with_disp32(std::vector<u8> bytes, u32 at) {
  for (int n = 0; n < 32; n += 8) bytes.push_back(static_cast<u8>(at >> n));
  return bytes;
}

const std::vector<u8> kFld1 = {0xD9, 0xE8}, kFldz = {0xD9, 0xEE}, kWait = {0x9B}, kFnstswAx = {0xDF, 0xE0},
                      kEmms = {0x0F, 0x77}, kAddps = {0x0F, 0x58, 0xC1}, kSfence = {0x0F, 0xAE, 0xF8};
const std::vector<u8> kFxsave = with_disp32({0x0F, 0xAE, 0x05}, kData),
                      kFxrstor = with_disp32({0x0F, 0xAE, 0x0D}, kData),
                      kLdmxcsr = with_disp32({0x0F, 0xAE, 0x15}, kData);

}  // namespace

TEST_CASE("CR0 and CR4 decide who may use which unit", "[x87]") {
  struct Row {
    const char* name;
    const std::vector<u8>& bytes;
    u32 cr0, cr4, vector;
  };
  const u32 fxsr = cr4::OSFXSR;
  const Row rows[] = {
      {"x87", kFld1, 0, 0, kNone},
      {"x87, emulated", kFld1, cr0::EM, 0, vector::NM},
      {"x87, task switched", kFld1, cr0::TS, 0, vector::NM},
      {"x87 control, task switched", kFnstswAx, cr0::TS, 0, vector::NM},
      {"WAIT, TS alone", kWait, cr0::TS, 0, kNone},
      {"WAIT, MP alone", kWait, cr0::MP, 0, kNone},
      {"WAIT, TS and MP", kWait, cr0::TS | cr0::MP, 0, vector::NM},
      {"WAIT, emulated", kWait, cr0::EM, 0, kNone},
      {"MMX", kEmms, 0, 0, kNone},
      {"MMX, emulated", kEmms, cr0::EM, 0, vector::UD},
      {"MMX, task switched", kEmms, cr0::TS, 0, vector::NM},
      {"SSE without OSFXSR", kAddps, 0, 0, vector::UD},
      {"SSE", kAddps, 0, fxsr, kNone},
      {"SSE, emulated", kAddps, cr0::EM, fxsr, vector::UD},
      {"SSE, task switched", kAddps, cr0::TS, fxsr, vector::NM},
      {"SFENCE needs nothing", kSfence, cr0::EM | cr0::TS, 0, kNone},
      {"FXSAVE without OSFXSR", kFxsave, 0, 0, kNone},
      {"FXSAVE, emulated", kFxsave, cr0::EM, fxsr, vector::NM},
      {"FXSAVE, task switched", kFxsave, cr0::TS, fxsr, vector::NM},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    Bench b(CpuModel::Pentium4);
    b.cpu.state().cr0 |= row.cr0;
    b.cpu.state().cr4 = row.cr4;
    CHECK(b.run(row.bytes) == row.vector);
  }
}

TEST_CASE("an error that is not masked stops the next waiting instruction, and no other", "[x87]") {
  struct Row {
    const char* name;
    std::vector<u8> bytes;
    bool waits;
  };
  const Row rows[] = {
      {"fld1", kFld1, true},
      {"fnop", {0xD9, 0xD0}, true},
      {"wait", kWait, true},
      {"fldcw", with_disp32({0xD9, 0x2D}, kData), true},
      {"frstor", with_disp32({0xDD, 0x25}, kData), true},
      {"emms", kEmms, true},
      {"fnstsw ax", kFnstswAx, false},
      {"fnstcw", with_disp32({0xD9, 0x3D}, kData), false},
      {"fnclex", {0xDB, 0xE2}, false},
      {"fninit", {0xDB, 0xE3}, false},
      {"fnsave", with_disp32({0xDD, 0x35}, kData), false},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    Bench b;
    b.cpu.fpu().control = FpuState::kInitialControl & ~x87_status::ZE;
    // 1 / 0: the division itself goes through, and changes nothing.
    CHECK(b.run({0xD9, 0xEE, 0xD9, 0xE8, 0xD8, 0xF1}, 3) == kNone);
    CHECK((b.cpu.fpu().status & 0xFF) == (x87_status::ZE | x87_status::ES));
    CHECK(b.cpu.fpu().registers[b.cpu.fpu().physical(0)].sign_exponent == 0x3FFF);
    CHECK(b.cpu.fpu().instruction == SmallMachine::kCode + 4);
    CHECK(b.run(row.bytes) == (row.waits ? u32{vector::MF} : kNone));
  }
}

namespace {

/// FERR# as the PC wires it: IRQ 13.
struct FerrBus : RecordingBus {
  Cpu* cpu = nullptr;
  unsigned errors = 0;
  void numeric_error() override {
    ++errors;
    cpu->set_interrupt_line(true);
  }
};

}  // namespace

TEST_CASE("without CR0.NE an error is an interrupt, before the instruction that waits for it", "[x87]") {
  MachineMemory memory(1 << 20);
  FerrBus bus;
  Cpu cpu(memory, bus, {});
  bus.cpu = &cpu;
  bus.interrupt_vector = 0x75;
  bus.on_acknowledge = [&] { cpu.set_interrupt_line(false); };
  CpuState& s = cpu.state();
  s = flat_protected_state(0x1000);
  s.gpr[ESP] = 0x8000;
  const u64 gate = 0x00008E00'00080000ull | 0x2000;
  std::memcpy(memory.data() + 0x75 * 8, &gate, sizeof gate);
  s.idtr = {0, 0x7FF};
  s.gdtr = {0x900, 0x17};
  const u64 code = 0x00CF9B00'0000FFFFull;
  std::memcpy(memory.data() + 0x908, &code, sizeof code);
  const u8 program[] = {0xD9, 0xEE, 0xD9, 0xE8, 0xD8, 0xF1, 0xD9, 0xE0, 0xF4};  // FLDZ FLD1 FDIV FCHS HLT
  std::memcpy(memory.data() + 0x1000, program, sizeof program);
  const u8 handler[] = {0x40, 0xF4, 0xCF};  // INC EAX; HLT; IRET
  std::memcpy(memory.data() + 0x2000, handler, sizeof handler);
  cpu.fpu().control = FpuState::kInitialControl & ~x87_status::ZE;
  cpu.fpu().valid = 0;

  SECTION("it is delivered at once if interrupts are enabled") { s.eflags |= eflags::IF; }
  SECTION("it is awaited if they are not") {
    CHECK(std::holds_alternative<exits::Halted>(cpu.run(100)));
    CHECK(cpu.state().eip == 0x1006);
    CHECK(bus.errors == 1);
    cpu.state().eflags |= eflags::IF;
  }
  CHECK(std::holds_alternative<exits::Halted>(cpu.run(100)));
  CHECK(cpu.state().gpr[EAX] == 1);
  u32 return_eip;
  std::memcpy(&return_eip, memory.data() + cpu.state().gpr[ESP], sizeof return_eip);
  CHECK(return_eip == 0x1006);
  cpu.fpu().error_ignored = true;  // what the handler's write to port F0h does
  cpu.state().halted = false;
  CHECK(std::holds_alternative<exits::Halted>(cpu.run(100)));
  CHECK(cpu.state().eip == 0x1009);
  CHECK(cpu.fpu().registers[cpu.fpu().physical(0)].sign_exponent == 0xBFFF);
}

TEST_CASE("the environment has four formats", "[x87]") {
  struct Row {
    const char* name;
    bool operand32, real;
    std::vector<u32> fields;  ///< control, status, tag, then four of pointers and opcode
  };
  const Row rows[] = {
      {"protected, 32",
       true,
       false,
       {0xFFFF137F, 0xFFFF3921, 0xFFFF7FFE, 0x12345678, 0x01230008, 0x89ABCDEF, 0xFFFF0010}},
      {"protected, 16", false, false, {0x137F, 0x3921, 0x7FFE, 0x5678, 0x0008, 0xCDEF, 0x0010}},
      {"real, 32",
       true,
       true,
       {0xFFFF137F, 0xFFFF3921, 0xFFFF7FFE, 0xFFFF56F8, 0x01234123, 0xFFFFCEEF, 0x089AB000}},
      {"real, 16", false, true, {0x137F, 0x3921, 0x7FFE, 0x56F8, 0x4123, 0xCEEF, 0xB000}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    Bench b;
    FpuState f;
    f.control = 0x137F;
    f.status = 0x3921;  // TOP 7
    f.valid = 0x81;     // R0 special, R7 zero
    f.registers[0] = {1, 0};
    f.instruction = 0x12345678;
    f.cs = 8;
    f.opcode = 0x123;
    f.operand = 0x89ABCDEF;
    f.ds = 0x10;
    b.cpu.fpu() = f;
    // A real-mode segment that is as flat as the others: what matters is the format.
    if (row.real) b.cpu.state().cr0 &= ~cr0::PE;
    const auto prefixed = [&](u8 modrm) {
      std::vector<u8> bytes = with_disp32({0xD9, modrm}, kData);
      if (!row.operand32) bytes.insert(bytes.begin(), 0x66);
      return bytes;
    };
    CHECK(b.run(prefixed(0x35)) == kNone);  // FNSTENV
    CHECK(b.cpu.fpu().control == 0x137F);
    for (u32 n = 0; n < row.fields.size(); ++n) {
      INFO("field " << n);
      CHECK((row.operand32 ? b.at<u32>(kData + 4 * n) : b.at<u16>(kData + 2 * n)) == row.fields[n]);
    }
    FpuState other;
    other.registers = f.registers;  // what the tag word will be read off
    b.cpu.fpu() = other;
    CHECK(b.run(prefixed(0x25)) == kNone);  // FLDENV
    CHECK(b.cpu.fpu().control == f.control);
    CHECK(b.cpu.fpu().status == f.status);
    CHECK(b.cpu.fpu().valid == f.valid);
    CHECK(b.run(prefixed(0x35)) == kNone);
    for (u32 n = 0; n < row.fields.size(); ++n)
      CHECK((row.operand32 ? b.at<u32>(kData + 4 * n) : b.at<u16>(kData + 2 * n)) == row.fields[n]);
  }
}

TEST_CASE("FNSAVE keeps everything and starts anew; FRSTOR brings it back", "[x87]") {
  Bench b;
  FpuState f;
  f.control = 0x0F7F;
  f.status = 5 << x87_status::kTopShift;
  f.valid = 0xE1;
  for (u16 n = 0; n < 8; ++n) f.registers[n] = {0x8000000000000000ull + n, static_cast<u16>(0x3FFF + n)};
  b.cpu.fpu() = f;
  CHECK(b.run(with_disp32({0xDD, 0x35}, kData)) == kNone);
  CHECK(b.cpu.fpu().control == FpuState::kInitialControl);
  CHECK(b.cpu.fpu().status == 0);
  CHECK(b.cpu.fpu().valid == 0);
  CHECK(b.at<u64>(kData + 28) == 0x8000000000000005ull);  // ST(0) is R5
  CHECK(b.at<u16>(kData + 28 + 70 + 8) == 0x3FFF + 4);
  CHECK(b.run(with_disp32({0xDD, 0x25}, kData)) == kNone);
  CHECK(b.cpu.fpu() == f);
}

TEST_CASE("a fault of the operand leaves the unit as it was", "[x87]") {
  const std::vector<u8> stores[] = {{0xD9, 0x18}, {0xDB, 0x38}, {0xDF, 0x38}, {0xDF, 0x30},
                                    {0xDD, 0x30}, {0xD9, 0x30}, {0xD9, 0x00}, {0xDD, 0x20}};
  for (const auto& bytes : stores) {
    Bench b;
    CHECK(b.run(kFld1) == kNone);
    const FpuState before = b.cpu.fpu();
    b.reg(EAX) = 0x8FFC;
    b.cpu.state().seg[DS].limit = 0x8FFD;
    b.cpu.state().seg[DS].access &= ~access_rights::kGranularity;
    CHECK(b.run(bytes) == vector::GP);
    CHECK(b.cpu.fpu() == before);
  }
}

TEST_CASE("lazy switching: the first x87 instruction after a task switch asks for the state", "[x87]") {
  Bench b;
  b.cpu.state().cr0 |= cr0::TS;
  CHECK(b.run(kFldz) == vector::NM);
  CHECK(b.run({0x0F, 0x06}) == kNone);  // CLTS
  CHECK(b.run(kFldz) == kNone);
}

TEST_CASE("the floating-point state belongs to a snapshot", "[x87]") {
  Bench b;
  CHECK(b.run(kFld1) == kNone);
  b.cpu.fpu().xmm[3].bytes[5] = 77;
  const FpuState then = b.cpu.fpu();
  const auto saved = save(b.cpu);
  CHECK(b.run({0xD9, 0xEB, 0xDE, 0xC9}, 2) == kNone);
  CHECK(b.cpu.fpu() != then);
  restore(b.cpu, *saved);
  CHECK(b.cpu.fpu() == then);
}

TEST_CASE("MMX registers are the significands of the x87's", "[x87]") {
  Bench b;
  CHECK(b.run(kFld1) == kNone);
  b.reg(EAX) = 0x12345678;
  CHECK(b.run({0x0F, 0x6E, 0xD0}) == kNone);  // MOVD MM2, EAX
  const FpuState& f = b.cpu.fpu();
  CHECK(f.registers[2] == Float80{0x12345678, 0xFFFF});
  CHECK(f.top() == 0);
  CHECK(f.valid == 0xFF);
  CHECK(b.run(kEmms) == kNone);
  CHECK(f.valid == 0);
}

TEST_CASE("XMM state in memory: alignment, reserved bits, and what OSFXSR adds", "[x87]") {
  Bench b(CpuModel::Pentium4);
  b.cpu.state().cr4 = cr4::OSFXSR;
  CHECK(b.run(with_disp32({0x0F, 0xAE, 0x05}, kData + 8)) == vector::GP);
  CHECK(b.run(with_disp32({0x0F, 0x28, 0x05}, kData + 8)) == vector::GP);  // MOVAPS
  CHECK(b.run(with_disp32({0x0F, 0x10, 0x05}, kData + 8)) == kNone);       // MOVUPS
  b.cpu.fpu().xmm[7].bytes.fill(0xAB);
  b.cpu.fpu().mxcsr = 0x1FA0;
  CHECK(b.run(kFxsave) == kNone);
  CHECK(b.at<u32>(kData + 24) == 0x1FA0);
  CHECK(b.at<u32>(kData + 28) == 0xFFFF);
  CHECK(b.at<u32>(kData + 160 + 7 * 16) == 0xABABABAB);
  b.cpu.fpu().xmm[7].bytes.fill(0);
  b.cpu.fpu().mxcsr = FpuState::kInitialMxcsr;
  b.cpu.state().cr4 = 0;
  CHECK(b.run(kFxrstor) == kNone);
  CHECK(b.cpu.fpu().mxcsr == FpuState::kInitialMxcsr);
  b.cpu.state().cr4 = cr4::OSFXSR;
  CHECK(b.run(kFxrstor) == kNone);
  CHECK(b.cpu.fpu().mxcsr == 0x1FA0);
  CHECK(b.cpu.fpu().xmm[7].bytes[3] == 0xAB);
  b.poke32(kData, 0x10000);
  CHECK(b.run(kLdmxcsr) == vector::GP);
  b.poke32(kData, 0x1F80);
  CHECK(b.run(kLdmxcsr) == kNone);
}

TEST_CASE("a SIMD error that is not masked is #XM, or #UD for a system that does not know it", "[x87]") {
  for (const bool known : {true, false}) {
    Bench b(CpuModel::Pentium3);
    b.cpu.state().cr4 = cr4::OSFXSR | (known ? cr4::OSXMMEXCPT : 0);
    b.cpu.fpu().mxcsr = FpuState::kInitialMxcsr & ~(x87_status::ZE << 7u);
    const float one = 1;
    std::memcpy(b.cpu.fpu().xmm[0].bytes.data(), &one, sizeof one);
    CHECK(b.run({0xF3, 0x0F, 0x5E, 0xC1}) == (known ? vector::XM : vector::UD));  // DIVSS XMM0, XMM1
    CHECK((b.cpu.fpu().mxcsr & 0x3F) == x87_status::ZE);
    float left;
    std::memcpy(&left, b.cpu.fpu().xmm[0].bytes.data(), sizeof left);
    CHECK(left == one);
  }
}

TEST_CASE("CPUID and CR4 say what there is", "[x87]") {
  using namespace cpuid_feature;
  struct Row {
    CpuModel model;
    u32 features, cr4;
  };
  constexpr u32 kAll = kFpu | kMmx | kFxsr | kSse | kSse2 | kClfsh, kSseCr4 = cr4::OSFXSR | cr4::OSXMMEXCPT;
  const Row rows[] = {{CpuModel::Pentium, kFpu, 0},
                      {CpuModel::P6, kFpu | kMmx, 0},
                      {CpuModel::Pentium3, kFpu | kMmx | kFxsr | kSse, kSseCr4},
                      {CpuModel::Pentium4, kAll, kSseCr4}};
  for (const Row& row : rows) {
    CHECK((cpuid_leaf(row.model, 1, 0).edx & kAll) == row.features);
    Bench b(row.model);
    b.reg(EAX) = kSseCr4;
    CHECK(b.run({0x0F, 0x22, 0xE0}) == (row.cr4 ? kNone : u32{vector::GP}));
  }
}
