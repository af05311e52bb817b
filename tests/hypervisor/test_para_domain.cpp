// The domain builder: what a paravirtual guest finds when it starts, and images that cannot be started.
#include "cpu/host_error.h"
#include "hypervisor/para/descriptors.h"
#include "tests/hypervisor/para_guest.h"

namespace ringside::test {
namespace {

TEST_CASE("start info describes the domain", "[para][domain]") {
  ParaGuest g(counting_disk(64));
  const auto info = g.peek<rs_start_info>(g.cpu().gpr[ESI]);
  CHECK(std::string(info.magic) == RS_START_MAGIC);
  CHECK(info.ram_pages == ParaGuest::kRam / kPageSize);
  CHECK(info.disk_sectors == 64);
  CHECK(std::string(info.command_line) == "made=up");
  CHECK(info.page_table_pages == 3);
  CHECK(info.machine_to_guest == RS_MONITOR_BASE);
  CHECK(info.machine_frames == g.host.memory.size() / kPageSize);
  CHECK(info.first_free_page * kPageSize == g.layout().first_free.value);
  CHECK(g.audit() == "");

  SECTION("frame list and machine-to-guest table are inverse") {
    for (u32 page : {0u, 1u, 777u, info.ram_pages - 1}) {
      const u32 machine = g.peek<u32>(info.frame_list + page * 4);
      CHECK(machine == g.machine_frame(kVirtBase + page * kPageSize));
      const auto entry = g.domain().memory.translate(LinearAddr(info.machine_to_guest + machine * 4));
      REQUIRE(entry);
      u32 back;
      std::memcpy(&back, g.host.memory.at(*entry, 4), 4);
      CHECK(back == page);
    }
  }
  SECTION("all RAM is mapped, paging structures read-only") {
    for (u32 page = 0; page < info.ram_pages; ++page) {
      const u32 linear = kVirtBase + page * kPageSize;
      const bool structure = linear >= info.page_directory && linear < info.page_directory + 3 * kPageSize;
      const u32 word = g.peek<u32>(linear);
      CHECK(g.domain().memory.write(LinearAddr(linear), &word, 4) == !structure);
    }
  }
}

TEST_CASE("the guest starts in ring 1 with events held off", "[para][domain]") {
  ParaGuest g;
  const CpuState& s = g.cpu();
  CHECK(s.cpl() == 1);
  CHECK(s.seg[CS].selector == RS_KERNEL_CS);
  CHECK(s.seg[SS].limit == RS_SEGMENT_END - 1);
  CHECK(s.eip == kEntry);
  CHECK((s.eflags & (eflags::IF | eflags::IOPL)) == eflags::IF);
  CHECK(g.host.cpu.deprivileged());
  CHECK(g.shared().upcall_mask == 1);
  CHECK((g.monitor.virtual_state().eflags & eflags::IF) == 0);
  u32 word = 1;
  CHECK(g.domain().memory.write(LinearAddr(s.gpr[ESP] - 4), &word, 4));
}

TEST_CASE("the hypercall page calls", "[para][domain]") {
  ParaGuest g;
  for (u32 n : {0u, 5u, u32{RS_HC_IRET}, 13u}) {
    u32 at = kHypercallPage + n * RS_HC_STUB_BYTES;
    if (n == RS_HC_IRET) CHECK(g.peek<u8>(at++) == 0x50);
    CHECK(g.peek<u8>(at) == 0xB8);
    CHECK(g.peek<u32>(at + 1) == n);
    CHECK(g.peek<u16>(at + 5) == 0x82CD);
    CHECK(g.peek<u8>(at + 7) == 0xC3);
  }
}

TEST_CASE("a long command line is cut, not overrun", "[para][domain]") {
  const Image image = para_image();
  Host host(para_host(4 << 20));
  ParaMonitor monitor(host, nullptr);
  monitor.boot(image, std::string(5000, 'x'));
  const auto info = monitor.domain().memory.read<rs_start_info>(LinearAddr(host.cpu.state().gpr[ESI]));
  REQUIRE(info);
  CHECK(info->command_line[510] == 'x');
  CHECK(info->command_line[511] == 0);
}

TEST_CASE("images that cannot be a paravirtual guest", "[para][domain]") {
  struct Case {
    const char* message;
    u64 ram;
    void (*spoil)(Image&);
  };
  const Case cases[] = {
      {"has no paravirtual build; give one with --pv-kernel", 8 << 20,
       [](Image& i) { i.paravirtual.reset(); }},
      {"multiple of 4 MiB", 8 << 20, [](Image& i) { i.paravirtual->virt_base += 0x1000; }},
      {"run into the monitor's area", 8 << 20, [](Image& i) { i.paravirtual->virt_base = 0xFF800000; }},
      {"run into the monitor's area", 8 << 20, [](Image& i) { i.paravirtual->virt_base = 0xFFC00000; }},
      {"hypercall page", 8 << 20, [](Image& i) { i.paravirtual->hypercall_page += 4; }},
      {"hypercall page", 8 << 20, [](Image& i) { i.paravirtual->hypercall_page = 0x1000; }},
      {"hypercall page", 8 << 20, [](Image& i) { i.paravirtual->hypercall_page = kVirtBase + (8 << 20); }},
      {"is not linked at base", 8 << 20, [](Image& i) { i.segments[0].linear += 0x1000; }},
      {"does not fit", 1 << 20, [](Image& i) { i.paravirtual->hypercall_page = kVirtBase; }},
      {"does not fit", 8 << 20, [](Image& i) { i.segments[0].memory_bytes = 0xFFFFFFFF; }},
      {"to start and the machine has", (1 << 20) + 0x3000, [](Image&) {}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.message);
    Image image = para_image();
    c.spoil(image);
    Host host(para_host(c.ram));
    ParaMonitor monitor(host, nullptr);
    CHECK_THROWS_WITH(monitor.boot(image, ""), contains(c.message));
  }
}

TEST_CASE("a descriptor never gives more than ring 1", "[para][descriptors]") {
  using para::validate_descriptor;
  constexpr u32 kCode1 = 0x00C0BA00, kData1 = 0x00C0B200, kData3 = 0x00C0F200;
  struct Case {
    const char* what;
    u32 low, high;
    para::Status expected;
    u32 limit;  // afterwards
  };
  const Case cases[] = {
      {"flat ring-1 data", 0xFFFF, kData1 | 0xF0000, 0, RS_SEGMENT_END - 1},
      {"flat ring-3 data", 0xFFFF, kData3 | 0xF0000, 0, RS_SEGMENT_END - 1},
      {"a small segment is left alone", 0x0FFF, 0x0040B200, 0, 0xFFF},
      {"not present: never loaded", 0xFFFFFFFF, 0xFFFF0000, 0, 0xFFFFFFFF},
      {"base just below the end", 0xFFFF0000 | 0xFFFF, 0xFFC0B2EF | 0xF0000, 0, 0},
      {"ring 0 data", 0xFFFF, 0x00CF9200, -RS_EINVAL, 0},
      {"ring 0 code", 0xFFFF, 0x00CF9A00, -RS_EINVAL, 0},
      {"conforming code", 0xFFFF, kCode1 | 0x400, -RS_EINVAL, 0},
      {"expand-down data", 0xFFFF, kData1 | 0x400, -RS_EINVAL, 0},
      {"call gate", 0x00080000, 0x0000EC00, -RS_EINVAL, 0},
      {"task gate", 0x00080000, 0x0000E500, -RS_EINVAL, 0},
      {"TSS", 0xFFFF, 0x0000E900, -RS_EINVAL, 0},
      {"LDT", 0xFFFF, 0x0000E200, -RS_EINVAL, 0},
      {"base at the end", 0x0000FFFF, 0xFFC0B2F0, -RS_EINVAL, 0},
      {"base at the top", 0xFFFFFFFF, 0xFFC0B2FF, -RS_EINVAL, 0},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Descriptor d{c.low, c.high};
    CHECK(validate_descriptor(d) == c.expected);
    if (c.expected) continue;
    if (!d.present()) continue;
    CHECK(d.limit() == c.limit);
    CHECK(u64{d.base()} + d.limit() < RS_SEGMENT_END);
  }
  // Any base: the segment ends before the monitor's tables, whatever limit was asked for.
  for (u64 base = 0; base < RS_SEGMENT_END; base += 0x10FFF1) {
    Descriptor d{static_cast<u32>(base << 16) | 0xFFFF, kData1 | 0xF0000 |
                                                            (static_cast<u32>(base) & 0xFF000000) |
                                                            (static_cast<u32>(base) >> 16 & 0xFF)};
    REQUIRE(validate_descriptor(d) == 0);
    REQUIRE(u64{d.base()} + d.limit() < RS_SEGMENT_END);
    REQUIRE(d.base() == base);
  }
}

}  // namespace
}  // namespace ringside::test
