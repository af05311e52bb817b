#include "labs/framework/session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "cpu/host_error.h"

namespace ringside::labs {
namespace {

unsigned timeouts = 0;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Session::Session(const std::filesystem::path& folder, const std::string& program,
                 const std::filesystem::path& output) {
  if (timeouts >= kMostTimeouts) {
    lost_ = fmt::format("not tried: your program had come to no answer {} times before", timeouts);
    return;
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw HostError(fmt::format("no socket pair: {}", std::strerror(errno)));
  socket_ = ends[0];
  sandbox_ = std::make_unique<Sandbox>(
      SandboxedProgram{.command = {program}, .folder = folder, .socket = ends[1], .output = output});
  close(ends[1]);
}

Session::~Session() {
  sandbox_.reset();
  if (socket_ >= 0) close(socket_);
}

void Session::lose(std::string why) {
  if (!lost_.empty()) return;
  // A process that has ended says more than its silence.
  if (const auto end = sandbox_->wait(why.empty() ? 1 : 0); end && !end->empty())
    why = "your program " + *end;
  else if (end && why.empty())
    why = "your program ended by itself";
  else if (why.empty())
    why = "your program closed its connection";
  sandbox_->kill();
  lost_ = std::move(why);
}

void Session::lose_by_timeout(std::string why) {
  ++timeouts;
  lose(std::move(why));
}

bool Session::receive(void* to, std::size_t bytes) {
  for (auto* p = static_cast<char*>(to); bytes > 0;) {
    const ssize_t n = recv(socket_, p, bytes, MSG_DONTWAIT);
    if (n > 0) {
      p += n;
      bytes -= static_cast<std::size_t>(n);
    } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      const double left = deadline_ - seconds_now();
      if (left <= 0)
        return lose_by_timeout(
                   fmt::format("your program did not answer within {} s (an endless loop?)", kPatience)),
               false;
      pollfd wait{socket_, POLLIN, 0};
      poll(&wait, 1, static_cast<int>(left * 1000) + 1);
    } else {
      return lose({}), false;
    }
  }
  return true;
}

bool Session::send(const void* from, std::size_t bytes) {
  for (const auto* p = static_cast<const char*>(from); bytes > 0;) {
    const ssize_t n = ::send(socket_, p, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
      p += n;
      bytes -= static_cast<std::size_t>(n);
    } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      const double left = deadline_ - seconds_now();
      if (left <= 0) return lose_by_timeout("your program does not read what it asked for"), false;
      pollfd wait{socket_, POLLOUT, 0};
      poll(&wait, 1, static_cast<int>(left * 1000) + 1);
    } else {
      return lose({}), false;
    }
  }
  return true;
}

Session::Done Session::exchange(Hook hook, const void* arguments, std::size_t bytes, const Cpu& cpu,
                                Service& service) {
  Done done{.cpu = cpu};
  if (!lost_.empty()) return done;
  if (++exchanges_ > kMostExchanges) {
    lose_by_timeout(
        fmt::format("the guest left to your monitor {} times and came to no end", kMostExchanges));
    return done;
  }
  deadline_ = seconds_now() + kPatience;
  Frame frame{
      .magic = lab::kMagic, .message = lab::Message::Exit, .code = static_cast<u32>(hook), .cpu = cpu};
  static_assert(sizeof frame.a >= 36);
  if (bytes) std::memcpy(frame.a, arguments, std::min(bytes, sizeof frame.a));
  if (!send(&frame, sizeof frame)) return done;
  std::vector<u8> payload;
  while (receive(&frame, sizeof frame)) {
    const bool call = frame.message == lab::Message::Call;
    if (frame.magic != lab::kMagic || (!call && frame.message != lab::Message::Done) ||
        frame.bytes > lab::kMostBytes) {
      lose("your program sent something that is no answer");
      break;
    }
    payload.resize(frame.bytes);
    if (frame.bytes && !receive(payload.data(), payload.size())) break;
    if (!call) {
      using Next = lab::Outcome::Next;
      done.outcome = {frame.code <= Next::Emulate ? static_cast<Next>(frame.code) : Next::NotHandled,
                      static_cast<u8>(frame.a[0]), frame.a[1] != 0, frame.a[2]};
      done.cpu = frame.cpu;
      return done;
    }
    const u32 code = frame.code;
    if (!service.serve(frame, payload)) {
      lose(fmt::format(
          "your monitor made a call (number {}) that does not exist here, or with impossible arguments",
          code));
      break;
    }
    frame.message = lab::Message::Reply;
    frame.bytes = static_cast<u32>(payload.size());
    if (!send(&frame, sizeof frame) || (frame.bytes && !send(payload.data(), payload.size()))) break;
  }
  return done;
}

}  // namespace ringside::labs
