#include "hypervisor/devices/pit.h"

namespace ringside {
namespace {

u16 from_bcd(u16 v) {
  return static_cast<u16>((v & 15) + 10 * (v >> 4 & 15) + 100 * (v >> 8 & 15) + 1000 * (v >> 12));
}
u16 to_bcd(u32 v) {
  return static_cast<u16>(v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12);
}

u32 period_of(const Pit::Channel& c) {
  const u32 full = c.bcd ? 10000 : 65536;
  const u32 n = c.bcd ? from_bcd(c.written) : c.written;
  return n ? n : full;
}

bool one_shot(u8 mode) { return mode == 1 || mode == 5; }
bool periodic(u8 mode) { return mode == 2 || mode == 3; }

/// Ticks since the count was loaded; loading itself takes the tick after the write.
u64 elapsed(const Pit::Channel& c, u64 tick) {
  if (!c.gate && !one_shot(c.mode)) return c.frozen;
  return tick > c.start ? tick - c.start : 0;
}

}  // namespace

bool Pit::Channel::output(u64 tick) const {
  if (!armed) return mode != 0;
  const u64 e = elapsed(*this, tick);
  switch (mode) {
    case 0: return e >= period;
    case 1: return e >= period;
    case 2: return !gate || e % period != period - 1;
    case 3: return !gate || e % period < (period + 1) / 2;
    default: return e != period;
  }
}

u16 Pit::Channel::count(u64 tick) const {
  const u32 full = bcd ? 10000 : 65536;
  u64 value = period;
  if (armed) {
    const u64 e = elapsed(*this, tick);
    if (mode == 2) {
      value = period - e % period;
    } else if (mode == 3) {
      // The count goes down by two, once for each half of the square wave.
      const u64 phase = e % period, high = (period + 1) / 2;
      value = (period & ~1u) - 2 * (phase < high ? phase : phase - high);
    } else {
      value = (full + period - e % full) % full;  // goes on below zero
    }
  }
  value %= full;
  return bcd ? to_bcd(static_cast<u32>(value)) : static_cast<u16>(value);
}

u64 Pit::Channel::rising_edge_after(u64 tick) const {
  if (!armed || (!gate && !one_shot(mode))) return kNoDeadline;
  if (periodic(mode)) {
    if (period == 1) return kNoDeadline;  // never low: illegal in both modes
    const u64 edge = start + (elapsed(*this, tick) / period + 1) * period;
    return edge;
  }
  const u64 edge = start + period + (mode >= 4 ? 1 : 0);
  return edge > tick ? edge : kNoDeadline;
}

/// Brings a count that was written while the channel ran into force once its time has come.
void Pit::settle(Channel& c, u64 now) {
  if (!c.reload || now < c.reload_at) return;
  c.reload = false;
  c.start = c.reload_at;
  c.period = period_of(c);
}

void Pit::load(Channel& c, u64 now) {
  const bool running = c.armed && c.loaded && periodic(c.mode) && c.gate;
  c.loaded = true;
  if (one_shot(c.mode)) {
    if (!c.armed) c.period = period_of(c);  // the next trigger takes it
    return;
  }
  if (running) {
    c.reload = true;
    c.reload_at = c.start + (elapsed(c, now) / c.period + 1) * c.period;
    return;
  }
  c.period = period_of(c);
  c.start = now + 1;
  c.frozen = 0;
  c.armed = true;
}

void Pit::write_count(Channel& c, u8 byte, u64 now) {
  switch (c.access) {
    case 1: c.written = byte; break;
    case 2: c.written = static_cast<u16>(byte << 8); break;
    default:
      if (!c.low_written) {
        c.low_byte = byte;
        c.low_written = true;
        if (c.mode == 0) c.armed = false;  // writing the first byte stops the count
        return;
      }
      c.low_written = false;
      c.written = static_cast<u16>(byte << 8 | c.low_byte);
  }
  load(c, now);
}

void Pit::latch(Channel& c, bool count, bool status, u64 now) {
  if (count && !c.count_latched) {
    c.count_latched = true;
    c.latched_count = c.count(now);
  }
  if (status && !c.status_latched) {
    c.status_latched = true;
    const bool null_count = !c.loaded || c.reload || now < c.start;
    c.latched_status =
        static_cast<u8>(c.output(now) << 7 | null_count << 6 | c.access << 4 | c.mode << 1 | c.bcd);
  }
}

u8 Pit::read_count(Channel& c, u64 now) {
  if (c.status_latched) {
    c.status_latched = false;
    return c.latched_status;
  }
  const u16 value = c.count_latched ? c.latched_count : c.count(now);
  const bool high = c.access == 2 || (c.access == 3 && c.high_next);
  if (c.access == 3) c.high_next = !c.high_next;
  if (c.access != 3 || high) c.count_latched = false;
  return static_cast<u8>(high ? value >> 8 : value);
}

void Pit::control(u8 value, u64 now) {
  const unsigned select = value >> 6;
  if (select == 3) {  // read-back: a clear bit asks for the count, the status
    for (unsigned i = 0; i < 3; ++i)
      if (value & (2u << i)) latch(state_.channel[i], !(value & 0x20), !(value & 0x10), now);
    return;
  }
  Channel& c = state_.channel[select];
  const u8 access = value >> 4 & 3;
  if (!access) return latch(c, true, false, now);
  const u16 count = c.count(now);
  u8 mode = value >> 1 & 7;
  if (mode > 5) mode -= 4;
  c = Channel{.mode = mode,
              .access = access,
              .bcd = (value & 1) != 0,
              .gate = c.gate,
              .written = count,
              .period = count ? count : 65536u};
}

u32 Pit::read(u32 offset, unsigned) {
  if (offset == 3) return 0xFF;  // the control word cannot be read
  const u64 now = tick();
  Channel& c = state_.channel[offset];
  settle(c, now);
  return read_count(c, now);
}

void Pit::write(u32 offset, u32 value, unsigned) {
  const u64 now = tick();
  for (Channel& c : state_.channel) settle(c, now);
  deliver_edges(now);
  if (offset == 3)
    control(static_cast<u8>(value), now);
  else
    write_count(state_.channel[offset], static_cast<u8>(value), now);
  irq_.set(state_.channel[0].output(now));
  reschedule();
}

void Pit::set_gate(unsigned channel, bool level) {
  const u64 now = tick();
  Channel& c = state_.channel[channel];
  settle(c, now);
  if (level == c.gate) return;
  if (!level) {
    c.frozen = elapsed(c, now);
    c.gate = false;
  } else {
    c.gate = true;
    if (c.loaded && (one_shot(c.mode) || periodic(c.mode))) {  // a trigger: count from the start
      c.period = period_of(c);
      c.start = now + 1;
      c.reload = false;
      c.armed = true;
    } else {
      c.start = now - c.frozen;
    }
  }
  if (channel == 0) reschedule();
}

bool Pit::output(unsigned channel) {
  const u64 now = tick();
  settle(state_.channel[channel], now);
  return state_.channel[channel].output(now);
}

/// The low pulse of modes 2, 4 and 5 lasts a tick; the interrupt controller sees only the edge that ends it.
void Pit::deliver_edges(u64 now) {
  Channel& c = state_.channel[0];
  const u64 edge = c.rising_edge_after(state_.seen);
  settle(c, now);
  if (edge <= now) irq_.pulse();
  state_.seen = now;
}

void Pit::advance() {
  const u64 now = tick();
  deliver_edges(now);
  reschedule();
}

void Pit::reschedule() {
  const Channel& c = state_.channel[0];
  u64 edge = c.rising_edge_after(state_.seen);
  if (c.reload && c.reload_at < edge) edge = c.reload_at;
  deadline_ = edge == kNoDeadline ? kNoDeadline : cycle_of_tick(edge, kHz, clock_.hz());
}

void Pit::restore(const State& state) {
  state_ = state;
  reschedule();
}

}  // namespace ringside
