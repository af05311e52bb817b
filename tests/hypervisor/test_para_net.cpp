// The paravirtual network card: what its rings carry, and what a hostile guest may write into them.
#include "hypervisor/network/switch.h"
#include "tests/hypervisor/para_guest.h"

namespace ringside::test {
namespace {

struct Wire {
  std::shared_ptr<VirtualSwitch> whole =
      std::make_shared<VirtualSwitch>(2, default_cost_profile().hz, LinkConfig{.latency_microseconds = 1});
  std::shared_ptr<NetworkPort> outside = VirtualSwitch::port(whole, 1);
};

struct NetGuest : Wire, ParaGuest {
  NetGuest() : ParaGuest(nullptr, {}, VirtualSwitch::port(whole, 0)) {}

  rs_net_ring ring() { return peek<rs_net_ring>(layout().linear(layout().net_ring).value); }
  template <class Edit>
  void edit_ring(Edit&& change) {
    edit<rs_net_ring>(layout().net_ring, change);
  }
  rs_net_buffer at(u32 linear, u16 offset, u16 bytes) { return {machine_frame(linear), offset, bytes}; }
  void produce(const rs_net_buffer& b) {
    edit_ring([&](rs_net_ring& r) { r.send[r.send_producer++ % RS_NET_RING_SIZE] = b; });
  }
  void post(const rs_net_buffer& b) {
    edit_ring([&](rs_net_ring& r) { r.receive[r.receive_producer++ % RS_NET_RING_SIZE] = b; });
  }
  i32 notify() { return call(RS_HC_EVENT_SEND, RS_EVENT_NET); }
  /// A frame from outside, and the time that it takes.
  void arrive(u8 mark) {
    Frame f(100, mark);
    outside->send(f, host.now());
    host.idle_until(monitor.next_deadline());
    monitor.advance();
  }
  bool told() { return shared().event_pending & 1u << RS_EVENT_NET; }
};

TEST_CASE("paravirtual frames go out and come in, many for one call", "[para][rings]") {
  NetGuest g;
  CHECK(g.peek<rs_start_info>(g.layout().linear(g.layout().start_info).value).station[5] == 1);
  const u32 page = g.page(2);
  for (u32 i = 0; i < 300; ++i) g.poke(page + 1000 + i, static_cast<u8>(i));
  g.produce(g.at(page, 1000, 80));
  g.produce(g.at(page, 1100, 200));
  CHECK(g.notify() == 0);
  CHECK(g.ring().send_consumer == 2);
  CHECK(g.host.ledger.total(CostEvent::RingRequest) == 2);
  const u64 later = g.host.now() + g.host.hz();
  CHECK(g.outside->receive(later)->at(79) == 79);
  CHECK(g.outside->receive(later)->at(0) == 100);

  g.post(g.at(page, 0, 2048));
  g.edit_ring([](rs_net_ring& r) { r.receive_event = 2; });
  g.arrive(0xAB);
  CHECK(g.ring().receive_consumer == 1);
  CHECK(g.ring().receive[0].bytes == 100);
  CHECK(g.peek<u8>(page + 99) == 0xAB);
  CHECK_FALSE(g.told());  // it asked to be told of the second
  g.arrive(0xCD);
  CHECK(g.ring().starved == 1);  // no buffer: the frame waits
  g.post(g.at(page, 2048, 2048));
  CHECK(g.notify() == 0);
  CHECK(g.ring().starved == 0);
  CHECK(g.peek<u8>(page + 2048) == 0xCD);
  CHECK(g.told());
  CHECK(g.audit().empty());
}

TEST_CASE("paravirtual network rings that lie are refused", "[para][rings]") {
  const struct {
    const char* what;
    i32 status;
    void (*abuse)(NetGuest&);
  } sends[] = {
      {"more frames than the ring holds", -RS_EINVAL,
       [](NetGuest& g) { g.edit_ring([](rs_net_ring& r) { r.send_producer = 65; }); }},
      {"somebody else's frame", -RS_EPERM,
       [](NetGuest& g) {
         g.produce({0, 0, 100});
       }},
      {"a frame beyond machine memory", -RS_EPERM,
       [](NetGuest& g) {
         g.produce({~u32{0}, 0, 100});
       }},
      {"across the page's end", -RS_EINVAL, [](NetGuest& g) { g.produce(g.at(g.page(1), 4000, 100)); }},
      {"an offset outside of the page", -RS_EINVAL,
       [](NetGuest& g) { g.produce(g.at(g.page(1), 65535, 60)); }},
      {"too short", -RS_EINVAL, [](NetGuest& g) { g.produce(g.at(g.page(1), 0, 13)); }},
      {"too long", -RS_EINVAL, [](NetGuest& g) { g.produce(g.at(g.page(1), 0, 1515)); }},
  };
  for (const auto& row : sends) {
    INFO(row.what);
    NetGuest g;
    row.abuse(g);
    CHECK(g.notify() == row.status);
    CHECK(g.outside->next_arrival() == kNoDeadline);
    CHECK(g.running());
  }
  const struct {
    const char* what;
    bool consumed;
    void (*abuse)(NetGuest&);
  } buffers[] = {
      {"more buffers than the ring holds", false,
       [](NetGuest& g) { g.edit_ring([](rs_net_ring& r) { r.receive_producer = 1u << 31; }); }},
      {"somebody else's frame", true,
       [](NetGuest& g) {
         g.post({0, 0, 2048});
       }},
      {"a page table", true,
       [](NetGuest& g) { g.post(g.at(g.layout().linear(g.layout().page_directory).value, 0, 2048)); }},
      {"too small", true, [](NetGuest& g) { g.post(g.at(g.page(1), 0, 99)); }},
      {"across the page's end", true, [](NetGuest& g) { g.post(g.at(g.page(1), 4000, 2048)); }},
  };
  for (const auto& row : buffers) {
    INFO(row.what);
    NetGuest g;
    CHECK(g.notify() == 0);
    row.abuse(g);
    g.arrive(1);
    CHECK(g.ring().receive_consumer == (row.consumed ? 1 : 0));
    if (row.consumed) CHECK(g.ring().receive[0].bytes == 0);
    CHECK(g.audit().empty());
  }
  ParaGuest alone;
  CHECK(alone.call(RS_HC_EVENT_SEND, RS_EVENT_NET) == -RS_EINVAL);
}

}  // namespace
}  // namespace ringside::test
