// The driver's side of a LANCE, for tests: rings of four descriptors in the memory of a TestMachine, to be
// used or abused.
#pragma once

#include "hypervisor/abi/lance.h"
#include "hypervisor/network/port.h"
#include "tests/hypervisor/device_fixture.h"

namespace ringside {

struct LanceDriver {
  static constexpr u32 kInit = 0x8000, kReceive = 0x9000, kTransmit = 0xA000, kBuffers = 0x40000,
                       kBufferBytes = 2048, kSize = 4;

  explicit LanceDriver(TestMachine& m) : m(m) { start(kReceive, kTransmit); }

  void start(u32 receive, u32 transmit) {
    set(0, RS_LANCE_STOP);
    for (const u32 ring : {kReceive, kTransmit})
      for (u32 i = 0; i < kSize; ++i) describe(ring, i, 0, 0, 0);
    rs_lance_init_block block{};
    for (u32 i = 0; i < 6; ++i) block.address[i] = prom(i);
    constexpr u32 kLog2 = 2u << 29;
    block.receive_ring = receive | kLog2;
    block.transmit_ring = transmit | kLog2;
    m.machine.ram().write(GuestPhys(kInit), block);
    set(1, kInit & 0xFFFF);
    set(2, kInit >> 16);
    set(0, RS_LANCE_INIT);
    set(0, RS_LANCE_IDON | RS_LANCE_STRT);
  }

  u8 prom(u32 i) { return static_cast<u8>(m.machine.port_in(static_cast<u16>(RS_LANCE_PORTS + i), 1)); }
  template <class T>
  void put(u32 address, const T& value) {
    m.machine.ram().write(GuestPhys(address), value);
  }
  void set(u16 csr, u32 value) {
    m.machine.port_out(RS_LANCE_PORTS + RS_LANCE_SELECT, csr, 2);
    m.machine.port_out(RS_LANCE_PORTS + RS_LANCE_DATA, value, 2);
  }
  u16 csr0() {
    m.machine.port_out(RS_LANCE_PORTS + RS_LANCE_SELECT, 0, 2);
    return static_cast<u16>(m.machine.port_in(RS_LANCE_PORTS + RS_LANCE_DATA, 2));
  }

  void describe(u32 ring, u32 i, u32 data, u32 bytes, u8 flags) {
    m.machine.ram().write(GuestPhys(ring + 8 * i),
                          rs_lance_descriptor{static_cast<u16>(data), static_cast<u8>(data >> 16), flags,
                                              static_cast<u16>(0u - bytes), 0});
  }
  rs_lance_descriptor descriptor(u32 ring, u32 i) {
    return m.machine.ram().read<rs_lance_descriptor>(GuestPhys(ring + 8 * i)).value();
  }
  void buffer(u32 i, u32 bytes) { describe(kReceive, i, kBuffers + i * kBufferBytes, bytes, RS_LANCE_OWN); }
  /// Part of a frame in transmit descriptor `i`.
  void part(u32 i, const Frame& bytes, u8 flags) {
    const u32 at = kBuffers + (kSize + i) * kBufferBytes;
    for (u32 n = 0; n < bytes.size(); ++n) m.machine.ram().write(GuestPhys(at + n), bytes[n]);
    describe(kTransmit, i, at, static_cast<u32>(bytes.size()), static_cast<u8>(flags | RS_LANCE_OWN));
  }
  void frame(u32 i, const Frame& bytes) { part(i, bytes, RS_LANCE_FIRST | RS_LANCE_LAST); }

  TestMachine& m;
};

}  // namespace ringside
