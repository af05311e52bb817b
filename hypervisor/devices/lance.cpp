#include "hypervisor/devices/lance.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hypervisor/abi/lance.h"

namespace ringside {
namespace {

constexpr u16 kCauses =
    RS_LANCE_BABL | RS_LANCE_MISS | RS_LANCE_MERR | RS_LANCE_RINT | RS_LANCE_TINT | RS_LANCE_IDON;
constexpr u16 kErrors = RS_LANCE_BABL | RS_LANCE_MISS | RS_LANCE_MERR;
constexpr u32 kCheckSequence = 4, kBusMask = 0xFFFFFF;  // 24 address lines

constexpr u32 bytes_of(u16 count) { return (0x1000 - (count & 0xFFF)) & 0xFFF; }  // a two's complement

}  // namespace

Lance::Lance(const Clock& clock, IrqLine irq, const Dma& dma, std::shared_ptr<NetworkPort> cable)
    : clock_(clock), dma_(dma), cable_(std::move(cable)), irq_(irq) {}

// ---- registers

u32 Lance::read(u32 offset, unsigned size) {
  if (!cable_) return size == 2 ? 0xFFFF : 0xFF;
  if (offset < 16) {
    const StationAddress address = cable_->address();
    return offset < address.size() ? address[offset] : offset >= 14 ? 0x57 : 0;
  }
  if (size != 2) return 0xFF;  // 16-bit registers
  switch (offset) {
    case RS_LANCE_DATA:
      switch (state_.selected) {
        case 0: return state_.csr0;
        case 1: return state_.csr1;
        case 2: return state_.csr2;
        case 3: return state_.csr3;
        default: return 0;
      }
    case RS_LANCE_SELECT: return state_.selected;
    case RS_LANCE_RESET: reset(); return 0;
    default: return 0xFFFF;
  }
}

void Lance::write(u32 offset, u32 value, unsigned size) {
  if (!cable_ || size != 2) return;
  if (offset == RS_LANCE_SELECT) state_.selected = value & 3;
  if (offset == RS_LANCE_DATA) write_csr(static_cast<u16>(value));
}

void Lance::write_csr(u16 value) {
  if (state_.selected == 0) return write_csr0(value);
  if (!(state_.csr0 & RS_LANCE_STOP)) return;
  (state_.selected == 1 ? state_.csr1 : state_.selected == 2 ? state_.csr2 : state_.csr3) = value;
}

void Lance::reset() {
  const u16 selected = state_.selected;
  const State old = std::exchange(state_, {});
  state_.selected = selected;
  state_.csr1 = old.csr1;
  state_.csr2 = old.csr2;
  state_.requests = old.requests;
  state_.interrupts = old.interrupts;
  irq_.set(false);
}

void Lance::write_csr0(u16 value) {
  if (value & RS_LANCE_STOP) return reset();
  u16& csr0 = state_.csr0;
  csr0 &= static_cast<u16>(~(value & (kCauses | RS_LANCE_CERR)));  // written ones clear
  if (csr0 & RS_LANCE_STOP && !(value & (RS_LANCE_INIT | RS_LANCE_STRT))) return;
  csr0 = static_cast<u16>((csr0 & ~RS_LANCE_INEA) | (value & RS_LANCE_INEA));
  if (value & RS_LANCE_INIT && csr0 & RS_LANCE_STOP) {
    csr0 &= static_cast<u16>(~RS_LANCE_STOP);
    csr0 |= RS_LANCE_INIT;
    if (initialize()) csr0 |= RS_LANCE_IDON;
  }
  if (value & RS_LANCE_STRT && csr0 & RS_LANCE_INIT && !(csr0 & RS_LANCE_STRT) && state_.error.empty()) {
    csr0 &= static_cast<u16>(~RS_LANCE_STOP);
    csr0 |= RS_LANCE_STRT;
    if (!(state_.mode & RS_LANCE_MODE_DTX)) csr0 |= RS_LANCE_TXON;
    if (!(state_.mode & RS_LANCE_MODE_DRX)) csr0 |= RS_LANCE_RXON;
    cable_->discard(clock_.now());
  }
  if (value & RS_LANCE_TDMD) start_transmission();
  update_interrupt();
}

bool Lance::initialize() {
  const u32 block = (u32{state_.csr2} << 16 | state_.csr1) & kBusMask;
  rs_lance_init_block b;
  if (!dma_.read(GuestPhys(block), b)) return memory_error(block), false;
  const auto ring = [](u32 pointer) {
    return Ring{.base = pointer & (kBusMask & ~7u), .size = static_cast<u16>(1u << (pointer >> 29))};
  };
  state_.mode = b.mode;
  std::copy_n(b.address, state_.address.size(), state_.address.begin());
  state_.any_group = b.group_filter[0] || b.group_filter[1];
  state_.receive = ring(b.receive_ring);
  state_.transmit = ring(b.transmit_ring);
  return true;
}

// ---- interrupts and errors

void Lance::raise(u16 cause) {
  state_.csr0 |= cause;
  update_interrupt();
}

void Lance::update_interrupt() {
  u16& csr0 = state_.csr0;
  const auto set = [&](u16 bit, bool on) { csr0 = static_cast<u16>(on ? csr0 | bit : csr0 & ~bit); };
  const bool before = csr0 & RS_LANCE_INTR && csr0 & RS_LANCE_INEA;
  set(RS_LANCE_ERR, csr0 & (kErrors | RS_LANCE_CERR));
  set(RS_LANCE_INTR, csr0 & kCauses);
  const bool now = csr0 & RS_LANCE_INTR && csr0 & RS_LANCE_INEA;
  state_.interrupts += now && !before;
  irq_.set(now);
}

/// The card cannot reach what the driver told it to: it gives up until it is reset.
void Lance::memory_error(u64 address) {
  state_.error = fmt::format("the card was sent outside the guest's memory, to {:X}h", address);
  state_.csr0 &= static_cast<u16>(~(RS_LANCE_TXON | RS_LANCE_RXON));
  state_.transmitting = 0;
  state_.transmit_done = kNoDeadline;
  raise(RS_LANCE_MERR);
}

// ---- transmission

void Lance::start_transmission() {
  if (!(state_.csr0 & RS_LANCE_TXON) || state_.transmitting) return;
  Frame frame;
  const Ring& ring = state_.transmit;
  for (u16 n = 0; n < ring.size; ++n) {
    const u32 at = ring.base + 8u * ((ring.at + n) % ring.size);
    rs_lance_descriptor d;
    if (!dma_.read(GuestPhys(at), d)) return memory_error(at);
    const bool owned = d.flags & RS_LANCE_OWN;
    if (n == 0 && !owned) return;  // nothing to send
    if (!owned || (n == 0 && !(d.flags & RS_LANCE_FIRST))) break;
    const u32 bytes = bytes_of(d.bytes), data = u32{d.high} << 16 | d.low,
              begin = static_cast<u32>(frame.size());
    if (begin + bytes > kMostFrame) {
      state_.error = fmt::format("a frame of more than {} bytes", kMostFrame);
      state_.csr0 &= static_cast<u16>(~RS_LANCE_TXON);
      return raise(RS_LANCE_BABL);
    }
    frame.resize(begin + bytes);
    if (!dma_.read(GuestPhys(data), frame.data() + begin, bytes)) return memory_error(data);
    if (!(d.flags & RS_LANCE_LAST)) continue;
    if (frame.size() < kFrameHeader) break;
    state_.transmitting = static_cast<u16>(n + 1);
    state_.transmit_done = cable_->send(std::move(frame), clock_.now());
    ++state_.requests;
    return;
  }
  // A frame without its first or last descriptor, or without a header: the transmitter is turned off.
  state_.error = "a frame in the transmit ring is not whole";
  state_.csr0 &= static_cast<u16>(~RS_LANCE_TXON);
  raise(RS_LANCE_TINT);
}

void Lance::finish_transmission() {
  Ring& ring = state_.transmit;
  for (; state_.transmitting > 0; --state_.transmitting) {
    const u32 at = ring.base + 8u * ring.at + RS_LANCE_FLAGS;
    u8 flags = 0;
    if (!dma_.read(GuestPhys(at), flags) ||
        !dma_.write(GuestPhys(at), static_cast<u8>(flags & ~RS_LANCE_OWN)))
      return memory_error(at);
    ring.at = static_cast<u16>((ring.at + 1) % ring.size);
  }
  state_.transmit_done = kNoDeadline;
  raise(RS_LANCE_TINT);
  start_transmission();
}

// ---- reception

bool Lance::accepts(const Frame& frame) const {
  if (state_.mode & RS_LANCE_MODE_PROMISCUOUS) return true;
  StationAddress to;
  std::copy_n(frame.begin(), to.size(), to.begin());
  return to == state_.address || to == kBroadcast || (to[0] & 1 && state_.any_group);
}

void Lance::store(const Frame& frame) {
  Ring& ring = state_.receive;
  const u32 total = static_cast<u32>(frame.size()) + kCheckSequence;
  u32 stored = 0;
  for (u16 n = 0; n < ring.size; ++n) {
    const u32 at = ring.base + 8u * ring.at;
    rs_lance_descriptor d;
    if (!dma_.read(GuestPhys(at), d)) return memory_error(at);
    if (!(d.flags & RS_LANCE_OWN)) break;
    const u32 data = u32{d.high} << 16 | d.low, bytes = std::min(bytes_of(d.bytes), total - stored);
    std::array<u8, kMostFrame + kCheckSequence> copy{};
    if (stored < frame.size())
      std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(stored),
                  std::min<std::size_t>(bytes, frame.size() - stored), copy.begin());
    if (!dma_.write(GuestPhys(data), copy.data(), bytes)) return memory_error(data);
    d.flags = stored == 0 ? RS_LANCE_FIRST : 0;
    stored += bytes;
    if (stored == total) {
      d.flags |= RS_LANCE_LAST;
      d.message = static_cast<u16>(total);
    }
    if (!dma_.write(GuestPhys(at), d)) return memory_error(at);
    ring.at = static_cast<u16>((ring.at + 1) % ring.size);
    if (stored == total) return raise(RS_LANCE_RINT);
  }
  raise(RS_LANCE_MISS);  // no buffer, or not enough of them
}

// ---- time

u64 Lance::deadline() const {
  const bool listens = cable_ && state_.csr0 & RS_LANCE_RXON;
  return std::min(state_.transmit_done, listens ? cable_->next_arrival() : kNoDeadline);
}

void Lance::advance() {
  if (state_.transmit_done <= clock_.now()) finish_transmission();
  while (cable_ && state_.csr0 & RS_LANCE_RXON) {
    const auto frame = cable_->receive(clock_.now());
    if (!frame) break;
    if (accepts(*frame)) store(*frame);
  }
}

}  // namespace ringside
