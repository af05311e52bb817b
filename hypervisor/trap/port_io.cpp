// Port I/O: the real IOPL is 0 and the real TSS permits no port, so every IN, OUT, INS and OUTS arrives here.
// Manual: Intel SDM vol. 1, "Input/Output" (I/O permission bit map).
#include "hypervisor/trap/emulate_privileged.h"
#include "hypervisor/trap/operands.h"

namespace ringside {

bool TrapGuest::check_port(u16 port, u8 size) {
  if (!protected_mode() || (!virtual_8086() && cpl() <= iopl())) return true;
  constexpr u32 kMapOffset = 102, kTss32 = 8;
  if (!virt.tr.usable() || !(virt.tr.access & kTss32) || virt.tr.limit < kMapOffset + 1)
    return raise(vector::GP, 0);
  u16 map;
  if (!read(LinearAddr(virt.tr.base + kMapOffset), map, false)) return false;
  // Two bytes are always read, so that a port number that is not a multiple of 8 is covered.
  const u32 offset = map + port / 8u;
  if (offset + 1 > virt.tr.limit) return raise(vector::GP, 0);
  u16 bits;
  if (!read(LinearAddr(virt.tr.base + offset), bits, false)) return false;
  const u32 mask = ((1u << size) - 1) << port % 8;
  return !(bits & mask) || raise(vector::GP, 0);
}

namespace emulation {
namespace {

/// Longest part of a REP INS or OUTS that one exit carries out, in bytes.
constexpr u32 kMostBytesAtOnce = 4096;

u8 operand_size(const Decoded& d) { return d.opcode & 1 ? (d.operand32 ? 4 : 2) : 1; }

u16 port_of(TrapGuest& g, const Decoded& d) {
  const bool immediate = (d.opcode & 0xF8) == 0xE0;  // E4 to E7
  return static_cast<u16>(immediate ? d.imm & 0xFF : g.real().gpr[EDX]);
}

u32 device_in(TrapGuest& g, u16 port, u8 size) {
  g.host.ledger.count(CostEvent::DeviceAccess);
  return g.host.machine.port_in(port, size);
}

void device_out(TrapGuest& g, u16 port, u32 value, u8 size) {
  g.host.ledger.count(CostEvent::DeviceAccess);
  g.host.machine.port_out(port, value, size);
}

/// One iteration after the other until the count or the patience is exhausted. `transfer(offset)` moves one
/// element.
template <class Transfer>
Outcome repeat(TrapGuest& g, const Decoded& d, Gpr index, Transfer&& transfer) {
  const u32 mask = d.address32 ? ~u32{0} : 0xFFFF;
  const u8 size = operand_size(d);
  auto& r = g.real().gpr;
  auto add = [&](u32& reg, u32 n) { reg = (reg & ~mask) | ((reg + n) & mask); };
  const u32 step = g.real().eflags & eflags::DF ? 0u - size : size;
  for (u32 moved = 0; !d.rep || r[ECX] & mask; moved += size) {
    if (moved >= kMostBytesAtOnce) return Outcome::retry();
    if (!transfer(r[index] & mask)) return finish(g, false, 0);
    add(r[index], step);
    if (!d.rep) break;
    add(r[ECX], ~u32{0});
  }
  return Outcome::advance(d.length);
}

}  // namespace

Outcome in(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  const u8 size = operand_size(d);
  const u16 port = port_of(g, d);
  g.host.ledger.note_detail(port);
  if (!g.check_port(port, size)) return finish(g, false, 0);
  g.host.ledger.count(CostEvent::UserSpaceRoundTrip);
  set_register(g, EAX, size, device_in(g, port, size));
  return Outcome::advance(d.length);
}

Outcome out(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  const u8 size = operand_size(d);
  const u16 port = port_of(g, d);
  g.host.ledger.note_detail(port);
  if (!g.check_port(port, size)) return finish(g, false, 0);
  g.host.ledger.count(CostEvent::UserSpaceRoundTrip);
  const u32 mask = size == 4 ? ~u32{0} : (1u << size * 8) - 1;
  device_out(g, port, g.real().gpr[EAX] & mask, size);
  return Outcome::advance(d.length);
}

Outcome ins(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  const u8 size = operand_size(d);
  const u16 port = static_cast<u16>(g.real().gpr[EDX]);
  g.host.ledger.note_detail(port);
  const bool user = g.cpl() == 3;
  if (!g.check_port(port, size)) return finish(g, false, 0);
  g.host.ledger.count(CostEvent::UserSpaceRoundTrip);
  return repeat(g, d, EDI, [&](u32 offset) {
    LinearAddr a;
    // The destination is checked first: what a device has given up cannot be asked for again.
    if (!g.linear(ES, offset, size, Access::Write, a) || !g.check_writable(a, size, user)) return false;
    const u32 value = device_in(g, port, size);
    return g.write(a, &value, size, user);
  });
}

Outcome outs(TrapGuest& g, const Decoded& d) {
  g.host.ledger.handled_at();
  const u8 size = operand_size(d);
  const u16 port = static_cast<u16>(g.real().gpr[EDX]);
  g.host.ledger.note_detail(port);
  if (!g.check_port(port, size)) return finish(g, false, 0);
  g.host.ledger.count(CostEvent::UserSpaceRoundTrip);
  return repeat(g, d, ESI, [&](u32 offset) {
    LinearAddr a;
    u32 value = 0;
    if (!g.linear(static_cast<Seg>(d.seg), offset, size, Access::Read, a)) return false;
    if (!g.read(a, &value, size, g.cpl() == 3)) return false;
    device_out(g, port, value, size);
    return true;
  });
}

}  // namespace emulation
}  // namespace ringside
