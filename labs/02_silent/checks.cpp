// Lab 02: the classification is read off a run of `sensitive`, POPF and UMIP are tried on guests of the
// student's.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "labs/framework/check.h"
#include "labs/framework/figures.h"
#include "labs/framework/guest_run.h"

namespace ringside::labs::lab02 {
namespace {

constexpr std::pair<const char*, const char*> kClassified[] = {
    {"sgdt", "SGDT"}, {"sidt", "SIDT"}, {"smsw", "SMSW"}, {"pushf", "PUSHF"}, {"popf", "POPF (IF on)"},
    {"str", "STR"},   {"cli", "CLI"},   {"lgdt", "LGDT"}, {"hlt", "HLT"},     {"in", "IN AL, 80h"}};

/// What the table of `sensitive` says of an instruction in ring 1.
std::string in_ring_1(const std::string& console, const std::string& instruction) {
  constexpr std::size_t kFirst = 16, kColumn = 15;
  for (std::size_t at = 0; (at = console.find("\n" + instruction, at)) != std::string::npos; ++at) {
    const std::string line = console.substr(at + 1, console.find('\n', at + 1) - at - 1);
    if (line.size() < kFirst + 2 * kColumn || line.substr(instruction.size(), 1) != " ") continue;
    const std::string cell = line.substr(kFirst + kColumn + 1, kColumn - 1);
    if (cell.starts_with("#GP")) return "faults";
    return cell.starts_with("now") ? "ignores" : "tells";
  }
  return {};
}

std::string command_line(const Check& c) {
  return fmt::format("bs={} count={}", 512u << c.seeded("bytes", 0, 2), c.seeded("blocks", 20, 80));
}

std::pair<u64, u64> silent(const Check& c) {
  const RunReport run = run_guest({.guest = "diskio",
                                   .command_line = command_line(c),
                                   .mode = Mode::Trap,
                                   .sensitive = SensitiveInstructions::Leak,
                                   .ram_bytes = u64{32} << 20});
  u64 executions = 0;
  for (const SilentInstruction& s : run.silent) executions += s.count;
  return {executions, run.silent.size()};
}

Image guest_image(const Check& c) { return load_image((c.work.folder() / "out" / "guest.elf").string()); }

void classify(Check& c, const std::map<std::string, std::string>& given) {
  const std::string console = run_guest({.guest = "sensitive", .mode = Mode::Native}).console;
  std::string wrong, missing;
  std::string_view hint;
  unsigned right = 0;
  for (const auto& [key, instruction] : kClassified) {
    const std::string truth = in_ring_1(console, instruction),
                      said = given.contains(key) ? given.at(key) : "";
    if (said == truth) {
      ++right;
    } else if (said.empty()) {
      missing = "some are missing";
    } else {
      wrong += fmt::format("{}{} does not '{}'", wrong.empty() ? "" : ", ", instruction, said);
      if (hint.empty()) hint = said == "faults" || truth == "faults" ? "silent-faults" : "reads-or-ignores";
    }
  }
  if (right == std::size(kClassified)) return c.pass("classify");
  if (!wrong.empty() && !missing.empty()) wrong += "; ";
  c.partly("classify", 3 * right, wrong + missing, hint);
}

void popf(Check& c) {
  const auto run = [&](Mode mode, SensitiveInstructions sensitive) {
    return run_guest({.image = guest_image(c),
                      .mode = mode,
                      .sensitive = sensitive,
                      .ram_bytes = u64{4} << 20,
                      .instructions = 1'000'000});
  };
  const RunReport native = run(Mode::Native, SensitiveInstructions::Trap);
  const RunReport trap = run(Mode::Trap, SensitiveInstructions::Trap);
  const RunReport leak = run(Mode::Trap, SensitiveInstructions::Leak);
  if (native.console == "IF=0\n" && trap.console == "IF=0\n")
    c.pass("virtualizable");
  else
    c.fail("virtualizable",
           fmt::format("native says '{}', trap says '{}'", native.console.substr(0, 4),
                       trap.console.substr(0, 4)),
           native.console == "IF=1\n" ? "if-first" : "no-pushf");
  bool popf_was_silent = false;
  for (const SilentInstruction& s : leak.silent) popf_was_silent |= s.mnemonic == "popf";
  if (leak.console == "IF=1\n" && popf_was_silent && c.passed("virtualizable"))
    c.pass("silent");
  else if (!popf_was_silent && c.passed("virtualizable"))
    c.fail("silent", "no POPF was executed silently", "cli-instead");
  else
    c.fail("silent", fmt::format("under --sensitive leak it says '{}'", leak.console.substr(0, 4)),
           "no-pushf");
}

/// Whether the processor, as the guest left it, refuses `code` in ring 3.
bool refused_in_ring_3(VirtualMachine& vm, std::initializer_list<u8> code) {
  constexpr u32 kAt = 0x8000, kDpl3 = 3u << 5;
  Host& host = vm.host();
  const CpuState before = host.cpu.state();
  CpuState s = before;
  for (SegmentRegister& r : s.seg) r.access |= kDpl3, r.selector |= 3;
  s.eip = kAt;
  s.gpr[EBX] = kAt + 0x100;
  s.eflags = eflags::kFixedOne;
  s.idtr = {0, 0};  // nothing can be delivered: a fault ends in a triple fault
  s.halted = false;
  std::copy(code.begin(), code.end(), host.machine.ram().at(GuestPhys(kAt), code.size()));
  host.cpu.state() = s;
  host.cpu.flush_tlb();
  host.cpu.memory_written(MachinePhys(kAt), code.size());
  const bool refused = std::holds_alternative<ringside::exits::TripleFault>(host.cpu.run(1));
  host.cpu.state() = before;
  return refused;
}

void umip(Check& c) {
  VirtualMachine vm(guest_image(c), {.mode = Mode::Native, .host = {.ram_bytes = u64{4} << 20}});
  vm.run({.instructions = 1'000'000, .wall_seconds = 30});
  const u32 cr4 = vm.host().cpu.state().cr4;
  const bool all = refused_in_ring_3(vm, {0x0F, 0x01, 0x03}) && refused_in_ring_3(vm, {0x0F, 0x01, 0x0B}) &&
                   refused_in_ring_3(vm, {0x0F, 0x00, 0xC0}) && refused_in_ring_3(vm, {0x0F, 0x01, 0xE0}) &&
                   refused_in_ring_3(vm, {0x0F, 0x00, 0xC8});
  if (!all)
    c.fail("umip", fmt::format("SGDT in ring 3 still executes; CR4 is {:X}h", cr4), "umip-bit");
  else if (cr4 != (cr4::UMIP | cr4::PSE))
    c.fail("umip", fmt::format("CR4 is {:X}h instead of {:X}h", cr4, cr4::UMIP | cr4::PSE), "umip-clobbers");
  else
    c.pass("umip");
}

}  // namespace

Answers answers(const Check& c) {
  const auto [executions, places] = silent(c);
  return {{"silent-executions", std::to_string(executions)}, {"silent-places", std::to_string(places)}};
}

std::string assignment(const Check& c) {
  return fmt::format("Your command line: ringside run diskio --mode trap --sensitive leak -append \"{}\"",
                     command_line(c));
}

void checks(Check& c) {
  const auto given = parse_answers(c.work.text("answers.txt"));
  classify(c, given);
  const auto [executions, places] = silent(c);
  Figures count(given);
  count.expect("silent-executions", executions).expect("silent-places", places);
  count.settle(c, "count", "wrong-run");

  std::string after_umip = given.contains("after-umip") ? given.at("after-umip") : "";
  std::replace(after_umip.begin(), after_umip.end(), ',', ' ');
  std::istringstream words(after_umip);
  std::set<std::string> left;
  for (std::string word; words >> word;) left.insert(word);
  if (left == std::set<std::string>{"pushf", "popf"})
    c.pass("leftover");
  else if (left.empty())
    c.fail("leftover", "no answer");
  else
    c.fail("leftover", fmt::format("not '{}'", fmt::join(left, " ")), "umip-five");

  if (const std::string errors = c.work.build_guest(); !errors.empty()) {
    c.grade.output = errors;
    c.fail("build", "popf.S and umip.S do not become a guest", "assemble");
    return c.fail_rest("there is no guest to run");
  }
  c.pass("build");
  popf(c);
  umip(c);
}

}  // namespace ringside::labs::lab02
