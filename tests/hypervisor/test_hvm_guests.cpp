// Whole guests under simulated VT-x: they print what they print on bare metal, cause the exits that they must
// and no others, and a guest that misbehaves ends with a report.
#include <random>

#include "hypervisor/accounting/run_report.h"
#include "hypervisor/hvm/vmx_monitor.h"
#include "tests/catch.h"

using namespace ringside;
using ringside::test::contains;

namespace {

constexpr u64 kBudget = 20'000'000;

Image test_guest(const std::string& name) {
  return load_image(std::string(RINGSIDE_BINARY_DIR) + "/tests/images/" + name + ".bin");
}

struct Run {
  Ending ending;
  RunReport report;
  u64 port_accesses;  ///< carried out by the processor
  std::string why;

  u64 exits(ExitReason r) const { return report.exit_samples(r); }
};

Run run(const Image& image, Mode mode, u8 ept_levels = 4, u64 budget = kBudget) {
  VmConfig config;
  config.mode = mode;
  config.host.ram_bytes = u64{4} << 20;
  config.ept_levels = ept_levels;
  VirtualMachine vm(image, config);
  const Ending ending = vm.run({.instructions = budget});
  const CpuCounters& counters = vm.host().cpu.counters();
  return {ending, make_report(vm, 0), counters.port_reads + counters.port_writes, vm.why()};
}

Image flat(std::vector<u8> bytes) { return parse_image("bytes", bytes); }

}  // namespace

TEST_CASE("hvm guest: as many I/O exits as bare metal has port accesses", "[hvm]") {
  const Run native = run(test_guest("print"), Mode::Native), hvm = run(test_guest("print"), Mode::Hvm);
  REQUIRE(native.ending == Ending::Success);
  REQUIRE(hvm.ending == Ending::Success);
  CHECK(hvm.report.console == std::string(100, 'x') + "abcdefghijklmnopqrstuvwxyz");
  CHECK(hvm.report.console == native.report.console);
  CHECK(native.port_accesses == 100 + 1 + 1);  // REP OUTS is one
  CHECK(hvm.exits(ExitReason::IoInstruction) == native.port_accesses);
  CHECK(hvm.port_accesses == 0);
  CHECK(hvm.report.instructions == native.report.instructions);
}

TEST_CASE("hvm guest: page tables, page faults and CR3 are the guest's own business", "[hvm]") {
  for (u8 levels : {4, 2}) {
    INFO("levels " << int{levels});
    const Run hvm = run(test_guest("paging"), Mode::Hvm, levels);
    INFO(hvm.why);
    REQUIRE(hvm.ending == Ending::Success);
    CHECK(hvm.report.console == "P");
    for (ExitReason r :
         {ExitReason::CrAccess, ExitReason::Invlpg, ExitReason::ExceptionOrNmi, ExitReason::Mmio})
      CHECK(hvm.exits(r) == 0);
    // RAM that it touched: a handful of pages, each once.
    CHECK(hvm.exits(ExitReason::EptViolation) > 3);
    CHECK(hvm.exits(ExitReason::EptViolation) < 20);
    CHECK(hvm.exits(ExitReason::IoInstruction) == 2);
  }
  CHECK(run(test_guest("paging"), Mode::Native).report.console == "P");
}

TEST_CASE("hvm guest: the two-dimensional walk costs more references than the guest's own", "[hvm]") {
  const auto walk_cycles = [](const Run& r) { return r.report.cycles[Bucket::Tlb]; };
  const Run native = run(test_guest("paging"), Mode::Native);
  const Run two = run(test_guest("paging"), Mode::Hvm, 2), four = run(test_guest("paging"), Mode::Hvm, 4);
  CHECK(walk_cycles(native) < walk_cycles(two));
  CHECK(walk_cycles(two) < walk_cycles(four));
}

