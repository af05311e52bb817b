// The gdb stub over its socket: what a second client, or a client that has lost its mind, may not do.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <future>
#include <random>
#include <thread>

#include "tests/catch.h"
#include "ui/debugger/gdb_server.h"
#include "ui/debugger/packet.h"
#include "ui/model/lane.h"

using namespace ringside;
using namespace ringside::debugger;

namespace {

class Client {
 public:
  explicit Client(u16 port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  void send(std::string_view bytes) { (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  /// What arrives until `end` is seen; "<closed>" if the other side hangs up.
  std::string receive_until(std::string_view end) {
    std::string text;
    while (text.find(end) == std::string::npos) {
      pollfd p{fd_, POLLIN, 0};
      if (::poll(&p, 1, 20'000) <= 0) return text + "<nothing more>";
      char buffer[4096];
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) return text + "<closed>";
      text.append(buffer, static_cast<std::size_t>(n));
    }
    return text;
  }
  /// The answer to a good packet.
  std::string ask(std::string_view packet) {
    send(frame_packet(packet));
    std::string text = receive_until("#");
    const std::size_t begin = text.rfind('$'), hash = text.rfind('#');
    if (begin == std::string::npos || hash == std::string::npos) return text;
    while (text.size() < hash + 3) {
      char c;
      if (::recv(fd_, &c, 1, 0) != 1) break;
      text += c;
    }
    send("+");
    return text.substr(begin + 1, hash - begin - 1);
  }

 private:
  int fd_;
  bool connected_ = false;
};

struct Server {
  GuestSource source = find_guest("hello", {}, {});
  model::Lane lane{Mode::Trap, source, {}};
  std::promise<u16> port;
  std::jthread thread;
  u16 start() {
    auto chosen = port.get_future();
    thread = std::jthread([this] {
      serve_gdb(lane, 0, [this](const std::string& text) {
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
  Client first(port);
  REQUIRE(first.connected());
  CHECK(first.ask("?") == "S05");
  const std::string registers = first.ask("g");
  for (int i = 0; i < 3; ++i) {
    Client second(port);
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
  Client client(server.start());
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
    Client client(server.start());
    REQUIRE(client.connected());
    CHECK(client.ask("s") == "S05");
    client.send("$g#6");  // half a packet
  }
  server.thread.join();
  CHECK(server.lane.vm()->ending() == Ending::Success);
}
