// The ring devices: what a driver gets that keeps the rules, and what happens to one that does not.
#include <functional>

#include "hypervisor/hvm/io_mmu.h"
#include "tests/catch.h"
#include "tests/hypervisor/ring_driver.h"

using namespace ringside;

namespace {

std::shared_ptr<BlockBackend> numbered_disk(u32 sectors) {
  std::vector<u8> bytes(sectors * kSectorBytes);
  for (u32 i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<u8>(i / kSectorBytes + 1);
  return make_memory_disk(bytes);
}

MachineConfig with_disk() { return {.disk = numbered_disk(64)}; }

}  // namespace

TEST_CASE("a ring disk reads, writes and says when it is done") {
  TestMachine m(with_disk());
  RingDriver d(m, RS_VIRTIO_BLOCK);
  CHECK(d.get(RS_VIRTIO_REG_CONFIG) == 64);
  d.block_request(0, RS_VIRTIO_BLOCK_IN, 5, 1024);
  d.offer(0);
  d.notify();
  CHECK(d.used() == 0);  // the disk takes its time
  m.wait_microseconds(4);
  CHECK(d.used() == 0);
  m.wait_microseconds(3);
  REQUIRE(d.used() == 1);
  CHECK(d.look<u8>(RingDriver::kStatus) == RS_VIRTIO_BLOCK_OK);
  CHECK(d.look<u8>(RingDriver::kData) == 6);
  CHECK(d.look<u8>(RingDriver::kData + 1023) == 7);
  CHECK(d.look<rs_vring_used_element>(RingDriver::kUsed + 4).length == 1025);
  CHECK(d.get(RS_VIRTIO_REG_INTERRUPT_STATUS) == RS_VIRTIO_INTERRUPT_RING);
  d.set(RS_VIRTIO_REG_INTERRUPT_ACK, RS_VIRTIO_INTERRUPT_RING);
  CHECK(d.get(RS_VIRTIO_REG_INTERRUPT_STATUS) == 0);

  d.put(RingDriver::kData, u8{0xAB});
  d.block_request(0, RS_VIRTIO_BLOCK_OUT, 7, 512);
  d.offer(0);
  d.notify();
  d.block_request(3, RS_VIRTIO_BLOCK_IN, 7, 512);
  m.wait_microseconds(10);
  d.put(RingDriver::kData, u8{0});
  d.offer(3);
  d.notify();
  m.wait_microseconds(10);
  CHECK(d.used() == 3);
  CHECK(d.look<u8>(RingDriver::kData) == 0xAB);
}

TEST_CASE("what a ring disk cannot do ends in the request's status, not in the device's") {
  const struct {
    u32 type;
    u64 sector;
    u32 bytes;
    u8 status;
  } rows[] = {{RS_VIRTIO_BLOCK_IN, 64, 512, RS_VIRTIO_BLOCK_IOERR},
              {RS_VIRTIO_BLOCK_IN, 63, 1024, RS_VIRTIO_BLOCK_IOERR},
              {RS_VIRTIO_BLOCK_IN, ~u64{0}, 512, RS_VIRTIO_BLOCK_IOERR},
              {RS_VIRTIO_BLOCK_IN, 0, 100, RS_VIRTIO_BLOCK_IOERR},
              {99, 0, 512, RS_VIRTIO_BLOCK_UNSUPPORTED},
              {RS_VIRTIO_BLOCK_FLUSH, 0, 512, RS_VIRTIO_BLOCK_OK}};
  for (const auto& row : rows) {
    TestMachine m(with_disk());
    RingDriver d(m, RS_VIRTIO_BLOCK);
    d.block_request(0, row.type, row.sector, row.bytes);
    d.offer(0);
    d.notify();
    m.wait_microseconds(20);
    INFO(row.type << " at " << row.sector);
    CHECK(d.used() == 1);
    CHECK(d.look<u8>(RingDriver::kStatus) == row.status);
    CHECK_FALSE(d.needs_reset());
  }
}

TEST_CASE("many requests cost one notification, and as many interrupts as the driver asks for") {
  TestMachine m(with_disk());
  RingDriver d(m, RS_VIRTIO_BLOCK);
  VirtioBlock& disk = m.devices().virtio_block;
  for (u16 i = 0; i < 5; ++i) {
    d.block_request(0, RS_VIRTIO_BLOCK_IN, i, 512);
    d.offer(0);  // the same chain five times: the device only reads it
  }
  d.interrupt_after(4);  // the fifth
  d.notify();
  m.wait_microseconds(100);
  CHECK(d.used() == 5);
  CHECK(disk.state().transport.notifications == 1);
  CHECK(disk.state().transport.interrupts == 1);
  CHECK(disk.requests() == 5);
  CHECK(d.wants_notification_after() == 5);
}

TEST_CASE("a polled ring needs no notification and asks for none") {
  TestMachine m(with_disk());
  RingDriver d(m, RS_VIRTIO_BLOCK);
  d.set(RS_VIRTIO_REG_POLL, 3);
  CHECK(d.look<u16>(RingDriver::kUsed) == RS_VRING_USED_NO_NOTIFY);
  d.interrupt_after(0x7FFF);
  d.block_request(0, RS_VIRTIO_BLOCK_IN, 1, 512);
  d.offer(0);
  m.wait_microseconds(20);
  CHECK(d.used() == 1);
  CHECK(m.devices().virtio_block.state().transport.notifications == 0);
  CHECK(m.devices().virtio_block.state().transport.interrupts == 0);
}

TEST_CASE("the ring console prints, and takes what is typed") {
  TestMachine m;
  RingDriver out(m, RS_VIRTIO_CONSOLE, 1);
  out.put(RingDriver::kData, *reinterpret_cast<const u64*>("Hello, w"));
  out.describe(0, RingDriver::kData, 5, 0);
  out.offer(0);
  out.notify(1);
  CHECK(m.machine.console() == "Hello");
  CHECK(out.used() == 1);

  TestMachine typed({.console_input = "ls\nps\n"});
  RingDriver in(typed, RS_VIRTIO_CONSOLE, 0);
  in.describe(0, RingDriver::kData, 4, RS_VRING_WRITE);
  in.describe(1, RingDriver::kData + 4, 4, RS_VRING_WRITE);
  in.offer(0);
  in.notify(0);
  CHECK(in.used() == 1);
  CHECK(in.look<u32>(RingDriver::kData) == 0x700A736C);  // "ls\np"
  in.offer(1);
  in.notify(0);
  CHECK(in.look<u16>(RingDriver::kData + 4) == 0x0A73);
  CHECK_FALSE(typed.machine.console_input_waiting());
}

// ---- drivers that break the rules

TEST_CASE("a hostile ring is refused, reported, and hurts nobody") {
  constexpr u32 kDesc = RingDriver::kDescriptors;
  const struct {
    const char* what;
    const char* reported;
    std::function<void(RingDriver&)> abuse;
  } rows[] = {
      {"a chain that loops", "loops",
       [](RingDriver& d) {
         d.describe(1, kDesc, 1, RS_VRING_NEXT, 2);
         d.describe(2, kDesc, 1, RS_VRING_NEXT, 0);
       }},
      {"a descriptor beyond the table", "descriptor 200",
       [](RingDriver& d) { d.describe(0, RingDriver::kHeader, 16, RS_VRING_NEXT, 200); }},
      {"a head beyond the table", "descriptor 999",
       [](RingDriver& d) { d.put(RingDriver::kAvailable + 4, u16{999}); }},
      {"a length that wraps", "wraps",
       [](RingDriver& d) { d.describe(1, ~u64{0} - 10, 512, RS_VRING_WRITE); }},
      {"more bytes than any request has", "bytes",
       [](RingDriver& d) { d.describe(1, RingDriver::kData, ~u32{0}, RS_VRING_WRITE); }},
      {"an index that jumps", "jumped", [](RingDriver& d) { d.put(RingDriver::kAvailable + 2, u16{500}); }},
      {"an indirect descriptor", "indirect",
       [](RingDriver& d) { d.describe(0, kDesc, 16, RS_VRING_INDIRECT); }},
      {"reading after writing", "read after",
       [](RingDriver& d) { d.describe(0, RingDriver::kHeader, 16, RS_VRING_NEXT | RS_VRING_WRITE, 1); }},
  };
  for (const auto& row : rows) {
    INFO(row.what);
    TestMachine m(with_disk());
    RingDriver d(m, RS_VIRTIO_BLOCK);
    d.block_request(0, RS_VIRTIO_BLOCK_IN, 0, 512);
    // For "reading after writing" the second piece must be one to read.
    if (std::string_view(row.what) == "reading after writing")
      d.describe(1, RingDriver::kData, 512, RS_VRING_NEXT, 2);
    d.offer(0);
    row.abuse(d);
    d.notify();
    m.wait_microseconds(100);
    CHECK(d.needs_reset());
    CHECK(m.devices().virtio_block.error().find(row.reported) != std::string::npos);
    CHECK(d.get(RS_VIRTIO_REG_INTERRUPT_STATUS) == RS_VIRTIO_INTERRUPT_CONFIG);
    CHECK(d.used() == 0);
    d.offer(0);
    d.notify();  // nothing more is taken
    m.wait_microseconds(100);
    CHECK(d.used() == 0);
    // A reset makes the device whole.
    RingDriver again(m, RS_VIRTIO_BLOCK);
    CHECK_FALSE(again.needs_reset());
    again.block_request(0, RS_VIRTIO_BLOCK_IN, 0, 512);
    again.offer(0);
    again.notify();
    m.wait_microseconds(100);
    CHECK(again.look<u8>(RingDriver::kStatus) == RS_VIRTIO_BLOCK_OK);
  }
}

TEST_CASE("rings and data outside the guest's memory are refused") {
  for (const u32 ring : {RS_VIRTIO_REG_QUEUE_DESC, RS_VIRTIO_REG_QUEUE_DRIVER, RS_VIRTIO_REG_QUEUE_DEVICE}) {
    TestMachine m(with_disk());
    RingDriver d(m, RS_VIRTIO_BLOCK);
    d.set(RS_VIRTIO_REG_QUEUE_READY, 0);
    d.set(ring, 0xFFFFFFF0);
    d.set(ring + 4, 0xFFFFFFFF);
    d.set(RS_VIRTIO_REG_QUEUE_READY, 1);
    d.block_request(0, RS_VIRTIO_BLOCK_IN, 0, 512);
    d.offer(0);
    d.notify();
    m.wait_microseconds(100);
    INFO(ring);
    CHECK(d.needs_reset());
  }
  TestMachine m(with_disk());
  RingDriver d(m, RS_VIRTIO_BLOCK);
  d.block_request(0, RS_VIRTIO_BLOCK_IN, 0, 512);
  d.describe(1, m.machine.ram().size() - 256, 512, RS_VRING_NEXT | RS_VRING_WRITE, 2);
  d.offer(0);
  d.notify();
  m.wait_microseconds(100);
  CHECK(d.look<u8>(RingDriver::kStatus) == RS_VIRTIO_BLOCK_IOERR);
}

TEST_CASE("the I/O-MMU lets a device reach what its table permits") {
  MachineMemory memory(8u << 20);
  FramePool frames(memory, MachinePhys(0), 1u << 20);
  const GuestMemory ram(memory, MachinePhys(4u << 20), 4u << 20);
  IoMmu mmu(memory, frames, ram);
  CHECK(mmu.permits(GuestPhys(0x1FF0), 0x2020, true));
  CHECK(mmu.references() == 4 * 4);  // four pages, four levels
  CHECK_FALSE(mmu.permits(GuestPhys((4u << 20) - 4), 8, false));
  CHECK_FALSE(mmu.permits(GuestPhys(~u64{0} - 3), 8, false));
  CHECK(mmu.refused() == 2);
  mmu.protect(GuestPhys(0x3000), ept::R);
  CHECK(mmu.permits(GuestPhys(0x3000), 16, false));
  CHECK_FALSE(mmu.permits(GuestPhys(0x2FF8), 16, true));
  CHECK(mmu.last_fault() == "a device may not write guest-physical 3000h");
}
