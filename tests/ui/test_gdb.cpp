// The gdb stub: packets in every shape against a real guest, and Debian's gdb itself.
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "tests/debuggee.h"

using namespace ringside;
using namespace ringside::debugger;
using namespace ringside::test;

TEST_CASE("Packets are framed, checked and taken apart") {
  CHECK(frame_packet("OK") == "$OK#9a");
  PacketReader reader;
  reader.feed("+noise$g#67\x03$bad#00$m0");
  using Kind = PacketReader::Item::Kind;
  auto item = reader.next();
  REQUIRE(item);
  CHECK(item->kind == Kind::Packet);
  CHECK(item->data == "g");
  CHECK(reader.next()->kind == Kind::Interrupt);
  CHECK(reader.next()->kind == Kind::BadChecksum);
  CHECK_FALSE(reader.next());  // the rest has not arrived yet
  const std::string binary = "a$b#c}d*e";
  reader = {};
  reader.feed(frame_packet(binary));
  CHECK(reader.next()->data == binary);
  reader = {};
  reader.feed("$" + std::string(2 * kLargestPacket, 'x'));
  CHECK(reader.next()->kind == Kind::BadChecksum);
}

TEST_CASE("Breakpoints, steps and memory show the guest its own state in every mode") {
  const Mode mode = GENERATE(Mode::Native, Mode::Trap, Mode::Para, Mode::Hvm);
  Debuggee d(mode);
  INFO("mode " << name(mode));
  REQUIRE(d.lane.available());
  const u32 at = d.symbol("process_fork");
  CHECK(d.target.answer(fmt::format("Z0,{:x},1", at)) == "OK");
  CHECK(d.target.answer("c") == "S05");
  CHECK(d.reg(kGdbEip) == at);
  if (mode == Mode::Trap) CHECK(d.reg(kGdbCs) == 0x08);  // it runs in ring 1 and believes in ring 0
  std::array<u8, 4> code{};
  REQUIRE(d.lane.peek(at, code) == code.size());
  CHECK(d.target.answer(fmt::format("m{:x},4", at)) ==
        to_hex({reinterpret_cast<const char*>(code.data()), code.size()}));
  FpuState& fpu = d.lane.vm()->host().cpu.fpu();
  CHECK(d.target.answer("p18") ==
        fmt::format("{:02x}{:02x}0000", fpu.control & 255, fpu.control >> 8));  // fctrl
  fpu.registers[fpu.physical(1)] = {u64{1} << 63, 0x3FFF};
  CHECK(d.target.answer("p11") == "0000000000000080ff3f");  // st1
  const u64 here = d.lane.instructions();
  CHECK(d.target.answer("s") == "S05");
  CHECK(d.lane.instructions() == here + 1);
  CHECK(d.target.answer("bs") == "S05");
  CHECK(d.lane.instructions() == here);
  CHECK(d.reg(kGdbEip) == at);
  CHECK(d.target.answer(fmt::format("z0,{:x},1", at)) == "OK");
  CHECK(d.target.answer("c") == "W00");
}

