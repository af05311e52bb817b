// A monitor that asks for everything, with arguments that make no sense: calls are refused or carried out,
// and harm nobody.
#include <fmt/format.h>

#include "labs/framework/grade.h"
#include "tests/labs/submission.h"

using namespace ringside;
using namespace ringside::labs;
using namespace ringside::test;

namespace {

/// Speaks the protocol itself. `calls`: what it may ask for without being thrown out at once.
std::string asker(const std::string& calls) {
  return R"(#include <unistd.h>

#include <cstring>

#include "ringside/lab.h"
#include "ringside/wire.h"
using namespace ringside::lab;
namespace {
u32 state = 20260101;
u32 random_word() { return state = state * 1664525 + 1013904223, state >> 8 ^ state << 20; }
u32 argument() {
  const u32 some[] = {0, 1, 3, 4, 512, 4095, 4096, 0x10000, 0xFFFFF, 0x100000, 0x200000, 0x400000, 0x80000000,
                      0xFFBFFFFC, 0xFFC00000, 0xFFFFF000, 0xFFFFFFFF};
  const u32 base = some[random_word() % (sizeof some / 4)];
  return random_word() % 3 ? base : base + random_word() % 8192 - 4096;
}
void all(bool in, void* at, std::size_t bytes) {
  for (char* p = static_cast<char*>(at); bytes;) {
    const ssize_t n = in ? read(3, p, bytes) : write(3, p, bytes);
    if (n <= 0) _exit(0);
    p += n, bytes -= static_cast<std::size_t>(n);
  }
}
struct Asker : Monitor {
  Outcome on(Vm& vm, const Exit&) override {
    const Call calls[] = {)" +
         calls + R"(};
    static char payload[4096];
    for (int i = 0; i < 4000; ++i) {
      Frame f{kMagic, Message::Call, 0, {}, vm.cpu, 0};
      const Call call = calls[random_word() % (sizeof calls / sizeof *calls)];
      f.code = static_cast<u32>(call);
      for (u32& a : f.a) a = argument();
      for (char& c : payload) c = static_cast<char>(random_word() >> 16);
      const u32 words[] = {argument() % 16, argument(), argument(), argument()};
      if (random_word() & 1) std::memcpy(payload, words, sizeof words);
      switch (call) {
        case Call::Read:
        case Call::ReadPhysical: f.a[1] %= 4097; break;
        case Call::Write:
        case Call::WritePhysical: f.a[1] = f.bytes = f.a[1] % 4097; break;
        case Call::ReadEntry: f.a[1] = 4; break;
        case Call::WriteEntry: f.a[1] = f.bytes = 4; break;
        case Call::Standard: f.bytes = 16; break;
        case Call::DiskWrite: f.bytes = 512; break;
        default: break;
      }
      all(false, &f, sizeof f);
      if (f.bytes) all(false, payload, f.bytes);
      all(true, &f, sizeof f);
      if (f.bytes) all(true, payload, f.bytes);
    }
    return {Outcome::Done, 0, false, random_word()};
  }
};
}  // namespace
Monitor* ringside::lab::make_monitor() { return new Asker; }
)";
}

void ask(const std::string& id, const std::string& file, const std::string& calls) {
  const Definition lab = find_lab(id);
  const fs::path folder = submission(lab, "starter", "asker" + id);
  write_file(folder / file, asker(calls));
  const Grade g = grade(lab, {.submissions = {folder}, .patience = 250}).front();
  CHECK(g.points() == 0);
  for (const StepResult& r : g.steps) {
    INFO(r.step->id << ": " << r.reason << g.output);
    if (r.step->id.starts_with("build")) CHECK(r.done);
    CHECK(r.reason.find("the check") == std::string::npos);   // no worker has died
    CHECK(r.reason.find("impossible") == std::string::npos);  // and none was thrown out at once
  }
  fs::remove_all(folder);
}

}  // namespace

TEST_CASE("whatever a hostile monitor asks for, hypercalls harm nobody", "[oracle][labs]") {
  ask("05", "monitor.cpp",
      "Call::Read, Call::Write, Call::ReadPhysical, Call::WritePhysical, Call::FrameType, Call::CheckTable, "
      "Call::ReadEntry, Call::WriteEntry, Call::Invalidate, Call::FlushTlb, Call::ConsoleRing, Call::Block, "
      "Call::Standard, Call::InterruptPending, Call::Now");
}

TEST_CASE("whatever a hostile device asks for, rings harm nobody", "[oracle][labs]") {
  ask("08", "device.cpp",
      "Call::ReadPhysical, Call::WritePhysical, Call::RingQueue, Call::DiskRead, Call::DiskWrite, "
      "Call::Interrupt, Call::DriverBroken, Call::Now");
}
