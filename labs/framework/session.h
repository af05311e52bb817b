// The conversation with a student's monitor (api/ringside/wire.h), from our side: the guest, the devices and
// the accounts stay here, the other process only answers. Nothing that it sends is trusted.
#pragma once

#include <functional>
#include <memory>

#include "labs/framework/sandbox.h"
#include "ringside/wire.h"

namespace ringside::labs {

using lab::Cpu;
using lab::Frame;
using lab::Hook;

/// What a monitor may ask for while it handles an exit.
class Service {
 public:
  virtual ~Service() = default;
  /// Answers `call` in place: results go to call.a and call.cpu, bytes to `payload` (and their number to
  /// call.bytes). False: there is no such call here, or its arguments are nonsense.
  virtual bool serve(Frame& call, std::vector<u8>& payload) = 0;
};

class Session {
 public:
  static constexpr double kPatience = 10;  ///< seconds of wall clock for one exit
  /// After so many sessions that came to no answer, a process (each checks one submission) starts no more.
  static constexpr unsigned kMostTimeouts = 3;
  static constexpr u64 kMostExchanges = 60'000;  ///< ten times what the longest run of a lab takes

  /// Starts `program`, a monitor built by build_monitor(), in `folder`.
  Session(const std::filesystem::path& folder, const std::string& program,
          const std::filesystem::path& output);
  ~Session();

  struct Done {
    lab::Outcome outcome{lab::Outcome::NotHandled};
    Cpu cpu{};
  };
  /// Hands an exit over and serves calls until the monitor is done with it. After lost() it only answers
  /// NotHandled.
  Done exchange(Hook hook, const void* arguments, std::size_t bytes, const Cpu& cpu, Service& service);

  /// Why there is no more to be had from this monitor; empty while all is well.
  const std::string& lost() const { return lost_; }
  u64 exchanges() const { return exchanges_; }

 private:
  bool receive(void* to, std::size_t bytes);
  bool send(const void* from, std::size_t bytes);
  void lose(std::string why);
  void lose_by_timeout(std::string why);

  int socket_ = -1;
  std::unique_ptr<Sandbox> sandbox_;
  double deadline_ = 0;
  std::string lost_;
  u64 exchanges_ = 0;
};

}  // namespace ringside::labs
