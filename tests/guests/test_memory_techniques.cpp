// Memory virtualization as whole guests see it: every policy and geometry shows what bare metal shows.
#include "cpu/core.h"
#include "guests/builtin.h"
#include "hypervisor/virtual_machine.h"
#include "hypervisor/walk_trace.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

struct Technique {
  const char* name;
  VmConfig config;
  bool thorough = false;  ///< worth a million edits; the others differ from these in little
};

VmConfig shadow(const ShadowPolicy& policy) { return {.mode = Mode::Trap, .shadow = policy}; }
VmConfig nested(u8 levels, bool large) {
  return {.mode = Mode::Hvm, .ept_levels = levels, .ept_large_pages = large};
}
VmConfig vtx_without_ept(const ShadowPolicy& policy) {
  return {.mode = Mode::Hvm, .shadow = policy, .ept_levels = 0};
}
VmConfig with_tlb(VmConfig config, TlbGeometry tlb) {
  config.host.cpu.tlb = tlb;
  return config;
}

std::vector<Technique> techniques() {
  return {{"demand", shadow(kShadowDemand), true},
          {"cached", shadow(kShadowCached), true},
          {"unsync", shadow(kShadowUnsync), true},
          {"VT-x without EPT, demand", vtx_without_ept(kShadowDemand)},
          {"VT-x without EPT, cached", vtx_without_ept(kShadowCached)},
          {"VT-x without EPT, unsync", vtx_without_ept(kShadowUnsync)},
          {"nested, 4 levels", nested(4, false), true},
          {"nested, 4 levels, large pages", nested(4, true)},
          {"nested, 2 levels", nested(2, false)},
          {"nested, 2 levels, large pages", nested(2, true), true},
          {"small TLB", with_tlb({.mode = Mode::Native}, {.entries = 16, .ways = 4, .large = 2})},
          {"small TLB, shadow", with_tlb(shadow(kShadowUnsync), {.entries = 16, .ways = 4})},
          {"small TLB, nested, untagged",
           with_tlb(nested(4, false), {.entries = 16, .ways = 2, .tagged = false})}};
}

std::unique_ptr<VirtualMachine> machine(const char* name, VmConfig config, const std::string& command_line) {
  const BuiltinGuest* guest = find_builtin_guest(name);
  REQUIRE(guest);
  config.command_line = command_line;
  if (!guest->disk.empty()) config.host.machine.disk = make_memory_disk(guest->disk);
  const auto image = config.mode == Mode::Para ? guest->paravirtual_image : guest->image;
  return std::make_unique<VirtualMachine>(parse_image(name, image), config);
}

struct Result {
  std::string console;
  CpuCounters counters;
  u64 exits = 0, cycles = 0;
};

