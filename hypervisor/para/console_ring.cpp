#include "hypervisor/para/console_ring.h"

namespace ringside::para {

Status ConsoleRing::drain(std::string& text) {
  const u32 produced = page_.get().out_producer - out_consumer_;
  if (produced > sizeof page_.get().out) return -RS_EINVAL;
  for (u32 i = 0; i < produced; ++i) text += page_.get().out[out_consumer_++ % sizeof page_.get().out];
  page_.change([&](rs_console_ring& ring) { ring.out_consumer = out_consumer_; });
  return 0;
}

// An in_consumer that lies makes the difference large or small at will; all it can win is to lose input.
bool ConsoleRing::has_room() const { return in_producer_ - page_.get().in_consumer < sizeof page_.get().in; }

void ConsoleRing::put(char c) {
  page_.change([&](rs_console_ring& ring) {
    ring.in[in_producer_++ % sizeof ring.in] = c;
    ring.in_producer = in_producer_;
  });
}

}  // namespace ringside::para