TEST_CASE("Watchpoints stop at the write, and reverse-continue goes back to the last stop, in every mode") {
  const Mode mode = GENERATE(Mode::Native, Mode::Trap, Mode::Para, Mode::Hvm);
  Debuggee d(mode);
  INFO("mode " << name(mode));
  const u32 fork = d.symbol("process_fork");
  REQUIRE(d.target.answer(fmt::format("Z0,{:x},1", fork)) == "OK");
  REQUIRE(d.target.answer("c") == "S05");
  const u64 at_fork = d.lane.instructions();
  const u32 below_stack = d.reg(kGdbEsp) - 4;  // what the function pushes first
  std::array<u8, 4> before{}, after{};
  REQUIRE(d.lane.peek(below_stack, before) == before.size());
  REQUIRE(d.target.answer(fmt::format("Z2,{:x},4", below_stack)) == "OK");
  const std::string stop = d.target.answer("c");
  CHECK(stop == fmt::format("T05watch:{:x};", below_stack));
  CHECK(d.lane.instructions() > at_fork);
  CHECK(d.lane.instructions() < at_fork + 100'000);
  REQUIRE(d.target.answer(fmt::format("z2,{:x},4", below_stack)) == "OK");
  REQUIRE(d.target.answer("s") == "S05");
  CHECK(d.target.answer("bc") == "S05");
  CHECK(d.lane.instructions() == at_fork);
  CHECK(d.reg(kGdbEip) == fork);
  REQUIRE(d.lane.peek(below_stack, after) == after.size());
  CHECK(after == before);  // memory has gone back, too
  REQUIRE(d.target.answer(fmt::format("z0,{:x},1", fork)) == "OK");
  CHECK(d.target.answer("bc") == "T05replaylog:begin;");
  CHECK(d.lane.instructions() == 0);
}

TEST_CASE("No packet is too strange") {
  Debuggee d(Mode::Native);
  for (const char* packet : {"",
                             "g1",
                             "p",
                             "pzz",
                             "pffffffff",
                             "P",
                             "P0",
                             "P0=zz",
                             "P99=00000000",
                             "m",
                             "m0",
                             "m,",
                             "mffffffff,10",
                             "m0,ffffffffffff",
                             "M0,4:zz",
                             "M0,4:00",
                             "Mfffffffe,4:00000000",
                             "Z",
                             "Z9,0,0",
                             "Z0,",
                             "z2,x,y",
                             "G00",
                             "q",
                             "qXfer:features:read:target.xml:0,zz",
                             "qXfer:features:read:target.xml:ffff,10",
                             "vCont;x",
                             "b",
                             "bx",
                             "\x01"}) {
    INFO(packet);
    const std::string answer = d.target.answer(packet);
    CHECK((answer.empty() || answer[0] == 'E' || answer == "l" || answer.size() >= 2));
  }
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string packet(random() % 24, ' ');
    for (char& c : packet) c = static_cast<char>(random() % 96 + 32);
    if (packet.find_first_of("cskDb") == 0 || packet.starts_with("vCont"))
      continue;  // these let the guest run
    d.target.answer(packet);
  }
  CHECK(d.lane.instructions() == 0);
}

#if defined(RINGSIDE_PROGRAM)
TEST_CASE("Debian's gdb debugs the kernel under trap-and-emulate, backwards too", "[oracle]") {
  if (std::system("command -v gdb >/dev/null") != 0) {
    WARN("[SKIPPED] gdb is not installed");
    return;
  }
  const std::string log = fmt::format("{}/gdb-test.log", RINGSIDE_BINARY_DIR);
  const std::string script = fmt::format(
      "port=$(mktemp); timeout 60 '{0}' run kernel -append 'run=echo x' --mode trap -gdb tcp::0 2>$port "
      ">/dev/null & "
      "for i in $(seq 100); do grep -q localhost $port && break; sleep 0.1; done; "
      "timeout 60 gdb -nx -batch -ex \"target remote $(grep -o 'localhost:[0-9]*' $port)\" -ex 'break "
      "process_fork' -ex c "
      "-ex stepi -ex reverse-stepi -ex 'info registers eip' -ex delete -ex c '{1}/guests/kernel.elf' >'{2}' "
      "2>&1; wait; rm $port",
      RINGSIDE_PROGRAM, RINGSIDE_BINARY_DIR, log);
  REQUIRE(std::system(("bash -c \"" +
                       [&] {
                         std::string quoted;
                         for (char c : script)
                           quoted += (c == '"' || c == '$' || c == '\\') ? std::string("\\") + c
                                                                         : std::string(1, c);
                         return quoted;
                       }() +
                       "\"")
                          .c_str()) == 0);
  std::FILE* file = std::fopen(log.c_str(), "r");
  REQUIRE(file);
  std::string text(16384, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  INFO(text);
  CHECK(text.find("process_fork (frame=") != std::string::npos);
  CHECK(text.find("<process_fork>") != std::string::npos);
  CHECK(text.find("exited normally") != std::string::npos);
}
#endif
