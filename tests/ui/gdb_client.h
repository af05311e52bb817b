// The other end of a gdb stub's socket: packets asked by hand.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "ui/debugger/packet.h"

namespace ringside::test {

class GdbClient {
 public:
  explicit GdbClient(u16 port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~GdbClient() { ::close(fd_); }
  GdbClient(const GdbClient&) = delete;
  GdbClient& operator=(const GdbClient&) = delete;

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
    send(debugger::frame_packet(packet));
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

}  // namespace ringside::test
