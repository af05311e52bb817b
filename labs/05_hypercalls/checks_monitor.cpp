// The steps of lab 05 for the student's monitor: hypercalls, one by one.
#include <fmt/format.h>

#include <cstring>

#include "labs/framework/monitor_steps.h"
#include "labs/framework/para_bench.h"
#include "labs/framework/step_check.h"

namespace ringside::labs::lab05 {
namespace {

using Step = StepCheck<ParaBench>;
constexpr u32 kP = pte::P, kPW = pte::P | pte::W;

void numbers(Check& c, Session& session) {
  Step s(c, session, "numbers");
  ParaBench& b = s.bench;
  const auto gives = [&](i32 seen, i32 expected, std::string_view hint, std::string_view what) {
    s.expect(seen == expected, hint, fmt::format("{} returns {} instead of {}", what, seen, expected));
  };
  gives(b.call(lab::HC_VERSION), 1, "yours", "HC_VERSION");
  for (u32 n : {u32{lab::HC_COUNT}, static_cast<u32>(c.seeded("unknown", 40, 9000)), ~u32{0}})
    gives(b.call(n), -RS_ENOSYS, "enosys", fmt::format("hypercall {}", n));
  gives(b.call(lab::HC_SCHED_OP, lab::SCHED_YIELD), 0, "sched", "SCHED_YIELD");
  gives(b.call(lab::HC_SCHED_OP, 77), -RS_EINVAL, "sched", "SCHED_OP 77");
  b.call(lab::HC_SCHED_OP, lab::SCHED_SHUTDOWN, 300);
  s.expect(b.host.machine.exit_code() == 255, "sched",
           "SCHED_SHUTDOWN with 300 does not end the guest with 255");
}

void console(Check& c, Session& session) {
  Step s(c, session, "console");
  ParaBench& b = s.bench;
  constexpr u32 kPage = 0x50000, kElsewhere = 0x80000, kUnmapped = kPage + 2 * kPageSize;
  const std::string text = fmt::format("asked {} times", c.seeded("text", 100, 999));
  const u32 length = static_cast<u32>(text.size()), half = length / 2;
  b.map(kPage + kPageSize, b.machine(kElsewhere) | kPW);  // neighbours in linear addresses alone
  b.map(kUnmapped, 0);
  const u32 at = kPage + kPageSize - half;
  b.put(at, text.data(), half);
  b.put(kElsewhere, text.data() + half, length - half);
  const i32 result = b.call(lab::HC_CONSOLE_WRITE, at, length);
  s.expect(
      b.host.machine.console() == text, "linear",
      fmt::format("a text that crosses into the next page was printed as '{}'", b.host.machine.console()));
  s.expect(result == 0, "linear", fmt::format("CONSOLE_WRITE has returned {} instead of 0", result));
  const auto refused = [&](u32 address, u32 bytes, i32 error, std::string_view hint, std::string_view what) {
    const i32 seen = b.call(lab::HC_CONSOLE_WRITE, address, bytes);
    s.expect(seen == error, hint, fmt::format("{} has returned {} instead of {}", what, seen, error));
    s.expect(b.host.machine.console() == text, hint, fmt::format("{} was refused, and has printed", what));
  };
  refused(kUnmapped, 16, -RS_EFAULT, "efault", "a text in a page that is not mapped");
  refused(kUnmapped - 8, 16, -RS_EFAULT, "efault", "a text that runs into a page that is not mapped");
  refused(lab::kMonitorBase, 64, -RS_EFAULT, "efault", "a text in the monitor's own area");
  refused(0xFFFFFFF8, 64, -RS_EFAULT, "efault", "a text that wraps around the end of the address space");
  refused(ParaBench::kData, 4097, -RS_EINVAL, "length", "a text of 4097 bytes");
  refused(ParaBench::kData, ~u32{0}, -RS_EINVAL, "length", "a text of 4 GiB");
}

void ring(Check& c, Session& session) {
  Step s(c, session, "ring");
  ParaBench& b = s.bench;
  using Ring = rs_console_ring;
  const u32 at = static_cast<u32>(b.monitor->domain().layout.console_ring.value);
  u32 produced = 0;
  const auto produce = [&](std::string_view text) {
    for (char ch : text) b.put(at + offsetof(Ring, out) + produced++ % sizeof Ring::out, &ch, 1);
    b.poke(at + offsetof(Ring, out_producer), produced);
  };
  const auto send = [&] { return b.call(lab::HC_EVENT_SEND, lab::EVENT_CONSOLE); };
  produce("one ");
  s.expect(send() == 0 && b.host.machine.console() == "one ", "ring",
           fmt::format("four characters in the ring were printed as '{}'", b.host.machine.console()));
  s.expect(b.word(at + offsetof(Ring, out_consumer)) == produced, "ring",
           "the guest is not told in out_consumer that its characters were taken");
  b.poke(at + offsetof(Ring, out_consumer), 0);  // a lie
  produce("two ");
  send();
  s.expect(
      b.host.machine.console() == "one two ", "own-index",
      fmt::format("the guest wrote 0 into out_consumer, and the console is '{}'", b.host.machine.console()));
  b.poke(at + offsetof(Ring, out_producer), produced + static_cast<u32>(c.seeded("jump", 2049, 1'000'000)));
  s.expect(send() == -RS_EINVAL && b.host.machine.console() == "one two ", "jump",
           "more characters than the ring holds were produced, and that was not refused by -22");
  produce(std::string(2045, '.') + "!");  // around the end of the array
  s.expect(send() == 0 && b.host.machine.console().size() == 8 + 2046, "ring",
           "2046 characters that run around the end of the ring were not printed");
}

/// One row of HC_MMU_UPDATE.
i32 update(ParaBench& b, u32 address, u32 value) {
  b.poke(ParaBench::kData, address);
  b.poke(ParaBench::kData + 4, value);
  return b.call(lab::HC_MMU_UPDATE, ParaBench::kData, 1);
}

constexpr u32 kPage = 0x60000, kOther = 0x61000;                  // ordinary pages
constexpr u32 kPlain = 0x70000, kGood = 0x71000, kBad = 0x72000;  // nobody maps these writable
constexpr u32 kSlot = 5, kMonitorSlot = 1023;

void entry(Check& c, Session& session) {
  Step s(c, session, "entry");
  ParaBench& b = s.bench;
  for (u32 page : {kPlain, kGood, kBad}) b.map(page, b.machine(page) | kP);
  const u32 foreign = 0, beyond = 0xFFFFF000;
  b.poke(kBad + 12, foreign | kP);
  struct Row {
    std::string_view what;
    u32 address, value;
    i32 result;  ///< 1: done
    std::string_view hint;
  };
  const u32 page = b.entry(kPage), slot = b.slot(kSlot);
  const Row rows[] = {
      {"another page of the guest's", page, b.machine(kOther) | kPW, 1, "legal"},
      {"the same, read-only", page, b.machine(kOther) | kP, 1, "legal"},
      {"nothing (P clear, the rest anything)", page, 0xABCDE1FE, 1, "legal"},
      {"an entry at an odd address", page + 2, b.machine(kOther) | kPW, -RS_EINVAL, "entry-bits"},
      {"an entry in the monitor's memory", foreign + 16, b.machine(kOther) | kPW, -RS_EPERM, "foreign"},
      {"an entry beyond memory", beyond, b.machine(kOther) | kPW, -RS_EPERM, "foreign"},
      {"an entry in an ordinary page", b.machine(kOther), b.machine(kOther) | kPW, -RS_EINVAL, "entry-bits"},
      {"the monitor's memory, writable", page, foreign | kPW, -RS_EPERM, "foreign"},
      {"the monitor's memory, read-only", page, foreign | kP, -RS_EPERM, "foreign"},
      {"memory that does not exist", page, beyond | kPW, -RS_EPERM, "foreign"},
      {"a large page", page, b.machine(kOther) | kPW | pte::PS, -RS_EINVAL, "entry-bits"},
      {"a global page", page, b.machine(kOther) | kPW | pte::G, -RS_EINVAL, "entry-bits"},
      {"a page table, writable", page, b.machine(b.table()) | kPW, -RS_EBUSY, "writable-table"},
      {"the directory, writable", page, b.machine(b.directory()) | kPW, -RS_EBUSY, "writable-table"},
      {"a page table, read-only", page, b.machine(b.table()) | kP, 1, "legal"},
      {"the monitor's slot of the directory", b.slot(kMonitorSlot), 0, -RS_EPERM, "directory"},
      {"a writable page as a page table", slot, b.machine(kOther) | kPW, -RS_EBUSY, "directory"},
      {"the directory as a page table", slot, b.machine(b.directory()) | kPW, -RS_EBUSY, "directory"},
      {"the monitor's memory as a page table", slot, foreign | kPW, -RS_EPERM, "foreign"},
      {"a page table with an entry that leads to the monitor", slot, b.machine(kBad) | kPW, -RS_EPERM,
       "directory"},
      {"a page table that is in use already", slot, b.machine(b.table()) | kPW, 1, "legal"},
      {"a plain page as a page table", slot, b.machine(kGood) | kPW, 1, "legal"},
      {"nothing in the directory", slot, 0, 1, "legal"},
  };
  for (const Row& row : rows) {
    const bool in_directory = row.address - b.slot(0) < kPageSize;
    const auto now = [&] { return in_directory ? b.slot_value(kSlot) : b.entry_value(kPage); };
    const u32 before = now();
    const i32 seen = update(b, row.address, row.value);
    s.expect(seen == row.result, row.hint,
             fmt::format("{}: returned {} instead of {}", row.what, seen, row.result));
    if (row.result == 1)
      s.expect(now() == row.value, "legal", fmt::format("{}: the entry has not changed", row.what));
    else
      s.expect(now() == before, row.hint, fmt::format("{}: refused, and the entry has changed", row.what));
  }
}

void rows(Check& c, Session& session) {
  Step s(c, session, "rows");
  ParaBench& b = s.bench;
  const u32 count = static_cast<u32>(c.seeded("rows", 6, 20)), bad = static_cast<u32>(c.seeded("bad", 2, 4));
  const auto place = [&](u32 at, u32 n, u32 value) {
    b.poke(at + n * 8, b.entry(kPage + n * kPageSize));
    b.poke(at + n * 8 + 4, value);
  };
  const auto reset = [&](u32 at) {
    for (u32 n = 0; n < count; ++n) {
      b.map(kPage + n * kPageSize, 0);
      place(at, n, b.machine(0x80000 + n * kPageSize) | kPW);
    }
  };
  const auto made = [&] {
    u32 n = 0;
    for (u32 i = 0; i < count; ++i) n += b.entry_value(kPage + i * kPageSize) != 0;
    return n;
  };
  const auto gives = [&](i32 seen, i32 result, u32 entries, std::string_view hint, std::string_view what) {
    s.expect(seen == result, hint, fmt::format("{} returns {} instead of {}", what, seen, result));
    s.expect(made() == entries, hint,
             fmt::format("{}: {} entries were changed instead of {}", what, made(), entries));
  };
  const auto send = [&](u32 at) { return b.call(lab::HC_MMU_UPDATE, at, count); };
  reset(ParaBench::kData);
  gives(send(ParaBench::kData), static_cast<i32>(count), count, "count",
        fmt::format("a batch of {} rows", count));
  reset(ParaBench::kData);
  place(ParaBench::kData, bad, 0 | kPW);
  gives(send(ParaBench::kData), static_cast<i32>(bad), bad, "stop",
        fmt::format("a batch whose row {} leads to the monitor's memory", bad));
  reset(ParaBench::kData);
  place(ParaBench::kData, 0, 0 | kPW);
  gives(send(ParaBench::kData), -RS_EPERM, 0, "first", "a batch whose first row is refused");
  const u32 edge = 0x50000 + kPageSize - bad * 8;  // only so many rows lie in memory
  reset(edge);
  b.map(0x51000, 0);
  gives(send(edge), static_cast<i32>(bad), bad, "stop",
        fmt::format("a batch of which {} rows can be read", bad));
  gives(b.call(lab::HC_MMU_UPDATE, 0x51000, 2), -RS_EFAULT, bad, "first", "a batch that cannot be read");
  gives(b.call(lab::HC_MMU_UPDATE, ParaBench::kData, 2049), -RS_EINVAL, bad, "count", "a batch of 2049 rows");
  gives(b.call(lab::HC_MMU_UPDATE, ParaBench::kData, 0), 0, bad, "count", "an empty batch");
}

void va(Check& c, Session& session) {
  Step s(c, session, "va");
  ParaBench& b = s.bench;
  const auto gives = [&](u32 linear, u32 value, u32 flush, i32 result, std::string_view hint,
                         std::string_view what) {
    const i32 seen = b.call(lab::HC_UPDATE_VA_MAPPING, linear, value, flush);
    s.expect(seen == result, hint, fmt::format("{}: returned {} instead of {}", what, seen, result));
  };
  const u32 page = kPage + static_cast<u32>(c.seeded("page", 0, 15)) * kPageSize,
            good = b.machine(kOther) | kPW;
  gives(page, good, lab::UVMF_INVLPG, 0, "walk", "a page of the guest's");
  s.expect(b.entry_value(page) == good, "walk", "the entry that maps the page has not changed");
  gives(page, 0 | kP, lab::UVMF_NONE, -RS_EPERM, "foreign", "the monitor's memory");
  gives(page, b.machine(b.table()) | kPW, lab::UVMF_NONE, -RS_EBUSY, "writable-table",
        "a page table, writable");
  gives(0x40000000, good, lab::UVMF_NONE, -RS_EINVAL, "walk", "an address that has no page table");
  gives(lab::kMonitorBase, good, lab::UVMF_NONE, -RS_EPERM, "foreign", "an address of the monitor's");
  gives(page, b.machine(kOther) | kP, 9, -RS_EINVAL, "walk", "an unknown kind of flush");
  s.expect(b.entry_value(page) == good, "walk", "a call that was refused has changed the entry");
}

void multicall(Check& c, Session& session) {
  Step s(c, session, "multicall");
  ParaBench& b = s.bench;
  constexpr u32 kText = 0x48000, kUntouched = 0x1234;
  const std::string text = "in a batch";
  b.put(kText, text.data(), static_cast<u32>(text.size()));
  const auto place = [&](u32 at, std::initializer_list<rs_multicall> calls) {
    for (const rs_multicall& call : calls) b.put(at, &call, sizeof call), at += sizeof call;
  };
  const auto result = [&](u32 at, u32 n) {
    return static_cast<i32>(b.word(at + n * sizeof(rs_multicall) + offsetof(rs_multicall, result)));
  };
  const rs_multicall version{lab::HC_VERSION, {}, kUntouched};
  place(ParaBench::kData, {version,
                           {77, {}, kUntouched},
                           {lab::HC_UPDATE_VA_MAPPING, {kPage, 0 | kPW, 0}, kUntouched},
                           {lab::HC_CONSOLE_WRITE, {kText, static_cast<u32>(text.size()), 0}, kUntouched},
                           {lab::HC_MULTICALL, {ParaBench::kData, 1, 0}, kUntouched},
                           {lab::HC_SCHED_OP, {lab::SCHED_SHUTDOWN, 3, 0}, kUntouched},
                           version});
  const i32 results[] = {1, -RS_ENOSYS, -RS_EPERM, 0, -RS_EINVAL, -RS_EINVAL, 1};
  const i32 done = b.call(lab::HC_MULTICALL, ParaBench::kData, std::size(results));
  for (u32 i = 0; i < std::size(results); ++i) {
    const i32 seen = result(ParaBench::kData, i);
    s.expect(seen == results[i], i == 4 || i == 5 ? "alone" : "each-result",
             seen == kUntouched ? fmt::format("call {} of the batch has no result", i + 1)
                                : fmt::format("call {} of the batch has the result {} instead of {}", i + 1,
                                              seen, results[i]));
  }
  s.expect(done == std::size(results), "each-result",
           fmt::format("seven calls, some of them refused: returned {} instead of 7", done));
  s.expect(b.host.machine.console() == text, "each-result", "the call to print has not printed");
  s.expect(!b.host.machine.exit_code(), "alone", "a multicall has ended the guest");

  const u32 edge = 0x50000 + kPageSize - 2 * sizeof(rs_multicall);
  place(edge, {version, version});
  b.map(0x51000, 0);
  s.expect(b.call(lab::HC_MULTICALL, edge, 5) == 2, "stop",
           "a batch of which two calls can be read: not 2 done");
  b.map(0x50000, b.machine(0x50000) | kP);  // results cannot be written any more
  const i32 untold = b.call(lab::HC_MULTICALL, edge, 2);
  s.expect(untold == -RS_EFAULT, "first",
           fmt::format("results that cannot be written: returned {} instead of -14", untold));
}

}  // namespace

std::span<const MonitorStep> monitor_steps() {
  static constexpr MonitorStep kSteps[] = {numbers, console, ring, entry, rows, va, multicall};
  return kSteps;
}

}  // namespace ringside::labs::lab05
