#include "ui/debugger/gdb_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <utility>

#include "cpu/host_error.h"
#include "ui/debugger/gdb_target.h"
#include "ui/debugger/packet.h"

namespace ringside::debugger {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

Descriptor listen_on_loopback(u16 port, u16& chosen) {
  Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), 1) != 0)
    throw HostError(fmt::format("cannot serve gdb on port {}: {}. Choose another with -gdb tcp::PORT.", port,
                                std::strerror(errno)));
  socklen_t size = sizeof address;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  chosen = ntohs(address.sin_port);
  return fd;
}

bool readable(int fd, int milliseconds) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, milliseconds) > 0;
}

/// One connection: bytes in, packets out.
class Connection {
 public:
  explicit Connection(Descriptor fd) : fd_(std::move(fd)) {
    const int on = 1;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  bool open() const { return open_; }

  void send(std::string_view bytes) {
    while (open_ && !bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0)
        open_ = false;
      else
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  std::optional<PacketReader::Item> next(int milliseconds) {
    if (auto item = take()) return item;
    if (open_ && readable(fd_.get(), milliseconds)) receive();
    return take();
  }

  /// While the guest runs: has Ctrl-C, or the end of the connection, arrived? Packets stay queued.
  bool interrupted() {
    if (open_ && readable(fd_.get(), 0)) receive();
    while (auto item = reader_.next()) {
      if (item->kind == PacketReader::Item::Kind::Interrupt) return true;
      queued_.push_back(std::move(*item));
      if (queued_.size() > kMostQueued) open_ = false;  // gdb waits for answers; this is no gdb
    }
    return !open_;
  }

 private:
  static constexpr std::size_t kMostQueued = 1000;

  void receive() {
    char buffer[4096];
    const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (n <= 0)
      open_ = false;
    else
      reader_.feed({buffer, static_cast<std::size_t>(n)});
  }
  std::optional<PacketReader::Item> take() {
    if (queued_.empty()) return reader_.next();
    auto item = std::move(queued_.front());
    queued_.pop_front();
    return item;
  }

  Descriptor fd_;
  PacketReader reader_;
  std::deque<PacketReader::Item> queued_;
  bool open_ = true;
};

void turn_away_others(int listener) {
  while (readable(listener, 0)) Descriptor(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
}

/// Until gdb leaves. True if the guest should go on without it.
bool converse(model::Lane& lane, Connection connection, int listener) {
  GdbTarget target(lane, [&] {
    turn_away_others(listener);
    return connection.interrupted();
  });
  while (connection.open()) {
    turn_away_others(listener);
    const auto item = connection.next(100);
    if (!item) continue;
    if (item->kind == PacketReader::Item::Kind::BadChecksum) {
      connection.send("-");
      continue;
    }
    if (item->kind == PacketReader::Item::Kind::Interrupt) continue;  // the guest is stopped already
    connection.send("+");
    const std::string reply = target.answer(item->data);
    if (target.killed()) return false;
    connection.send(frame_packet(reply));
    if (target.detached()) return true;
    const bool told = !reply.empty() && (reply[0] == 'W' || reply[0] == 'X');
    if (told && lane.ended()) return true;
  }
  return true;
}

void run_on(model::Lane& lane, const Limits& limits) {
  using Clock = std::chrono::steady_clock;
  constexpr u64 kSlice = 10'000'000;
  const auto start = Clock::now();
  const auto in_time = [&] {
    return limits.wall_seconds <= 0 ||
           Clock::now() - start < std::chrono::duration<double>(limits.wall_seconds);
  };
  lane.set_breakpoints({});
  while (!lane.ended() && lane.instructions() < limits.instructions && in_time())
    lane.run(std::min(kSlice, limits.instructions - lane.instructions()));
}

}  // namespace

bool serve_gdb(model::Lane& lane, u16 port, const Limits& limits,
               const std::function<void(const std::string&)>& announce) {
  u16 chosen = 0;
  const Descriptor listener = listen_on_loopback(port, chosen);
  announce(fmt::format("waiting for gdb: target remote localhost:{}", chosen));
  Descriptor client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client) throw HostError(fmt::format("gdb could not connect: {}", std::strerror(errno)));
  if (!converse(lane, Connection(std::move(client)), listener.get())) return false;
  run_on(lane, limits);
  return true;
}

}  // namespace ringside::debugger
