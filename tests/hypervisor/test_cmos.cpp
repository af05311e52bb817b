#include "tests/catch.h"
#include "tests/hypervisor/device_fixture.h"

using namespace ringside;

namespace {
struct Rtc : TestMachine {
  explicit Rtc(u64 ram = 4u << 20) : TestMachine({}, ram) { start_interrupt_controllers(3); }
  u8 get(u8 r) {
    out(0x70, r);
    return in(0x71);
  }
  void set(u8 r, u8 v) {
    out(0x70, r);
    out(0x71, v);
  }
  std::string when() {
    char text[32];
    std::snprintf(text, sizeof text, "%02x%02x-%02x-%02x %02x:%02x:%02x", get(0x32), get(9), get(8), get(7),
                  get(4), get(2), get(0));
    return text;
  }
  void seconds(u64 n) { wait(n * clock.hz()); }
};
}  // namespace

TEST_CASE("The date at power-on is fixed and goes with simulated time", "[devices]") {
  Rtc r;
  CHECK(r.when() == "2024-01-01 00:00:00");
  CHECK(r.get(6) == 2);  // Monday
  r.seconds(59 * 86400 + 3723);
  CHECK(r.when() == "2024-02-29 01:02:03");
  r.set(0x0B, 0x82);  // SET: the time stands
  r.set(9, 0x99);
  r.set(0x32, 0x19);
  r.set(8, 0x12);
  r.set(7, 0x31);
  r.set(4, 0x23);
  r.set(2, 0x59);
  r.set(0, 0x58);
  r.seconds(10);
  CHECK(r.when() == "1999-12-31 23:59:58");
  r.set(0x0B, 0x02);
  r.seconds(3);
  CHECK(r.when() == "2000-01-01 00:00:01");
}

TEST_CASE("Binary and 12-hour forms", "[devices]") {
  Rtc r;
  r.seconds(13 * 3600 + 45 * 60);
  r.set(0x0B, 0x06);
  CHECK(r.get(4) == 13);
  CHECK(r.get(2) == 45);
  r.set(0x0B, 0x00);
  CHECK(r.get(4) == 0x81);
  CHECK(r.get(2) == 0x45);
}

TEST_CASE("Interrupts of the clock", "[devices]") {
  struct Row {
    const char* name;
    u8 a, b, flag;
    u64 first_ns, second_ns;
  };
  const Row rows[] = {
      {"periodic, 1024 Hz", 0x26, 0x42, 0x40, 976563, 976562},
      {"periodic, 2 Hz", 0x2F, 0x42, 0x40, 500000000, 500000000},
      {"update", 0x26, 0x12, 0x10, 1000000000, 1000000000},
  };
  for (const Row& row : rows) {
    Rtc r;
    INFO(row.name);
    r.set(0x0A, row.a);
    r.set(0x0B, row.b);
    r.get(0x0C);
    r.wait(row.first_ns - 1);
    CHECK_FALSE(r.machine.interrupt_pending());
    r.wait(1);
    REQUIRE(r.machine.interrupt_pending());
    CHECK(r.machine.acknowledge_interrupt() == 0x28);
    const u8 c = r.get(0x0C);
    CHECK((c & 0x80) != 0);
    CHECK((c & row.flag) != 0);
    CHECK(r.get(0x0C) == 0);
    r.wait(row.second_ns);
    CHECK(r.machine.interrupt_pending());
  }
}

TEST_CASE("The alarm rings at its time", "[devices]") {
  Rtc r;
  r.set(1, 0x05);
  r.set(3, 0x01);
  r.set(5, 0xFF);  // any hour
  r.set(0x0B, 0x22);
  r.seconds(64);
  CHECK_FALSE(r.machine.interrupt_pending());
  r.seconds(1);
  CHECK(r.machine.interrupt_pending());
}

TEST_CASE("Memory sizes as firmware reports them", "[devices]") {
  struct Row {
    u64 mib;
    unsigned base_kib, extended_kib, above_16_64k;
  };
  for (const Row& row : {Row{4, 640, 3072, 0}, Row{32, 640, 31744, 256}, Row{128, 640, 65535, 1792}}) {
    Rtc r(row.mib << 20);
    INFO(row.mib);
    CHECK((r.get(0x15) | r.get(0x16) << 8) == static_cast<int>(row.base_kib));
    CHECK((r.get(0x30) | r.get(0x31) << 8) == static_cast<int>(row.extended_kib));
    CHECK((r.get(0x34) | r.get(0x35) << 8) == static_cast<int>(row.above_16_64k));
  }
}