TEST_CASE("hvm guest: timer interrupts arrive in a loop, between CLI and STI, and in HLT", "[hvm]") {
  const Run native = run(test_guest("timer"), Mode::Native), hvm = run(test_guest("timer"), Mode::Hvm);
  INFO(hvm.why);
  REQUIRE(native.ending == Ending::Success);
  REQUIRE(hvm.ending == Ending::Success);
  CHECK(native.report.console == "ABCDEFGHIJKL.");
  CHECK(hvm.report.console == native.report.console);
  CHECK(hvm.exits(ExitReason::ExternalInterrupt) >= 60);  // the ticks that came while it ran
  CHECK(hvm.exits(ExitReason::InterruptWindow) > 10);     // those that found interrupts off
  CHECK(hvm.exits(ExitReason::Hlt) >= 39);
}

TEST_CASE("hvm guest: memory-mapped devices by every kind of instruction", "[hvm]") {
  const Run native = run(test_guest("mmio"), Mode::Native), hvm = run(test_guest("mmio"), Mode::Hvm);
  INFO(hvm.why);
  REQUIRE(native.ending == Ending::Success);
  REQUIRE(hvm.ending == Ending::Success);
  CHECK_THAT(native.report.console, contains("twelve bytestwelve bytes"));
  CHECK(hvm.report.console == native.report.console);
  CHECK(hvm.exits(ExitReason::Mmio) > 100);
  CHECK(hvm.exits(ExitReason::EptViolation) > 0);
}

TEST_CASE("hvm guest: the instructions that always exit, and those that need not", "[hvm]") {
  const Run hvm = run(test_guest("exits"), Mode::Hvm);
  INFO(hvm.why);
  REQUIRE(hvm.ending == Ending::Success);
  CHECK(hvm.report.console == "Ringside HVMZG13GU.");
  CHECK(hvm.exits(ExitReason::Cpuid) == 1);
  CHECK(hvm.exits(ExitReason::Wrmsr) == 1);
  CHECK(hvm.exits(ExitReason::Rdmsr) == 2);
  CHECK(hvm.exits(ExitReason::Vmcall) == 1);
  CHECK(hvm.exits(ExitReason::CrAccess) == 2);  // CD and NW, and VMXE; not CLTS, CR3
  for (ExitReason r : {ExitReason::Rdtsc, ExitReason::MovDr, ExitReason::DescriptorTable, ExitReason::Wbinvd,
                       ExitReason::ExceptionOrNmi})
    CHECK(hvm.exits(r) == 0);
}

TEST_CASE("hvm guest: a boot sector runs in real mode under nested paging", "[hvm]") {
  const Run native = run(test_guest("boot_sector"), Mode::Native),
            hvm = run(test_guest("boot_sector"), Mode::Hvm);
  INFO(hvm.why);
  REQUIRE(native.ending == Ending::Success);
  REQUIRE(hvm.ending == Ending::Success);
  CHECK(native.report.console == "Real mode XPE");
  CHECK(hvm.report.console == native.report.console);
}

TEST_CASE("hvm guest: twice the same run gives the same counts", "[hvm]") {
  for (const char* name : {"timer", "mmio", "paging"}) {
    INFO(name);
    const Run a = run(test_guest(name), Mode::Hvm), b = run(test_guest(name), Mode::Hvm);
    CHECK(a.report.instructions == b.report.instructions);
    CHECK(a.report.cycles.cycles == b.report.cycles.cycles);
    REQUIRE(a.report.exits.size() == b.report.exits.size());
    for (std::size_t i = 0; i < a.report.exits.size(); ++i) {
      CHECK(a.report.exits[i].reason == b.report.exits[i].reason);
      CHECK(a.report.exits[i].samples == b.report.exits[i].samples);
      CHECK(a.report.exits[i].cycles == b.report.exits[i].cycles);
    }
  }
}

