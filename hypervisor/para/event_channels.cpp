#include "hypervisor/para/event_channels.h"

#include <cassert>

namespace ringside::para {

void EventChannels::raise(u32 port) {
  assert(port < RS_EVENT_COUNT);
  page_.change([&](rs_shared_info& info) {
    info.event_pending |= 1u << port;
    if (!(info.event_mask & 1u << port)) info.upcall_pending = 1;
  });
}

void EventChannels::raise_timer(u64 periods) {
  page_.change([&](rs_shared_info& info) { info.ticks += periods; });
  raise(RS_EVENT_TIMER);
}

void EventChannels::set_masked(bool on) {
  page_.change([&](rs_shared_info& info) { info.upcall_mask = on; });
}

void EventChannels::set_cr2(u32 address) {
  page_.change([&](rs_shared_info& info) { info.cr2 = address; });
}

void EventChannels::delivered(u64 now_ns) {
  page_.change([&](rs_shared_info& info) {
    info.upcall_mask = 1;
    info.system_time_ns = now_ns;
  });
}

}  // namespace ringside::para
