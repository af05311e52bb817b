#include "labs/framework/serve_machine.h"

#include <cstring>

namespace ringside::labs {
namespace {
constexpr u64 kMostConsole = u64{16} << 20;  // what a monitor prints beyond that is lost
}

std::optional<bool> serve_machine(Host& host, Frame& call, std::vector<u8>& payload) {
  using lab::Call;
  const GuestMemory& ram = host.machine.ram();
  const u32 a = call.a[0], b = call.a[1];
  const auto size_ok = [](u32 size) { return size == 1 || size == 2 || size == 4; };
  switch (static_cast<Call>(call.code)) {
    case Call::ReadPhysical: {
      if (b > lab::kMostBytes) return false;
      const u8* p = ram.at(GuestPhys(a), b);
      call.a[0] = p != nullptr;
      payload.assign(b, 0);
      if (p) std::memcpy(payload.data(), p, b);
      return true;
    }
    case Call::In:
      if (a > 0xFFFF || !size_ok(b)) return false;
      host.ledger.count(CostEvent::UserSpaceRoundTrip);
      host.ledger.count(CostEvent::DeviceAccess);
      call.a[0] = host.machine.port_in(static_cast<u16>(a), b);
      payload.clear();
      return true;
    case Call::Out: {
      if (a > 0xFFFF || !size_ok(b)) return false;
      host.ledger.count(CostEvent::UserSpaceRoundTrip);
      host.ledger.count(CostEvent::DeviceAccess);
      const u32 mask = b == 4 ? ~u32{0} : (1u << 8 * b) - 1;
      host.machine.port_out(static_cast<u16>(a), call.a[2] & mask, b);
      payload.clear();
      return true;
    }
    case Call::InterruptPending: call.a[0] = host.machine.interrupt_pending(); break;
    case Call::Acknowledge: call.a[0] = host.machine.acknowledge_interrupt(); break;
    case Call::Now: {
      const u64 now = host.now();
      call.a[0] = static_cast<u32>(now);
      call.a[1] = static_cast<u32>(now >> 32);
      break;
    }
    case Call::Print:
      call.a[0] = host.machine.console().size() + payload.size() <= kMostConsole;
      if (call.a[0]) host.machine.print(std::string(payload.begin(), payload.end()));
      break;
    default: return std::nullopt;
  }
  payload.clear();
  return true;
}

}  // namespace ringside::labs