Result run(const char* name, const VmConfig& config, const std::string& command_line) {
  const auto vm = machine(name, config, command_line);
  const Ending ending = vm->run({.instructions = 20'000'000'000});
  INFO(vm->why() << '\n' << vm->host().machine.console());
  REQUIRE(ending == Ending::Success);
  Result r{vm->host().machine.console(), vm->host().cpu.counters()};
  for (const ExitReasonInfo& row : exit_reasons()) r.exits += vm->host().ledger.samples(row.reason);
  r.cycles = vm->host().ledger.now();
  return r;
}

void check_pagetables(const std::string& command_line, bool thorough) {
  const Result native = run("pagetables", {}, command_line);
  for (const Technique& t : techniques()) {
    if (thorough && !t.thorough) continue;
    INFO(t.name);
    CHECK(run("pagetables", t.config, command_line).console == native.console);
  }
}

}  // namespace

TEST_CASE("random edits of page tables look the same under every technique as on bare metal") {
  check_pagetables("edits=1500 seed=7", false);
}

TEST_CASE("a million random edits of page tables look the same under every technique", "[oracle]") {
  check_pagetables("edits=50000 seed=20060801", false);
  check_pagetables("edits=1000000 seed=20060801", true);
}

TEST_CASE("the kernel prints the same under every way to virtualize memory") {
  const std::string session = "run=ls,primes 100,forkwait 5,pagetouch 40,pingpong 5,crash";
  const Result native = run("kernel", {}, session);
  CHECK(run("kernel", {.mode = Mode::Para}, session).console == native.console);
  for (const Technique& t : techniques()) {
    INFO(t.name);
    CHECK(run("kernel", t.config, session).console == native.console);
  }
}

TEST_CASE("what each shadow policy trades: refills after a switch against writes that trap") {
  const std::string work = "run=pagetouch 300,forkwait 20,pingpong 40";
  const auto exits = [&](const ShadowPolicy& policy, ExitReason reason) {
    const auto vm = machine("kernel", shadow(policy), work);
    REQUIRE(vm->run({.instructions = 1'000'000'000}) == Ending::Success);
    return vm->host().ledger.samples(reason);
  };
  // No page table is traced on demand (descriptor tables are, everywhere); but each CR3 write empties the
  // shadow.
  CHECK(3 * exits(kShadowDemand, ExitReason::ShadowPageTableWrite) <
        exits(kShadowCached, ExitReason::ShadowPageTableWrite));
  CHECK(exits(kShadowDemand, ExitReason::ShadowPageFault) >
        2 * exits(kShadowCached, ExitReason::ShadowPageFault));
  // Out of sync, only the first write to a table between two CR3 writes traps.
  CHECK(exits(kShadowUnsync, ExitReason::ShadowPageTableWrite) <
        exits(kShadowCached, ExitReason::ShadowPageTableWrite));
  // True faults are the guest's, and no policy changes them.
  const u64 faults = exits(kShadowCached, ExitReason::TruePageFault);
  CHECK(exits(kShadowDemand, ExitReason::TruePageFault) == faults);
  CHECK(exits(kShadowUnsync, ExitReason::TruePageFault) == faults);
}

TEST_CASE("large nested pages take violations and references away") {
  const std::string work = "run=pagetouch 300";
  const Result small = run("kernel", nested(4, false), work), large = run("kernel", nested(4, true), work);
  CHECK(large.console == small.console);
  CHECK(large.exits + 200 < small.exits);
  CHECK(large.counters.nested_references < small.counters.nested_references);
  const Result two = run("kernel", nested(2, false), work);
  CHECK(two.counters.nested_references * 2 < small.counters.nested_references * 1.2);
}

TEST_CASE("a TLB without tags pays for every exit") {
  const TlbGeometry tagged{.entries = 64, .ways = 4}, untagged{.entries = 64, .ways = 4, .tagged = false};
  const Result kept = run("kernel", with_tlb(nested(4, false), tagged), "run=diskio 512 16");
  const Result lost = run("kernel", with_tlb(nested(4, false), untagged), "run=diskio 512 16");
  CHECK(lost.counters.tlb_misses > kept.counters.tlb_misses + lost.exits);
  CHECK(lost.cycles > kept.cycles);
}

TEST_CASE("a smaller TLB misses more, and a run counts the same twice") {
  const auto misses = [&](u16 entries) {
    return run("kernel", with_tlb({}, {.entries = entries, .ways = 4}), "run=pagetouch 100")
        .counters.tlb_misses;
  };
  const u64 sixteen = misses(16), hundreds = misses(512);
  CHECK(2 * sixteen > 3 * hundreds);
  CHECK(misses(16) == sixteen);
}

TEST_CASE("a walk is traced as the processor makes it, in every mode") {
  const struct {
    VmConfig config;
    std::size_t references;
  } rows[] = {{{.mode = Mode::Native}, 2}, {shadow(kShadowCached), 2}, {{.mode = Mode::Para}, 2},
              {nested(4, false), 14},      {nested(2, false), 8},      {vtx_without_ept(kShadowCached), 2}};
  for (const auto& row : rows) {
    INFO(name(row.config.mode));
    const auto vm = machine("kernel", row.config, "run=true");
    vm->run({.instructions = 2'000'000});
    const LinearAddr here(vm->monitor().virtual_state().eip);
    const WalkTrace t = trace_walk(*vm, here, Access::Read, false);
    CHECK(t.mapped);
    CHECK(t.references.size() == row.references);
    REQUIRE(t.machine);
    CHECK(t.machine == vm->monitor().translate(here));
    // Looking changes nothing, and the processor then makes as many references.
    CpuCounters& counters = vm->host().cpu.counters();
    const u64 before = counters.walk_references;
    CHECK(trace_walk(*vm, here, Access::Read, false).references.size() == row.references);
    CHECK(counters.walk_references == before);
    Core& core = vm->host().cpu.core();
    flush_tlb(core, false);
    u32 value;
    REQUIRE(read_linear(core, here, value, false));
    CHECK(counters.walk_references - before == row.references);
    // Where nothing is mapped the trace says what would happen.
    CHECK_FALSE(trace_walk(*vm, LinearAddr(0x3FF000), Access::Read, true).mapped);
    CHECK_FALSE(trace_walk(*vm, LinearAddr(0x3FF000), Access::Read, true).ends.empty());
  }
}
