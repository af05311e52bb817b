// The network: two machines' cards on one switch, through ports and through rings, with and without an
// address translator, and what becomes of drivers that break the rules.
#include <functional>

#include "hypervisor/abi/lance.h"
#include "hypervisor/network/nat.h"
#include "hypervisor/network/packet.h"
#include "hypervisor/network/switch.h"
#include "tests/catch.h"
#include "tests/hypervisor/lance_driver.h"
#include "tests/hypervisor/ring_driver.h"

using namespace ringside;

namespace {

constexpr u64 kHz = 1'000'000'000;  // of TestMachine's clock
constexpr LinkConfig kGigabit{.bits_per_second = 1'000'000'000, .latency_microseconds = 10};

struct Wire {
  explicit Wire(std::size_t ports = 2) : whole(std::make_shared<VirtualSwitch>(ports, kHz, kGigabit)) {}
  std::shared_ptr<NetworkPort> port(std::size_t i) { return VirtualSwitch::port(whole, i); }
  std::shared_ptr<VirtualSwitch> whole;
};

StationAddress station(u8 n) { return {'R', 'I', 'N', 'G', 0, n}; }

Frame frame_to(const StationAddress& to, const StationAddress& from, std::size_t bytes = 60) {
  Frame f(bytes);
  for (std::size_t i = kFrameHeader; i < bytes; ++i) f[i] = static_cast<u8>(i);
  packet::put_station(f, packet::kTo, to);
  packet::put_station(f, packet::kFrom, from);
  packet::put16(f, packet::kType, 0x88B5);  // for experiments
  return f;
}

/// A receive buffer in descriptor 0 and a frame of 60 bytes behind its header in descriptor 1.
struct RingCard : RingDriver {
  static constexpr u32 kHeaderBytes = sizeof(rs_virtio_net_header);
  RingCard(TestMachine& m, u32 queue) : RingDriver(m, RS_VIRTIO_NET, queue) {}
  void frame(const Frame& f) {
    put(kData, rs_virtio_net_header{});
    for (u32 i = 0; i < f.size(); ++i) put(kData + kHeaderBytes + i, f[i]);
    describe(0, kData, kHeaderBytes + static_cast<u32>(f.size()), 0);
  }
  void buffer(u32 bytes = 2048) { describe(0, kData, bytes, RS_VRING_WRITE); }
};

}  // namespace

TEST_CASE("a switch learns where stations are, and takes its time") {
  Wire wire(3);
  const auto a = wire.port(0), b = wire.port(1), c = wire.port(2);
  CHECK(a->address() == station(1));
  // 60 bytes and 24 of preamble, check sequence and gap take 672 ns at 1 Gb/s.
  CHECK(a->send(frame_to(station(2), station(1)), 0) == 672);
  CHECK(b->next_arrival() == 10'672);
  CHECK(c->next_arrival() == 10'672);  // flooded: nobody knows station 2 yet
  CHECK(a->next_arrival() == kNoDeadline);
  CHECK_FALSE(b->receive(10'671));
  CHECK(b->receive(10'672).value() == frame_to(station(2), station(1)));
  CHECK(b->send(frame_to(station(1), station(2)), 20'000) == 20'672);
  c->discard(~u64{0} - 1);
  a->send(frame_to(station(2), station(1)), 30'000);
  CHECK(c->next_arrival() == kNoDeadline);  // learned from the answer
  // The cable carries one frame after the other.
  CHECK(a->send(frame_to(station(2), station(1)), 30'001) == 30'000 + 2 * 672);
  a->send(frame_to(kBroadcast, station(1)), 40'000);
  CHECK(c->next_arrival() == 50'672);
  CHECK(b->statistics().received == 1);
  CHECK(a->statistics().sent == 4);
}

TEST_CASE("a port that nobody empties drops what is too much") {
  Wire wire;
  for (std::size_t i = 0; i < VirtualSwitch::kBacklog + 7; ++i)
    wire.port(0)->send(frame_to(station(2), station(1)), 0);
  CHECK(wire.port(1)->statistics().dropped == 7);
}

// ---- the card behind rings

TEST_CASE("a ring card sends what its neighbour receives") {
  Wire wire;
  TestMachine from({.network = wire.port(0)}), to({.network = wire.port(1)});
  RingCard send(from, RS_VIRTIO_NET_TRANSMIT), receive(to, RS_VIRTIO_NET_RECEIVE);
  CHECK(send.get(RS_VIRTIO_REG_CONFIG) == 0x474E4952);  // "RING"
  CHECK(send.get(RS_VIRTIO_REG_CONFIG + 4) == 0x0100);
  receive.buffer();
  receive.offer(0);
  receive.notify(RS_VIRTIO_NET_RECEIVE);
  const Frame sent = frame_to(station(2), station(1), 100);
  send.frame(sent);
  send.offer(0);
  send.notify(RS_VIRTIO_NET_TRANSMIT);
  CHECK(send.used() == 1);
  to.machine.network_changed();
  to.wait_microseconds(10);
  CHECK(receive.used() == 0);
  to.wait_microseconds(2);
  REQUIRE(receive.used() == 1);
  CHECK(receive.look<rs_vring_used_element>(RingDriver::kUsed + 4).length == RingCard::kHeaderBytes + 100);
  CHECK(receive.look<u8>(RingDriver::kData + RingCard::kHeaderBytes + 50) == 50);
  CHECK(receive.get(RS_VIRTIO_REG_INTERRUPT_STATUS) == RS_VIRTIO_INTERRUPT_RING);
}

TEST_CASE("a frame waits for a receive buffer, and what came before the driver is gone") {
  Wire wire;
  TestMachine to({.network = wire.port(1)});
  wire.port(0)->send(frame_to(station(2), station(1)), 0);
  to.wait_microseconds(50);
  RingCard receive(to, RS_VIRTIO_NET_RECEIVE);
  wire.port(0)->send(frame_to(station(2), station(1)), to.clock.cycles);
  to.machine.network_changed();
  to.wait_microseconds(50);
  CHECK(receive.wants_notification_after() == 0);
  receive.buffer();
  receive.offer(0);
  receive.notify(RS_VIRTIO_NET_RECEIVE);
  CHECK(receive.used() == 1);
  CHECK(wire.port(1)->statistics().received == 2);
  CHECK(wire.port(1)->next_arrival() == kNoDeadline);
}

TEST_CASE("a hostile ring of the network card is refused, reported, and hurts nobody") {
  constexpr u32 kRx = RS_VIRTIO_NET_RECEIVE, kTx = RS_VIRTIO_NET_TRANSMIT;
  const struct {
    const char* what;
    const char* reported;  ///< nullptr: the frame is dropped, the card goes on
    u32 queue;
    std::function<void(RingCard&)> abuse;
  } rows[] = {
      {"a loop", "loops", kTx, [](RingCard& d) { d.describe(0, RingDriver::kData, 20, RS_VRING_NEXT, 0); }},
      {"a loop to receive into", "loops", kRx,
       [](RingCard& d) { d.describe(0, RingDriver::kData, 20, RS_VRING_NEXT | RS_VRING_WRITE, 0); }},
      {"an index that jumps", "jumped", kTx, [](RingCard& d) { d.put(RingDriver::kAvailable + 2, u16{99}); }},
      {"lengths that overflow", "bytes", kTx,
       [](RingCard& d) { d.describe(0, RingDriver::kData, ~u32{0}, 0); }},
      {"a buffer that wraps", "wraps", kRx,
       [](RingCard& d) { d.describe(0, ~u64{0} - 8, 2048, RS_VRING_WRITE); }},
      {"no room for the header", nullptr, kTx, [](RingCard& d) { d.describe(0, RingDriver::kData, 5, 0); }},
      {"a frame that is too long", nullptr, kTx,
       [](RingCard& d) { d.describe(0, RingDriver::kData, 1600, 0); }},
      {"a frame outside of memory", nullptr, kTx, [](RingCard& d) { d.describe(0, u64{1} << 40, 100, 0); }},
      {"a buffer outside of memory", nullptr, kRx,
       [](RingCard& d) { d.describe(0, u64{1} << 40, 2048, RS_VRING_WRITE); }},
      {"a buffer that is too small", nullptr, kRx,
       [](RingCard& d) { d.describe(0, RingDriver::kData, 30, RS_VRING_WRITE); }},
      {"a buffer to read", nullptr, kRx, [](RingCard& d) { d.describe(0, RingDriver::kData, 2048, 0); }},
  };
  for (const auto& row : rows) {
    INFO(row.what);
    Wire wire;
    TestMachine m({.network = wire.port(1)});
    RingCard d(m, row.queue);
    d.notify(row.queue);
    wire.port(0)->send(frame_to(station(2), station(1)), 0);
    if (row.queue == kTx)
      d.frame(frame_to(station(1), station(2)));
    else
      d.buffer();
    d.offer(0);
    row.abuse(d);
    m.machine.network_changed();
    d.notify(row.queue);
    m.wait_microseconds(50);
    const VirtioNet& card = m.devices().virtio_net;
    CHECK(d.needs_reset() == (row.reported != nullptr));
    if (row.reported)
      CHECK(card.error().find(row.reported) != std::string::npos);
    else
      CHECK(card.refused() == 1);
    CHECK(wire.port(1)->statistics().sent == 0);
    // A reset makes the card whole.
    RingCard again(m, kTx);
    again.frame(frame_to(station(1), station(2)));
    again.offer(0);
    again.notify(kTx);
    CHECK(wire.port(1)->statistics().sent == 1);
  }
}

// ---- the card behind ports

TEST_CASE("a LANCE sends what its neighbour receives, and says so by interrupt") {
  Wire wire;
  TestMachine from({.network = wire.port(0)}), to({.network = wire.port(1)});
  LanceDriver send(from), receive(to);
  CHECK(send.prom(0) == 'R');
  CHECK(send.prom(5) == 1);
  CHECK(send.prom(14) == 0x57);
  receive.buffer(0, 1536);
  const Frame sent = frame_to(station(2), station(1), 80);
  send.frame(0, sent);
  send.set(0, RS_LANCE_INEA | RS_LANCE_TDMD);
  CHECK_FALSE(send.csr0() & RS_LANCE_TINT);
  CHECK(send.descriptor(LanceDriver::kTransmit, 0).flags & RS_LANCE_OWN);  // still on its way
  from.wait_microseconds(1);
  CHECK(send.csr0() & RS_LANCE_TINT);
  CHECK(send.csr0() & RS_LANCE_INTR);
  CHECK(from.devices().lance.state().interrupts == 1);
  CHECK_FALSE(send.descriptor(LanceDriver::kTransmit, 0).flags & RS_LANCE_OWN);
  send.set(0, RS_LANCE_INEA | RS_LANCE_TINT);
  CHECK_FALSE(send.csr0() & RS_LANCE_INTR);

  to.machine.network_changed();
  to.wait_microseconds(20);
  CHECK(receive.csr0() & RS_LANCE_RINT);
  const auto d = receive.descriptor(LanceDriver::kReceive, 0);
  CHECK(d.flags == (RS_LANCE_FIRST | RS_LANCE_LAST));
  CHECK(d.message == 84);
  CHECK(to.machine.ram().read<u8>(GuestPhys(LanceDriver::kBuffers + 50)) == 50);
}

TEST_CASE("a LANCE joins and splits buffers, filters by address, and counts what it misses") {
  Wire wire;
  TestMachine m({.network = wire.port(1)});
  LanceDriver d(m);
  const auto arrives = [&](const StationAddress& to) {
    wire.port(0)->send(frame_to(to, station(1), 100), m.clock.cycles);
    m.machine.network_changed();
    m.wait_microseconds(20);
    const u16 seen = d.csr0();
    d.set(0, seen & (RS_LANCE_RINT | RS_LANCE_MISS));
    return seen;
  };
  CHECK(arrives(station(2)) & RS_LANCE_MISS);  // no buffer
  d.buffer(0, 64);
  d.buffer(1, 64);
  CHECK_FALSE(arrives(station(9)) & (RS_LANCE_RINT | RS_LANCE_MISS));  // not for this station
  CHECK(arrives(station(2)) & RS_LANCE_RINT);
  CHECK(d.descriptor(LanceDriver::kReceive, 0).flags == RS_LANCE_FIRST);
  CHECK(d.descriptor(LanceDriver::kReceive, 1).flags == RS_LANCE_LAST);
  CHECK(d.descriptor(LanceDriver::kReceive, 1).message == 104);
  d.buffer(2, 1536);
  CHECK(arrives(kBroadcast) & RS_LANCE_RINT);

  const Frame whole = frame_to(station(1), station(2), 90);
  d.part(0, {whole.begin(), whole.begin() + 40}, RS_LANCE_FIRST);
  d.part(1, {whole.begin() + 40, whole.end()}, RS_LANCE_LAST);
  d.set(0, RS_LANCE_TDMD);
  m.wait_microseconds(20);
  CHECK(wire.port(0)->receive(m.clock.cycles).value() == whole);
}

TEST_CASE("a LANCE that is led astray stops with its error bits set, and says why") {
  const struct {
    const char* what;
    const char* reported;
    u16 bit;
    std::function<void(LanceDriver&)> abuse;
  } rows[] = {
      {"a ring outside of memory", "outside", RS_LANCE_MERR,
       [](LanceDriver& d) { d.start(LanceDriver::kReceive, 0xFFFFF0); }},
      {"a frame outside of memory", "outside", RS_LANCE_MERR,
       [](LanceDriver& d) { d.describe(LanceDriver::kTransmit, 0, 0xFFFF00, 100, RS_LANCE_OWN | 3); }},
      {"a buffer outside of memory", "outside", RS_LANCE_MERR,
       [](LanceDriver& d) { d.describe(LanceDriver::kReceive, 0, 0xFFFF00, 1536, RS_LANCE_OWN); }},
      {"a frame that is too long", "more than 1514", RS_LANCE_BABL,
       [](LanceDriver& d) {
         d.describe(LanceDriver::kTransmit, 0, LanceDriver::kBuffers, 2000, RS_LANCE_OWN | 3);
       }},
      {"a frame without an end", "not whole", RS_LANCE_TINT,
       [](LanceDriver& d) {
         for (u32 i = 0; i < 4; ++i)
           d.describe(LanceDriver::kTransmit, i, LanceDriver::kBuffers, 20, RS_LANCE_OWN | RS_LANCE_FIRST);
       }},
      {"a frame without a beginning", "not whole", RS_LANCE_TINT,
       [](LanceDriver& d) {
         d.describe(LanceDriver::kTransmit, 0, LanceDriver::kBuffers, 100, RS_LANCE_OWN | RS_LANCE_LAST);
       }},
      {"a frame shorter than its header", "not whole", RS_LANCE_TINT,
       [](LanceDriver& d) {
         d.describe(LanceDriver::kTransmit, 0, LanceDriver::kBuffers, 9, RS_LANCE_OWN | 3);
       }},
  };
  for (const auto& row : rows) {
    INFO(row.what);
    Wire wire;
    TestMachine m({.network = wire.port(1)});
    LanceDriver d(m);
    row.abuse(d);
    wire.port(0)->send(frame_to(station(2), station(1)), 0);
    m.machine.network_changed();
    d.set(0, RS_LANCE_TDMD);
    m.wait_microseconds(50);
    CHECK(d.csr0() & row.bit);
    CHECK(m.devices().lance.error().find(row.reported) != std::string::npos);
    CHECK(wire.port(1)->statistics().sent == 0);
    LanceDriver again(m);  // stops and initializes it
    again.frame(0, frame_to(station(1), station(2)));
    again.set(0, RS_LANCE_TDMD);
    CHECK(wire.port(1)->statistics().sent == 1);
    CHECK(m.devices().lance.error().empty());
  }
}

TEST_CASE("without a cable there is no card") {
  TestMachine m;
  CHECK(m.machine.port_in(RS_LANCE_PORTS, 1) == 0xFF);
  CHECK(m.machine.port_in(RS_LANCE_PORTS + RS_LANCE_DATA, 2) == 0xFFFF);
  CHECK(m.machine.mmio_read(GuestPhys(RS_VIRTIO_NET), 4) == 0);
  m.machine.port_out(RS_LANCE_PORTS + RS_LANCE_DATA, RS_LANCE_INIT | RS_LANCE_STRT, 2);
  m.machine.mmio_write(GuestPhys(RS_VIRTIO_NET + RS_VIRTIO_REG_STATUS), 4, 4);
  CHECK(m.machine.next_deadline() == TestMachine().machine.next_deadline());
}
