// The address translator: what the machine inside and the world outside see of each other.
#include "hypervisor/network/nat.h"
#include "hypervisor/network/packet.h"
#include "hypervisor/network/switch.h"
#include "tests/catch.h"

using namespace ringside;
using namespace ringside::packet;

namespace {

constexpr u32 kInside = 0x0A000001, kServer = 0x0A000002;
constexpr StationAddress kServerStation{'R', 'I', 'N', 'G', 0, 2};

struct Net {
  Net() : whole(std::make_shared<VirtualSwitch>(2, 1'000'000'000, LinkConfig{.latency_microseconds = 1})) {}
  std::shared_ptr<VirtualSwitch> whole;
  std::shared_ptr<NetworkPort> server = VirtualSwitch::port(whole, 1);
  u64 charged = 0, now = 0;
  NatPort nat{VirtualSwitch::port(whole, 0), [this] { return ++charged, u64{0}; }};

  std::optional<Frame> at_server() { return server->receive(now += 1'000'000); }
  std::optional<Frame> at_machine() { return nat.receive(now += 1'000'000); }
  void announce() { server->send(arp(kArpRequest, kServerStation, kServer, kServer), now); }

  static Frame arp(u16 operation, const StationAddress& from, u32 sender, u32 target) {
    Frame f(60);
    put_station(f, kTo, kBroadcast);
    put_station(f, kFrom, from);
    put16(f, kType, kTypeArp);
    put32(f, kIp, 0x00010800);
    put16(f, kIp + 4, 0x0604);
    put16(f, kArpOperation, operation);
    put_station(f, kArpSenderStation, from);
    put32(f, kArpSender, sender);
    put32(f, kArpTarget, target);
    return f;
  }
};

/// The checksum of UDP or TCP over its pseudo header, computed from scratch: 0 if the one in it is right.
u16 transport_sum(Frame f) {
  const std::size_t bytes = get16(f, kLength) - 20u;
  Frame pseudo(12);
  put32(pseudo, 0, get32(f, kSource));
  put32(pseudo, 4, get32(f, kDestination));
  pseudo[9] = f[kProtocol];
  put16(pseudo, 10, static_cast<u16>(bytes));
  pseudo.insert(pseudo.end(), f.begin() + kIp + 20,
                f.begin() + static_cast<std::ptrdiff_t>(kIp + 20 + bytes));
  if (pseudo.size() % 2) pseudo.push_back(0);
  return checksum(pseudo, 0, pseudo.size());
}

Frame datagram(u8 protocol, u32 from, u16 from_port, u32 to, u16 to_port, std::size_t payload = 33,
               bool summed = true) {
  const std::size_t transport = protocol == kTcp ? 20 : 8, sum_at = kIp + 20 + (protocol == kTcp ? 16 : 6);
  Frame f(std::max<std::size_t>(60, kIp + 20 + transport + payload));
  put_station(f, kTo, NatPort::kOwnStation);
  put_station(f, kFrom, from == kServer ? kServerStation : StationAddress{'R', 'I', 'N', 'G', 0, 1});
  put16(f, kType, kTypeIpv4);
  f[kIp] = 0x45;
  put16(f, kLength, static_cast<u16>(20 + transport + payload));
  f[kTtl] = 64;
  f[kProtocol] = protocol;
  put32(f, kSource, from);
  put32(f, kDestination, to);
  put16(f, kIp + 20, from_port);
  put16(f, kIp + 22, to_port);
  if (protocol == kUdp) put16(f, kIp + 24, static_cast<u16>(8 + payload));
  for (std::size_t i = 0; i < payload; ++i) f[kIp + 20 + transport + i] = static_cast<u8>(7 * i + payload);
  put16(f, kHeaderChecksum, checksum(f, kIp, 20));
  if (summed) put16(f, sum_at, transport_sum(f));
  return f;
}

}  // namespace

TEST_CASE("the translator stands for the machine inside, and for the world") {
  Net n;
  const auto ask = [&] { n.nat.send(Net::arp(kArpRequest, {2, 0, 0, 0, 0, 1}, kInside, kServer), n.now); };
  ask();
  CHECK_FALSE(n.at_machine());  // it has not heard of the server
  CHECK_FALSE(n.at_server());   // and keeps the machine to itself
  n.announce();
  const auto told = n.at_machine();
  REQUIRE(told);
  CHECK(get32(*told, kArpSender) == kServer);
  CHECK(station(*told, kArpSenderStation) == NatPort::kOwnStation);
  ask();
  const auto answer = n.at_machine();
  REQUIRE(answer);
  CHECK(get16(*answer, kArpOperation) == kArpReply);
  CHECK(station(*answer, kArpSenderStation) == NatPort::kOwnStation);
  CHECK(get32(*answer, kArpTarget) == kInside);
  // The server asks for the address that it sees.
  n.server->send(Net::arp(kArpRequest, kServerStation, kServer, NatPort::kOwnAddress), n.now);
  CHECK_FALSE(n.at_machine());
  const auto reply = n.at_server();
  REQUIRE(reply);
  CHECK(get32(*reply, kArpSender) == NatPort::kOwnAddress);
}

TEST_CASE("packets are translated out and back, with right checksums, at a price each") {
  for (const u8 protocol : {kUdp, kTcp})
    for (const std::size_t payload : {std::size_t{0}, std::size_t{33}, std::size_t{1000}}) {
      Net n;
      n.announce();
      n.at_machine();
      n.nat.send(datagram(protocol, kInside, 5000, kServer, 7, payload), n.now);
      const auto out = n.at_server();
      REQUIRE(out);
      CHECK(get32(*out, kSource) == NatPort::kOwnAddress);
      CHECK(get16(*out, kIp + 20) == NatPort::kFirstPort);
      CHECK((*out)[kTtl] == 63);
      CHECK(checksum(*out, kIp, 20) == 0);
      CHECK(transport_sum(*out) == 0);
      CHECK(station(*out, kTo) == kServerStation);

      n.server->send(datagram(protocol, kServer, 7, NatPort::kOwnAddress, NatPort::kFirstPort, payload),
                     n.now);
      const auto back = n.at_machine();
      REQUIRE(back);
      CHECK(get32(*back, kDestination) == kInside);
      CHECK(get16(*back, kIp + 22) == 5000);
      CHECK(checksum(*back, kIp, 20) == 0);
      CHECK(transport_sum(*back) == 0);
      CHECK(n.nat.translated() == 2);
      CHECK(n.charged == 2);
      CHECK(n.nat.dropped() == 0);
    }
}

TEST_CASE("an absent UDP checksum stays absent") {
  Net n;
  n.announce();
  n.at_machine();
  n.nat.send(datagram(kUdp, kInside, 5000, kServer, 7, 33, false), n.now);
  CHECK(get16(n.at_server().value(), kIp + 26) == 0);
}

TEST_CASE("what cannot be translated is dropped and counted") {
  const struct {
    const char* what;
    bool inward;
    void (*spoil)(Frame&);
  } rows[] = {
      {"no IPv4", false, [](Frame& f) { put16(f, kType, 0x86DD); }},
      {"a version that lies", false, [](Frame& f) { f[kIp] = 0x65; }},
      {"a header shorter than allowed", false, [](Frame& f) { f[kIp] = 0x44; }},
      {"a header longer than the frame", false, [](Frame& f) { f.resize(kIp + 21), f[kIp] = 0x4F; }},
      {"a length beyond the frame", false, [](Frame& f) { put16(f, kLength, 0xFFFF); }},
      {"a length without ports", false, [](Frame& f) { put16(f, kLength, 22); }},
      {"a wrong checksum", false, [](Frame& f) { f[kHeaderChecksum] ^= 1; }},
      {"a fragment", false,
       [](Frame& f) {
         put16(f, kFragment, 0x2000);
         put16(f, kHeaderChecksum, 0);
         put16(f, kHeaderChecksum, checksum(f, kIp, 20));
       }},
      {"a packet at the end of its life", false,
       [](Frame& f) {
         f[kTtl] = 1;
         put16(f, kHeaderChecksum, 0);
         put16(f, kHeaderChecksum, checksum(f, kIp, 20));
       }},
      {"another protocol", false, [](Frame& f) { f[kProtocol] = 1; }},
      {"nothing but a header", false, [](Frame& f) { f.resize(kFrameHeader); }},
      {"a port that no connection has", true, [](Frame&) {}},
  };
  for (const auto& row : rows) {
    INFO(row.what);
    Net n;
    n.announce();
    n.at_machine();
    Frame f = row.inward ? datagram(kUdp, kServer, 7, NatPort::kOwnAddress, NatPort::kFirstPort)
                         : datagram(kUdp, kInside, 5000, kServer, 7);
    row.spoil(f);
    if (row.inward) {
      n.nat.send(datagram(kTcp, kInside, 1, kServer, 7), n.now);  // another protocol has that port
      n.at_server();
      n.server->send(std::move(f), n.now);
    } else {
      n.nat.send(std::move(f), n.now);
    }
    CHECK_FALSE(n.at_machine());
    CHECK_FALSE(n.at_server());
    CHECK(n.nat.dropped() == 1);
  }
}

TEST_CASE("the table of connections is bounded; the one used longest ago goes") {
  Net n;
  n.announce();
  n.at_machine();
  for (u32 i = 0; i < NatPort::kMostConnections + 5; ++i) {
    n.nat.send(datagram(kUdp, kInside, static_cast<u16>(i), kServer, 7, 0), n.now);
    CHECK(n.at_server());
  }
  CHECK(n.nat.connections() == NatPort::kMostConnections);
  n.server->send(datagram(kUdp, kServer, 7, NatPort::kOwnAddress, NatPort::kFirstPort), n.now);
  CHECK(get16(n.at_machine().value(), kIp + 22) == NatPort::kMostConnections);  // whose turn came first
}
