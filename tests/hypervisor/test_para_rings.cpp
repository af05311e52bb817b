// Console and disk rings: what they carry, and what a hostile guest may write into them.
#include "tests/hypervisor/para_guest.h"

namespace ringside::test {
namespace {

void produce(ParaGuest& g, std::string_view text) {
  g.edit<rs_console_ring>(g.layout().console_ring, [&](rs_console_ring& ring) {
    for (char c : text) ring.out[ring.out_producer++ % sizeof ring.out] = c;
  });
}

TEST_CASE("console output goes through the ring in order, around its end", "[para][rings]") {
  ParaGuest g;
  std::string all;
  for (int i = 0; i < 5; ++i) {
    const std::string text(1000, static_cast<char>('a' + i));
    produce(g, text);
    CHECK(g.call(RS_HC_EVENT_SEND, RS_EVENT_CONSOLE) == 0);
    all += text;
  }
  CHECK(g.host.machine.console() == all);
  CHECK(g.peek<rs_console_ring>(g.layout().linear(g.layout().console_ring).value).out_consumer == 5000);
}

TEST_CASE("a console ring that lies prints nothing", "[para][rings]") {
  ParaGuest g;
  for (u32 producer : {2049u, 0x80000000u, 0xFFFFFFFFu}) {
    g.edit<rs_console_ring>(g.layout().console_ring, [&](rs_console_ring& r) {
      r.out_producer = producer;
      r.out_consumer = producer - 1;  // nobody asks the guest where the monitor is
    });
    CHECK(g.call(RS_HC_EVENT_SEND, RS_EVENT_CONSOLE) == -RS_EINVAL);
  }
  CHECK(g.host.machine.console().empty());
}

struct DiskGuest : ParaGuest {
  static constexpr u32 kSectors = 64;
  DiskGuest() : ParaGuest(counting_disk(kSectors)) {}

  u32 produced = 0;