TEST_CASE("hvm guest: a hostile guest dies with a report or runs out of its budget", "[hvm]") {
  struct Row {
    const char* what;
    std::vector<u8> code;
    Ending ending;
    const char* why;
  };
  const Row rows[] = {
      {"lidt of nothing, int3",
       {0x0F, 0x01, 0x1D, 0x08, 0x00, 0x10, 0x00, 0xCC, 0, 0, 0, 0, 0, 0},
       Ending::Died,
       "triple fault"},
      {"cli, hlt", {0xFA, 0xF4}, Ending::Died, "interrupts off"},
      {"endless loop with interrupts off", {0xFA, 0xEB, 0xFE}, Ending::Budget, "budget"},
      // mov eax, B8000h; jmp eax
      {"jump into a device",
       {0xB8, 0x00, 0x80, 0x0B, 0x00, 0xFF, 0xE0},
       Ending::Died,
       "executes instructions from"},
      // mov eax, 80000000h; jmp eax
      {"jump beyond RAM",
       {0xB8, 0x00, 0x00, 0x00, 0x80, 0xFF, 0xE0},
       Ending::Died,
       "executes instructions from"},
      // mov eax, F0000000h; mov cr3, eax; mov eax, 80000001h; mov cr0, eax
      {"page directory beyond RAM",
       {0xB8, 0, 0, 0, 0xF0, 0x0F, 0x22, 0xD8, 0xB8, 1, 0, 0, 0x80, 0x0F, 0x22, 0xC0},
       Ending::Died,
       "paging structure"},
      // mov esp, C0000h; int 30h, through an IDT at 0 that is empty
      {"interrupt without an IDT", {0xBC, 0, 0, 0x0C, 0, 0xCD, 0x30}, Ending::Died, "triple fault"},
      // mov ebx, B8000h; fild dword [ebx]
      {"an instruction on a device that nobody emulates",
       {0xBB, 0x00, 0x80, 0x0B, 0x00, 0x0F, 0x01, 0x13},
       Ending::Died,
       "lgdt"},
      // mov ebx, FFFFFFFEh; mov eax, [ebx]: a dword across the top of memory
      {"an access across the end of the address space",
       {0xBB, 0xFE, 0xFF, 0xFF, 0xFF, 0x8B, 0x03},
       Ending::Died,
       "triple fault"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const Run r = run(flat(row.code), Mode::Hvm, 4, 200'000);
    CHECK(r.ending == row.ending);
    CHECK_THAT(r.why, contains(row.why));
  }
}

TEST_CASE("hvm guest: string input into an unmapped page faults as on bare metal", "[hvm]") {
  // Paging with 4 MiB pages: 0 mapped, 4 MiB not. INS there must raise #PF with CR2, and leave the device
  // alone.
  const Run native = run(test_guest("string_fault"), Mode::Native),
            hvm = run(test_guest("string_fault"), Mode::Hvm);
  INFO(hvm.why);
  REQUIRE(native.ending == Ending::Success);
  REQUIRE(hvm.ending == Ending::Success);
  CHECK(hvm.report.console == native.report.console);
}

TEST_CASE("hvm guest: random code ends as a guest, never as a fault of ours", "[hvm]") {
  std::mt19937 random(7);
  for (unsigned i = 0; i < 400; ++i) {
    std::vector<u8> code(2048);
    for (u8& b : code) b = static_cast<u8>(random());
    code[510] = code[511] = 0;  // not a boot sector
    if (i % 2) {                // paging on, with tables that are the code itself
      const u8 start[] = {0xB8, 0,    0,    0x10, 0,    0x0F, 0x22, 0xD8, 0xB8, 0x10, 0,    0,
                          0,    0x0F, 0x22, 0xE0, 0xB8, 1,    0,    0,    0x80, 0x0F, 0x22, 0xC0};
      std::copy(std::begin(start), std::end(start), code.begin());
    }
    const Run r = run(flat(code), Mode::Hvm, i % 3 ? 4 : 2, 20'000);
    CHECK((r.ending == Ending::Died || r.ending == Ending::Budget || !r.report.console.empty() ||
           r.ending == Ending::Failure || r.ending == Ending::Success));
  }
}
