// Lab 04: a few instructions over known page tables, step by step; then `kernel` on the student's tables.
//
// What is expected is what the guest sees, and that the tables grant no more than they may; how a pager keeps
// its tables is its own business.
#include <fmt/format.h>

#include "cpu/paging.h"
#include "labs/framework/check.h"
#include "labs/framework/figures.h"
#include "labs/framework/guest_run.h"
#include "labs/framework/monitor_steps.h"
#include "labs/framework/shadow_bench.h"
#include "labs/framework/step_check.h"

namespace ringside::labs::lab04 {
namespace {

using Step = StepCheck<ShadowBench>;
constexpr u32 kAll = pte::P | pte::W | pte::U;
constexpr u32 kFrameA = 0x20000, kFrameB = 0x21000, kFrameC = 0x22000;
constexpr u32 kAreaEntry = (ShadowBench::kArea >> 22) * 4;

/// The instructions that the guests of this lab are made of.
struct Code : std::vector<u8> {
  Code& bytes(std::initializer_list<u8> code) {
    for (u8 byte : code) push_back(byte);
    return *this;
  }
  Code& word(u32 value) {
    for (int shift = 0; shift < 32; shift += 8) push_back(static_cast<u8>(value >> shift));
    return *this;
  }
  Code& load(u32 a) { return bytes({0xA1}).word(a); }                        // MOV EAX, [a]
  Code& store(u32 a, u32 v) { return bytes({0xC7, 0x05}).word(a).word(v); }  // MOV [a], v
  Code& invlpg(u32 a) { return bytes({0x0F, 0x01, 0x3D}).word(a); }
  Code& pushad_at(u32 top) {
    return bytes({0xB8}).word(top).bytes({0x89, 0xC4, 0x60});
  }  // MOV ESP, EAX = top
  Code& cr3(u32 v) { return bytes({0xB8}).word(v).bytes({0x0F, 0x22, 0xD8}); }
};
Code code() { return {}; }

constexpr u32 slot(u32 n, u32 table = ShadowBench::kTable) { return ShadowBench::slot(n, table); }
constexpr u32 page(u32 n) { return ShadowBench::page(n); }

// ---- part A: the fill on fault

void fill(Check& c, Session& session) {
  Step s(c, session, "fill");
  ShadowBench& b = s.bench;
  b.poke(slot(0), kFrameA | kAll);
  b.poke(kFrameA, 0x11223344);
  b.run(0, code().load(page(0)));
  s.expect(!b.fault(), "hidden", "a page that the guest's tables map was answered by a fault of the guest's");
  s.expect(b.reg(EAX) == 0x11223344, "frame",
           fmt::format("the guest reads {:08X}h where its page holds 11223344h", b.reg(EAX)));
  s.expect((b.shadow(page(0)) & pte::kFrame) == b.machine(kFrameA), "frame",
           fmt::format("your entry names machine address {:X}h instead of {:X}h",
                       b.shadow(page(0)) & pte::kFrame, b.machine(kFrameA)));
  b.run(0, code().load(page(0)));
  s.expect(b.exits(ExitReason::ShadowPageFault) == 0, "once",
           "the second read of the same page faults again");
  b.run(3, code().load(page(0)));
  s.expect(!b.fault() && b.reg(EAX) == 0x11223344, "user",
           "ring 3 may not read a page that is the users' in both guest tables");
}

void no_paging(Check& c, Session& session) {
  Step s(c, session, "nopaging", false);
  ShadowBench& b = s.bench;
  b.poke(slot(0), kFrameB | kAll);
  b.poke(kFrameB, 0xFEEDu);
  b.poke(kFrameA, 0xCAFEu);
  b.run(0, code().load(kFrameA));
  s.expect(!b.fault() && b.reg(EAX) == 0xCAFE, "identity",
           "while CR0.PG is 0 the guest does not read physical memory");
  b.run(0, code()
               .cr3(ShadowBench::kDirectory)
               .bytes({0x0F, 0x20, 0xC0, 0x0D})
               .word(cr0::PG | cr0::WP)    // MOV EAX, CR0; OR EAX, ...
               .bytes({0x0F, 0x22, 0xC0})  // MOV CR0, EAX
               .load(page(0)));
  s.expect(!b.fault() && b.reg(EAX) == 0xFEED, "identity",
           "after the guest has turned paging on, it does not read through its tables");
}

void true_faults(Check& c, Session& session) {
  Step s(c, session, "true");
  ShadowBench& b = s.bench;
  struct Row {
    u32 directory, entry, ring;
    bool write;
    int error;  ///< -1: no fault
    std::string_view hint;
  };
  constexpr u32 kRead = pte::P | pte::U, kKernel = pte::P | pte::W;
  const Row rows[] = {
      {kAll, kAll, 3, true, -1, "error-code"},
      {kAll, 0, 0, false, 0, "error-code"},
      {kAll, 0, 3, true, 6, "error-code"},
      {kAll, kKernel, 3, false, 5, "error-code"},
      {kAll, kRead, 3, true, 7, "error-code"},
      {kAll, kRead, 0, true, 3, "wp"},
      {kAll, kRead, 0, false, -1, "error-code"},
      {0, kAll, 0, false, 0, "directory-rights"},
      {kKernel, kAll, 3, false, 5, "directory-rights"},
      {kRead, kAll, 3, true, 7, "directory-rights"},
      {kRead, kAll, 0, true, 3, "directory-rights"},
  };
  for (const Row& row : rows) {
    const u32 value = row.entry ? kFrameA | row.entry : 0;
    b.run(0, code()
                 .store(slot(1), value)
                 .store(ShadowBench::kDirectory + kAreaEntry,
                        row.directory ? ShadowBench::kTable | row.directory : 0)
                 .cr3(ShadowBench::kDirectory));
    b.run(row.ring, row.write ? code().store(page(1), 1) : code().load(page(1)));
    const std::string what =
        fmt::format("ring {} {} a page with directory entry flags {} and entry flags {}", row.ring,
                    row.write ? "writes to" : "reads", row.directory, row.entry);
    if (row.error < 0) {
      s.expect(!b.fault(), row.hint, what + ": faults, and should not");
      continue;
    }
    s.expect(b.fault() == vector::PF, row.hint, what + ": the guest gets no page fault");
    s.expect(b.error() == static_cast<u32>(row.error), row.hint,
             fmt::format("{}: error code {} instead of {}", what, b.error(), row.error));
    s.expect(b.cr2() == page(1), row.hint, what + ": CR2 is not the address");
  }
}

void accessed(Check& c, Session& session) {
  Step s(c, session, "accessed");
  ShadowBench& b = s.bench;
  for (u32 n : {2u, 3u}) b.poke(slot(n), (kFrameA + n * kPageSize) | kAll);
  b.run(0, code().load(page(2)));
  s.expect(!b.fault(), "hidden", "a page that the guest's tables map was answered by a fault of the guest's");
  s.expect(b.word(slot(2)) & pte::A, "accessed", "after a read the guest's own entry does not have A set");
  s.expect(b.word(ShadowBench::kDirectory + kAreaEntry) & pte::A, "accessed",
           "after a read the guest's directory entry does not have A set");
  s.expect(!(b.word(slot(2)) & pte::D), "dirty", "a read has set D in the guest's entry");
  s.expect(!(b.word(slot(3)) & pte::A), "accessed", "a page that nobody touched has A set");
  b.run(0, code().store(page(2), 7));
  s.expect(!b.fault() && b.word(kFrameA + 2 * kPageSize) == 7, "hidden", "the guest's store did not arrive");
  s.expect(b.word(slot(2)) & pte::D, "dirty",
           "the page was read and then written, and the guest's entry does not have D set");
}

void device(Check& c, Session& session) {
  Step s(c, session, "device");
  ShadowBench& b = s.bench;
  constexpr u32 kScreen = 0xB8000;
  b.poke(slot(4), kScreen | kAll);
  for (u32 value : {0x1F421F41u, 0x1F441F43u}) {
    b.run(0, code().store(page(4) + 8, value));
    s.expect(b.host.machine.mmio_read(GuestPhys(kScreen + 8), 4) == value, "device",
             "a store to the screen at B8000h did not reach the device");
    s.expect(b.exits(ExitReason::Mmio) == 1, "device", "a store to a device did not leave as one");
  }
}

void flush(Check& c, Session& session) {
  Step s(c, session, "flush");
  ShadowBench& b = s.bench;
  b.poke(slot(5), kFrameA | kAll);
  b.poke(slot(5, ShadowBench::kOtherTable), kFrameC | kAll);
  b.poke(kFrameA, 0xA), b.poke(kFrameB, 0xB), b.poke(kFrameC, 0xC);
  const auto reads = [&](u32 expected, std::string_view hint, const char* when) {
    s.expect(!b.fault() && b.reg(EAX) == expected, hint,
             fmt::format("{} the guest reads {:X}h instead of {:X}h", when, b.reg(EAX), expected));
  };
  b.run(0, code().load(page(5)));
  reads(0xA, "frame", "at first");
  b.run(0, code().store(slot(5), kFrameB | kAll).invlpg(page(5)).load(page(5)));
  reads(0xB, "invlpg", "after it has changed its entry and executed INVLPG");
  b.run(0, code().store(slot(5), kFrameA | kAll).cr3(ShadowBench::kDirectory).load(page(5)));
  reads(0xA, "cr3", "after it has changed its entry and written CR3");
  b.run(0, code().cr3(ShadowBench::kOtherDirectory).load(page(5)));
  reads(0xC, "cr3", "in its other address space");
  b.run(0, code().cr3(ShadowBench::kDirectory).load(page(5)));
  reads(0xA, "cr3", "back in its first address space");
  b.run(0, code().store(slot(5), 0).invlpg(page(5)).load(page(5)));
  s.expect(b.fault() == vector::PF, "invlpg", "a page that was unmapped and flushed can still be read");
  b.run(0, code().load(page(6)));
  s.expect(b.fault() == vector::PF, "error-code", "a page that was never mapped can be read");
  b.run(0, code().store(slot(6), kFrameB | kAll).load(page(6)));
  reads(0xB, "not-present", "from a page that it has just mapped for the first time, without a flush,");
}

// ---- part B: write-protect and trace

void protect(Check& c, Session& session) {
  Step s(c, session, "protect");
  ShadowBench& b = s.bench;
  b.run(0, code().store(slot(7), kFrameA | kAll));
  b.run(0, code().load(page(7)).load(slot(7)).load(ShadowBench::kDirectory));
  s.expect(!b.fault(), "hidden", "a page that the guest's tables map was answered by a fault of the guest's");
  for (const auto& [table, what] :
       {std::pair{ShadowBench::kTable, "page table"}, {ShadowBench::kDirectory, "page directory"}})
    s.expect(
        !(b.shadow(table) & pte::W), "protect",
        fmt::format("the guest uses its {} at {:X}h, and the page that it lies in is writable in your tables",
                    what, table));
  b.run(0, code().store(slot(7), kFrameB | kAll));
  s.expect(b.exits(ExitReason::ShadowPageTableWrite) == 1, "tlb",
           "a store into a page table that is write-protected in your tables did not leave to your monitor");
  s.expect(b.word(slot(7)) == (kFrameB | kAll), "emulate",
           "a traced store has not changed the guest's table");
  b.run(0, code().store(kFrameC, 1).store(kFrameC, 2));
  s.expect(b.exits(ExitReason::ShadowPageTableWrite) == 0, "protect",
           "stores to ordinary pages are traced, too");
}

void trace(Check& c, Session& session) {
  Step s(c, session, "trace");
  ShadowBench& b = s.bench;
  b.poke(slot(8), kFrameA | kAll);
  b.poke(slot(8, ShadowBench::kOtherTable), kFrameC | kAll);
  const auto maps = [&](u32 frame) { return (b.shadow(page(8)) & pte::kFrame) == b.machine(frame); };
  b.run(0, code().store(slot(9), 0).load(page(8)));
  b.run(0, code().store(slot(8), kFrameB | kAll));
  s.expect(b.exits(ExitReason::ShadowPageTableWrite) == 1, "protect",
           "the store into a table in use was not traced");
  s.expect(!maps(kFrameA) && !b.fault(), "follow",
           "after a traced store your entry is still the one that was made before it");
  b.run(0, code().load(page(8)));
  b.run(0, code().store(ShadowBench::kDirectory + kAreaEntry, ShadowBench::kOtherTable | kAll));
  s.expect(!maps(kFrameB), "follow-directory",
           "after a traced store into the directory your own directory still names the old table");
  b.run(0, code().invlpg(page(8)).load(page(8)));
  s.expect(!b.fault() && maps(kFrameC), "follow-directory",
           "the guest does not reach the pages of its new table");
  // The old table is freed, and its page becomes a stack.
  constexpr u32 kOwnStack = ShadowBench::kTable + 0x800;
  b.run(0, code().pushad_at(kOwnStack));
  s.expect(!b.fault() && b.word(kOwnStack - 4) == kOwnStack, "flood",
           "a page that was a page table before cannot be used as a stack");
}

void keep(Check& c, Session& session) {
  Step s(c, session, "keep");
  ShadowBench& b = s.bench;
  b.poke(slot(10), kFrameA | kAll);
  b.poke(slot(11), kFrameA | kAll);
  b.poke(slot(10, ShadowBench::kOtherTable), kFrameC | kAll);
  b.poke(kFrameA, 0xA), b.poke(kFrameB, 0xB);
  b.run(0,
        code().load(page(10)).cr3(ShadowBench::kOtherDirectory).load(page(10)).cr3(ShadowBench::kDirectory));
  b.run(0, code().cr3(ShadowBench::kOtherDirectory).cr3(ShadowBench::kDirectory).load(page(10)));
  s.expect(!b.fault() && b.reg(EAX) == 0xA, "cr3",
           "back in its first address space the guest reads another page");
  s.expect(b.exits(ExitReason::ShadowPageFault) == 0, "keep",
           fmt::format("after two CR3 writes the guest has {} hidden faults on pages that it had used before",
                       b.exits(ExitReason::ShadowPageFault)));
  b.run(0, code()
               .load(page(11))
               .cr3(ShadowBench::kOtherDirectory)
               .store(slot(11), kFrameB | kAll)
               .cr3(ShadowBench::kDirectory)
               .load(page(11)));
  s.expect(!b.fault() && b.reg(EAX) == 0xB, "follow",
           "a table that was changed while another CR3 was loaded has kept its old shadow");
}

// ---- whole guests

std::string command_line(const Check& c) {
  return fmt::format("run=forkwait {},pagetouch {},preempt,ls", c.seeded("forkwait", 3, 7),
                     c.seeded("pagetouch", 8, 30));
}

/// What is better than our simplest policy: fewer hidden faults, for not many traced stores.
constexpr u64 kMostHiddenPercent = 60;

RunReport ours(const Check& c, const ShadowPolicy& policy) {
  return run_guest({.command_line = command_line(c),
                    .monitor = [&](Host& host) { return std::make_unique<TrapMonitor>(host, policy); }});
}

void kernel(Check& c) {
  const RunReport native = run_guest({.command_line = command_line(c), .mode = Mode::Native});
  Session session(c.work.folder(), "out/monitor", c.work.program_output());
  const RunReport seen = run_guest({.command_line = command_line(c), .monitor = [&](Host& host) {
                                      return std::make_unique<ShadowBridge>(host, session);
                                    }});
  judge_kernel(c, seen, native);
  if (!c.passed("kernel")) return c.fail("fewer", "first the kernel has to boot");
  const u64 demand = ours(c, kShadowDemand).exit_samples(ExitReason::ShadowPageFault);
  const u64 hidden = seen.exit_samples(ExitReason::ShadowPageFault);
  const u64 traced = seen.exit_samples(ExitReason::ShadowPageTableWrite);
  if (hidden * 100 > demand * kMostHiddenPercent)
    c.fail("fewer",
           fmt::format("{} hidden faults; filling on demand and forgetting takes {}", hidden, demand),
           "keep");
  else if (hidden + traced > demand)
    c.fail("fewer",
           fmt::format("{} hidden faults and {} traced stores; filling on demand and forgetting takes {}",
                       hidden, traced, demand),
           "flood");
  else
    c.pass("fewer");
}

}  // namespace

Answers answers(const Check& c) {
  const RunReport demand = ours(c, kShadowDemand), cached = ours(c, kShadowCached);
  const auto samples = [](const RunReport& r, ExitReason reason) {
    return std::to_string(r.exit_samples(reason));
  };
  return {{"demand-hidden", samples(demand, ExitReason::ShadowPageFault)},
          {"cached-hidden", samples(cached, ExitReason::ShadowPageFault)},
          {"cached-writes", samples(cached, ExitReason::ShadowPageTableWrite)}};
}

std::string assignment(const Check& c) {
  return fmt::format(
      "Your command lines: ringside run kernel --mode trap -m 8 --shadow demand -append \"{0}\"\n"
      "                    ringside run kernel --mode trap -m 8 --shadow cached -append \"{0}\"",
      command_line(c));
}

void checks(Check& c) {
  constexpr MonitorStep kSteps[] = {fill,  no_paging, true_faults, accessed, device,
                                    flush, protect,   trace,       keep};
  if (!try_monitor(c, kSteps)) return;
  kernel(c);

  const auto given = parse_answers(c.work.text("answers.txt"));
  Figures figures(given);
  for (const auto& [key, value] : answers(c)) figures.expect(key, std::stoull(value));
  figures.settle(c, "predict", "prediction");
}

}  // namespace ringside::labs::lab04
