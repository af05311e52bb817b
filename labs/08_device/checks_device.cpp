// The steps of lab 08 for the student's disk: a ring written by hand, and what became of it.
#include <fmt/format.h>

#include "labs/framework/monitor_steps.h"
#include "labs/framework/ring_bench.h"
#include "labs/framework/step_check.h"

namespace ringside::labs::lab08 {
namespace {

using Step = StepCheck<RingBench>;
constexpr u32 kIn = RS_VIRTIO_BLOCK_IN, kOut = RS_VIRTIO_BLOCK_OUT;

u32 seed(const Check& c) { return static_cast<u32>(c.seeded("disk", 1, 1'000'000)); }

/// Offers and shows one chain, and notifies.
void submit(RingBench& b, u16 head) {
  b.offer(head);
  b.show();
  b.notify();
}

void read(Check& c, Session& session) {
  Step s(c, session, "read", seed(c));
  RingBench& b = s.bench;
  const u32 sector = static_cast<u32>(c.seeded("sector", 5, 400));
  b.request(2, kIn, sector);
  submit(b, 6);
  s.expect(b.used() == 1, "give-back",
           fmt::format("one request was made, and the used ring's index is {}", b.used()));
  s.expect(b.word(RingBench::buffer(2)) == mark(seed(c), sector), "header",
           fmt::format("the memory of the request does not hold sector {}", sector));
  s.expect(b.status(2) == RS_VIRTIO_BLOCK_OK, "status", fmt::format("the status byte is {:X}h", b.status(2)));
  s.expect(b.used_id(0) == 6, "give-back",
           fmt::format("the used ring names descriptor {}, and the chain begins with 6", b.used_id(0)));
  s.expect(b.used_length(0) == kSectorBytes + 1, "give-back",
           fmt::format("{} bytes were written into the request, and the used ring says {}", kSectorBytes + 1,
                       b.used_length(0)));
  b.request(3, kIn, sector + 1, 4 * kSectorBytes);
  submit(b, 9);
  bool all = b.status(3) == RS_VIRTIO_BLOCK_OK;
  for (u32 i = 0; i < 4; ++i)
    all = all && b.word(RingBench::buffer(3) + i * kSectorBytes) == mark(seed(c), sector + 1 + i);
  s.expect(all, "header", "a request for four sectors has not brought four sectors");
}

void write(Check& c, Session& session) {
  Step s(c, session, "write", seed(c));
  RingBench& b = s.bench;
  const u32 sector = static_cast<u32>(c.seeded("write", 5, 400));
  b.request(0, kOut, sector);
  b.poke(RingBench::buffer(0), 0x600DDA7A);
  submit(b, 0);
  s.expect(b.on_disk(sector) == 0x600DDA7A && b.status(0) == RS_VIRTIO_BLOCK_OK, "header",
           "what was to be written is not on the disk");
  s.expect(b.used_length(0) == 1, "give-back",
           fmt::format("of a write only the status is written into memory, and the used ring says {} bytes",
                       b.used_length(0)));
  b.request(1, kIn, kMarkedSectors);
  submit(b, 3);
  s.expect(b.status(1) == RS_VIRTIO_BLOCK_IOERR, "status",
           fmt::format("a read beyond the disk has the status {}", b.status(1)));
  b.request(2, kIn, u64{1} << 32 | 7);
  submit(b, 6);
  s.expect(b.status(2) == RS_VIRTIO_BLOCK_IOERR, "status", "sector 100000007h was taken for sector 7");
  b.request(3, 77, 0);
  submit(b, 9);
  s.expect(b.status(3) == RS_VIRTIO_BLOCK_UNSUPPORTED, "status",
           fmt::format("a request of type 77 has the status {}", b.status(3)));
  s.expect(b.used() == 4 && !b.broken(), "status", "a request that fails is given back like any other");
}

void round(Check& c, Session& session) {
  Step s(c, session, "round", seed(c));
  RingBench& b = s.bench;
  u32 done = 0;
  const u32 rounds = static_cast<u32>(c.seeded("rounds", 12, 30));
  for (u32 i = 0; i < rounds; ++i) {
    for (u16 n = 0; n < 4; ++n) {
      b.request(n, kIn, (i * 4 + n) % kMarkedSectors);
      b.offer(static_cast<u16>(3 * n));
    }
    b.show();
    b.notify();
    for (u16 n = 0; n < 4; ++n, ++done) {
      s.expect(b.status(n) == RS_VIRTIO_BLOCK_OK, "all-of-them",
               fmt::format("of four requests that were shown at once, number {} was not served", n + 1));
      s.expect(b.word(RingBench::buffer(n)) == mark(seed(c), (i * 4 + n) % kMarkedSectors) &&
                   b.used_id(done) == 3u * n,
               "modulo",
               fmt::format("request {} since the start: wrong data, or not given back in its place", done));
    }
    s.expect(b.used() == static_cast<u16>(done), "modulo",
             fmt::format("after {} requests the used ring's index is {}", done, b.used()));
  }
  b.restart();
  b.request(1, kIn, 1);
  submit(b, 3);
  s.expect(b.used() == 1 && b.status(1) == RS_VIRTIO_BLOCK_OK, "reset",
           "after the driver has reset the device, its first request is not served");
}

void suppress(Check& c, Session& session) {
  Step s(c, session, "suppress", seed(c));
  RingBench& b = s.bench;
  const auto batch = [&](u16 count) {
    for (u16 n = 0; n < count; ++n) {
      b.request(n, kIn, n);
      b.offer(static_cast<u16>(3 * n));
    }
    b.show();
    b.notify();
  };
  b.interrupt_behind(0);
  batch(1);
  s.expect(b.interrupts() == 1, "used-event",
           "used_event is 0, the first request was given back: no interrupt");
  b.interrupt_behind(5);
  batch(3);  // 2, 3 and 4
  s.expect(b.interrupts() == 0, "used-event",
           "four were given back, used_event is 5, and the device interrupts");
  batch(4);  // up to 8: past 5
  const u64 passed = b.interrupts();
  s.expect(
      passed == 1, "passed",
      fmt::format("used_event is 5, entries 5 to 8 were given back at once, and there were {} interrupts",
                  passed));
  batch(2);
  s.expect(b.interrupts() == 0, "used-event",
           "used_event has been passed long ago, and the device interrupts again");
  s.expect(b.available_event() == 10, "avail-event",
           fmt::format(
               "10 requests were taken, and available_event is {}: the driver would not notify of the next",
               b.available_event()));
}

void hostile(Check& c, Session& session) {
  struct Row {
    std::string_view what;
    void (*prepare)(RingBench&);
    std::string_view hint;
  };
  static constexpr Row kRows[] = {
      {"a chain that loops",
       [](RingBench& b) {
         b.request(0, kIn, 1);
         b.descriptor(1, RingBench::buffer(0), kSectorBytes, RS_VRING_NEXT | RS_VRING_WRITE, 1);
         b.offer(0), b.show();
       },
       "loop"},
      {"a chain that leaves the table",
       [](RingBench& b) {
         b.request(0, kIn, 1);
         b.descriptor(1, RingBench::buffer(0), kSectorBytes, RS_VRING_NEXT | RS_VRING_WRITE, 1000);
         b.offer(0), b.show();
       },
       "table"},
      {"a chain that begins outside the table", [](RingBench& b) { b.offer(RingBench::kSize), b.show(); },
       "table"},
      {"an index that has jumped",
       [](RingBench& b) {
         b.request(0, kIn, 1);
         b.offer(0), b.show(RingBench::kSize + 5);
       },
       "jump"},
      {"a length that wraps around the address space",
       [](RingBench& b) {
         b.request(0, kIn, 1);
         b.descriptor(1, ~u64{0} - 100, kSectorBytes, RS_VRING_NEXT | RS_VRING_WRITE, 2);
         b.offer(0), b.show();
       },
       "overflow"},
      {"a piece to read behind one to write",
       [](RingBench& b) {
         b.request(0, kIn, 1);
         b.descriptor(2, RingBench::buffer(1), kSectorBytes, 0);
         b.offer(0), b.show();
       },
       "pieces"},
      {"an indirect descriptor, which was not offered",
       [](RingBench& b) {
         b.request(0, kIn, 1);
         b.descriptor(0, RingBench::kHeaders, 16, RS_VRING_INDIRECT);
         b.offer(0), b.show();
       },
       "pieces"},
  };
  Step s(c, session, "hostile", seed(c));
  RingBench& b = s.bench;
  for (const Row& row : kRows) {
    b.restart();
    row.prepare(b);
    b.suspect(row.hint);
    b.notify();
    s.expect(b.broken(), row.hint, fmt::format("{}: the device goes on as if nothing were wrong", row.what));
  }
  b.restart();
  b.request(0, kIn, 1);
  b.descriptor(1, RingBench::kRam + 0x1000, kSectorBytes, RS_VRING_NEXT | RS_VRING_WRITE, 2);
  submit(b, 0);
  s.expect(b.broken() || b.status(0) == RS_VIRTIO_BLOCK_IOERR, "outside",
           fmt::format("data outside the guest's memory: the status is {}", b.status(0)));
  b.restart();
  b.request(0, kIn, 3);
  submit(b, 0);
  s.expect(!b.broken() && b.status(0) == RS_VIRTIO_BLOCK_OK, "reset",
           "after a reset a good request is not served");
}

}  // namespace

std::span<const MonitorStep> device_steps() {
  static constexpr MonitorStep kSteps[] = {read, write, round, suppress, hostile};
  return kSteps;
}

}  // namespace ringside::labs::lab08