  void put(const rs_disk_request& request) {
    edit<rs_disk_ring>(layout().disk_ring, [&](rs_disk_ring& ring) {
      ring.request[produced++ % RS_DISK_RING_SIZE] = request;
      ring.request_producer = produced;
    });
  }
  rs_disk_ring ring() { return peek<rs_disk_ring>(layout().linear(layout().disk_ring).value); }
  i32 status(u32 index) { return ring().response[index % RS_DISK_RING_SIZE].status; }
  rs_disk_segment whole(u32 linear) { return {machine_frame(linear), 0, 7, 0}; }
  static u8 expected(u32 sector, u32 byte) { return static_cast<u8>(sector + sector * kSectorBytes + byte); }
};

TEST_CASE("disk requests move data between sectors and frames", "[para][rings]") {
  DiskGuest g;
  const u32 to = g.page(2);
  rs_disk_request read{.id = 77, .operation = RS_DISK_READ, .segments = 2, .sector = 8};
  read.segment[0] = g.whole(to);
  read.segment[1] = {g.machine_frame(to + kPageSize), 3, 4, 0};
  g.put(read);
  CHECK(g.call(RS_HC_EVENT_SEND, RS_EVENT_DISK) == 0);
  CHECK(g.ring().response_producer == 1);
  CHECK(g.ring().response[0].id == 77);
  CHECK(g.status(0) == 0);
  CHECK(g.peek<u8>(to + 600) == DiskGuest::expected(9, 88));
  CHECK(g.peek<u8>(to + kPageSize + 3 * 512 - 1) == 0);
  CHECK(g.peek<u8>(to + kPageSize + 3 * 512) == DiskGuest::expected(16, 0));
  CHECK(g.peek<u8>(to + kPageSize + 5 * 512 - 1) == DiskGuest::expected(17, 511));
  CHECK(g.peek<u8>(to + kPageSize + 5 * 512) == 0);
  CHECK((g.shared().event_pending & 1u << RS_EVENT_DISK) != 0);
  CHECK(g.host.ledger.total(CostEvent::RingRequest) == 1);

  rs_disk_request write{.id = 78, .operation = RS_DISK_WRITE, .segments = 1, .sector = 30};
  write.segment[0] = {g.machine_frame(to), 1, 1, 0};
  g.put(write);
  rs_disk_request back{.id = 79, .operation = RS_DISK_READ, .segments = 1, .sector = 30};
  back.segment[0] = {g.machine_frame(g.page(5)), 0, 0, 0};
  g.put(back);
  CHECK(g.call(RS_HC_EVENT_SEND, RS_EVENT_DISK) == 0);
  CHECK(g.status(1) == 0);
  CHECK(g.status(2) == 0);
  CHECK(g.peek<u8>(g.page(5) + 5) == g.peek<u8>(to + 512 + 5));
}

TEST_CASE("the guest is told of the response that it asked for", "[para][rings]") {
  DiskGuest g;
  auto pending = [&] { return (g.shared().event_pending & 1u << RS_EVENT_DISK) != 0; };
  auto ask = [&](u32 event) {
    g.edit<rs_disk_ring>(g.layout().disk_ring, [&](rs_disk_ring& r) { r.response_event = event; });
  };
  const rs_disk_request flush{.id = 1, .operation = RS_DISK_FLUSH};
  ask(3);
  g.put(flush);
  g.put(flush);
  CHECK(g.call(RS_HC_EVENT_SEND, RS_EVENT_DISK) == 0);
  CHECK_FALSE(pending());
  g.put(flush);
  CHECK(g.call(RS_HC_EVENT_SEND, RS_EVENT_DISK) == 0);
  CHECK(pending());
}

TEST_CASE("disk requests that are refused", "[para][rings]") {
  struct Case {
    const char* what;
    i32 expected;
    rs_disk_request (*make)(DiskGuest&);
  };
  static constexpr auto one = [](u8 operation, u32 sector, rs_disk_segment segment) {
    rs_disk_request r{.operation = operation, .segments = 1, .sector = sector};
    r.segment[0] = segment;
    return r;
  };
  const Case cases[] = {
      {"unknown operation", -RS_EINVAL, [](DiskGuest& g) { return one(3, 0, g.whole(g.page(2))); }},
      {"too many segments", -RS_EINVAL,
       [](DiskGuest& g) {
         rs_disk_request r = one(RS_DISK_READ, 0, g.whole(g.page(2)));
         r.segments = 255;
         return r;
       }},
      {"sectors beyond the page", -RS_EINVAL,
       [](DiskGuest& g) {
         return one(RS_DISK_READ, 0, {g.machine_frame(g.page(2)), 0, 8, 0});
       }},
      {"sectors backwards", -RS_EINVAL,
       [](DiskGuest& g) {
         return one(RS_DISK_WRITE, 0, {g.machine_frame(g.page(2)), 5, 4, 0});
       }},
      {"read into a frame of the monitor's", -RS_EPERM,
       [](DiskGuest&) {
         return one(RS_DISK_READ, 0, {5, 0, 7, 0});
       }},
      {"write from a frame of the monitor's", -RS_EPERM,
       [](DiskGuest&) {
         return one(RS_DISK_WRITE, 0, {5, 0, 7, 0});
       }},
      {"read into a frame behind RAM", -RS_EPERM,
       [](DiskGuest& g) {
         return one(RS_DISK_READ, 0, {static_cast<u32>(g.host.memory.size() >> 12), 0, 7, 0});
       }},
      {"read into the last frame number", -RS_EPERM,
       [](DiskGuest&) {
         return one(RS_DISK_READ, 0, {0xFFFFFFFF, 0, 7, 0});
       }},
      {"read into a page table", -RS_EPERM,
       [](DiskGuest& g) {
         return one(RS_DISK_READ, 0, g.whole(g.layout().linear(g.layout().page_directory).value + kPageSize));
       }},
      {"read into the page directory", -RS_EPERM,
       [](DiskGuest& g) {
         return one(RS_DISK_READ, 0, g.whole(g.layout().linear(g.layout().page_directory).value));
       }},
      {"past the end of the disk", -RS_EINVAL,
       [](DiskGuest& g) { return one(RS_DISK_READ, DiskGuest::kSectors - 7, g.whole(g.page(2))); }},
      {"sector number that wraps", -RS_EINVAL,
       [](DiskGuest& g) { return one(RS_DISK_WRITE, 0xFFFFFFFF, g.whole(g.page(2))); }},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    DiskGuest g;
    g.put(c.make(g));
    CHECK(g.call(RS_HC_EVENT_SEND, RS_EVENT_DISK) == 0);
    CHECK(g.status(0) == c.expected);
    CHECK(g.audit() == "");
  }
}

TEST_CASE("a page table may be written to the disk", "[para][rings]") {
  DiskGuest g;
  rs_disk_request r{.operation = RS_DISK_WRITE, .segments = 1, .sector = 0};
  r.segment[0] = g.whole(g.layout().linear(g.layout().page_directory).value);
  g.put(r);
  CHECK(g.call(RS_HC_EVENT_SEND, RS_EVENT_DISK) == 0);
  CHECK(g.status(0) == 0);
}

TEST_CASE("disk rings whose indices jump", "[para][rings]") {
  for (u32 producer : {17u, 0x80000000u, 0xFFFFFFFFu}) {
    DiskGuest g;
    g.edit<rs_disk_ring>(g.layout().disk_ring, [&](rs_disk_ring& r) {
      r.request_producer = producer;
      r.response_producer = producer - 1;
      r.response_event = r.request_event = 0xDEADBEEF;
    });
    CHECK(g.call(RS_HC_EVENT_SEND, RS_EVENT_DISK) == -RS_EINVAL);
    CHECK(g.host.ledger.total(CostEvent::RingRequest) == 0);
  }
}

TEST_CASE("data that land on the ring itself do no harm", "[para][rings]") {
  DiskGuest g;
  rs_disk_request r{.operation = RS_DISK_READ, .segments = RS_DISK_SEGMENTS, .sector = 0};
  for (auto& segment : r.segment)
    segment = {g.machine_frame(g.layout().linear(g.layout().disk_ring).value), 0, 3, 0};
  g.put(r);
  g.put(r);
  CHECK(g.call(RS_HC_EVENT_SEND, RS_EVENT_DISK) == 0);
  CHECK(g.ring().response_producer == 2);
  CHECK(g.audit() == "");
}

TEST_CASE("without a disk every request fails", "[para][rings]") {
  ParaGuest g;
  g.edit<rs_disk_ring>(g.layout().disk_ring, [&](rs_disk_ring& ring) {
    ring.request[0] = {.id = 1, .operation = RS_DISK_FLUSH};
    ring.request_producer = 1;
  });
  CHECK(g.call(RS_HC_EVENT_SEND, RS_EVENT_DISK) == 0);
  CHECK(g.peek<rs_disk_ring>(g.layout().linear(g.layout().disk_ring).value).response[0].status == -RS_EIO);
}

}  // namespace
}  // namespace ringside::test
