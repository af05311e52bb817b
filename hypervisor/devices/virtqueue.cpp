#include "hypervisor/devices/virtqueue.h"

#include <fmt/format.h>

#include <utility>

#include "hypervisor/abi/virtio.h"

namespace ringside {

bool Virtqueue::read_index(u64 ring, u16& index) {
  if (dma_.read(GuestPhys(ring + 2), index)) return true;
  state.broken = fmt::format("a ring lies outside the guest's memory, at {:X}h", ring);
  return false;
}

std::optional<Virtqueue::Chain> Virtqueue::pop() {
  if (!usable()) return std::nullopt;
  u16 index = 0;
  if (!read_index(state.available, index)) return std::nullopt;
  const u16 waiting = static_cast<u16>(index - state.next_available);
  if (waiting == 0) return std::nullopt;
  if (waiting > state.size)
    return fail(fmt::format("the available index jumped to {}: {} entries wait in a queue of {}", index,
                            waiting, state.size));
  Chain chain{};
  if (!dma_.read(GuestPhys(state.available + 4 + 2 * (state.next_available % state.size)), chain.head))
    return fail("the available ring lies outside the guest's memory");
  u64 bytes = 0;
  for (u16 at = chain.head;;) {
    if (at >= state.size) return fail(fmt::format("descriptor {} of a queue of {}", at, state.size));
    if (chain.pieces.size() == state.size)
      return fail(fmt::format("the chain from descriptor {} loops", chain.head));
    rs_vring_descriptor d;
    if (!dma_.read(GuestPhys(state.descriptors + u64{at} * sizeof d), d))
      return fail("the descriptor table lies outside the guest's memory");
    if (d.flags & RS_VRING_INDIRECT) return fail("an indirect descriptor, which was not offered");
    bytes += d.length;
    if (bytes > kMostBytes) return fail(fmt::format("a chain of more than {} bytes", kMostBytes));
    if (d.address + d.length < d.address)
      return fail("a descriptor whose length wraps around the address space");
    const bool device_writes = d.flags & RS_VRING_WRITE;
    if (!device_writes && !chain.pieces.empty() && chain.pieces.back().device_writes)
      return fail("a piece to read after one to write");
    chain.pieces.push_back({GuestPhys(d.address), d.length, device_writes});
    if (!(d.flags & RS_VRING_NEXT)) break;
    at = d.next;
  }
  ++state.next_available;
  return chain;
}

void Virtqueue::push(u16 head, u32 written) {
  const rs_vring_used_element element{head, written};
  const u64 slot = state.used + 4 + sizeof element * (state.next_used % state.size);
  const u16 index = static_cast<u16>(state.next_used + 1);
  if (!dma_.write(GuestPhys(slot), element) || !dma_.write(GuestPhys(state.used + 2), index)) {
    fail("the used ring lies outside the guest's memory");
    return;
  }
  state.next_used = index;
}

bool Virtqueue::wants_interrupt() {
  const u16 now = state.next_used, before = std::exchange(state.signalled_used, now);
  if (before == now) return false;
  if (state.event_index) {
    u16 event = 0;
    if (!dma_.read(GuestPhys(state.available + 4 + 2 * state.size), event)) return false;
    // "old < event + 1 <= new", modulo 2^16 (section 2.7.10)
    if (static_cast<u16>(now - event - 1) >= static_cast<u16>(now - before)) return false;
  } else {
    u16 flags = 0;
    if (!dma_.read(GuestPhys(state.available), flags) || flags & RS_VRING_AVAIL_NO_INTERRUPT) return false;
  }
  return true;
}

void Virtqueue::ask_for_notification(bool on) {
  if (!usable()) return;
  const u16 flags = on ? 0 : RS_VRING_USED_NO_NOTIFY;
  if (!dma_.write(GuestPhys(state.used), flags)) fail("the used ring lies outside the guest's memory");
  if (state.event_index && on) dma_.write(GuestPhys(state.used + 4 + 8 * state.size), state.next_available);
}

}  // namespace ringside
