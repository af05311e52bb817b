// The gdb stub over its socket: what a second client, or a client that has lost its mind, may not do.
#include <future>
#include <random>
#include <thread>

#include "tests/catch.h"
#include "tests/ui/gdb_client.h"
#include "ui/debugger/gdb_server.h"
#include "ui/model/lane.h"

using namespace ringside;
using namespace ringside::debugger;
using namespace ringside::test;

namespace {

struct Server {
  GuestSource source;
  model::Lane lane;
  Limits limits;
  std::promise<u16> port;
  explicit Server(const std::string& guest = "hello", VmConfig machine = {}, Limits limits = {})
      : source(find_guest(guest, {}, {})), lane(Mode::Trap, source, {.machine = machine}), limits(limits) {}
  std::jthread thread;
  u16 start() {
    auto chosen = port.get_future();
    thread = std::jthread([this] {
      serve_gdb(lane, 0, limits, [this](const std::string& text) {
        port.set_value(static_cast<u16>(std::stoi(text.substr(text.rfind(':') + 1))));
      });
    });
    return chosen.get();
  }
};

}  // namespace

TEST_CASE("A second client is turned away and disturbs neither the first one nor the guest") {
  Server server;
  const u16 port = server.start();
  GdbClient first(port);
  REQUIRE(first.connected());
  CHECK(first.ask("?") == "S05");
  const std::string registers = first.ask("g");
  for (int i = 0; i < 3; ++i) {
    GdbClient second(port);
    second.send(frame_packet("k") + frame_packet("c"));
    CHECK(second.receive_until("#") == "<closed>");
    CHECK(first.ask("g") == registers);
  }
  CHECK(first.ask("s") == "S05");
  CHECK(first.ask("bs") == "S05");
  CHECK(first.ask("g") == registers);
  CHECK(first.ask("D") == "OK");
  server.thread.join();
  CHECK(server.lane.ended());  // detached, it ran to its end
  CHECK(server.lane.vm()->ending() == Ending::Success);
}

TEST_CASE("Bytes that are no packets are refused and change nothing") {
  Server server;
  GdbClient client(server.start());
  REQUIRE(client.connected());
  const std::string registers = client.ask("g");
  std::mt19937 random(11);
  for (int i = 0; i < 200; ++i) {
    std::string noise(random() % 400, ' ');
    for (char& c : noise) c = static_cast<char>(random());
    // Whatever could be a good packet by accident is not: no checksum of ours fits.
    std::erase(noise, '#');
    client.send(noise + "$s#00$c#zz$" + std::string(random() % 64, '}') + "#0");
  }
  client.send("#00");  // ends what was left open
  // By accident some of it may have been a packet with a right checksum: this answer comes after all of
  // those.
  client.send(frame_packet("qfThreadInfo"));
  REQUIRE(client.receive_until(frame_packet("m1")).find("<") == std::string::npos);
  CHECK(client.ask("?") == "S05");
  CHECK(client.ask("g") == registers);
  client.send("$" + std::string(4 * kLargestPacket, 'm'));
  client.send("#00");
  CHECK(client.receive_until("-").find('-') != std::string::npos);
  CHECK(client.ask("g") == registers);
  client.send(frame_packet("k"));
  server.thread.join();
  CHECK(server.lane.instructions() == 0);
}

TEST_CASE("A client that goes away leaves a guest that runs on") {
  Server server;
  {
    GdbClient client(server.start());
    REQUIRE(client.connected());
    CHECK(client.ask("s") == "S05");
    client.send("$g#6");  // half a packet
  }
  server.thread.join();
  CHECK(server.lane.vm()->ending() == Ending::Success);
}

TEST_CASE("Whatever the guest does when its client dies, it goes on to its budget") {
  constexpr u64 kStart = 400'000, kBudget = 1'500'000;
  const std::string last_words = GENERATE(as<std::string>(), "c", "bc", "bs", "Z0,c0100000,1", "\x03");
  INFO("gdb's last packet: " << last_words);
  Server server("kernel", {.command_line = "run=primes 100000000"}, {.instructions = kBudget});
  server.lane.seek(kStart);
  {
    GdbClient client(server.start());
    REQUIRE(client.connected());
    CHECK(client.ask("?") == "S05");
    client.send(frame_packet(last_words));
    CHECK(client.receive_until("+").find('+') != std::string::npos);  // it has begun
  }
  server.thread.join();
  CHECK_FALSE(server.lane.ended());
  CHECK(server.lane.instructions() >= kBudget);
}
