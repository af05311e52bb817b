// What is said of a guest that dies, hangs or waits for a device that is not there: small guests that do just
// that, in every simulated technique that starts in protected mode.
#include "ui/model/diagnosis.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "guests/builtin.h"
#include "hypervisor/accounting/run_report.h"
#include "tests/catch.h"
#include "tests/ui/run_program.h"

using namespace ringside;
using namespace ringside::model;
using ringside::test::contains;

namespace {

constexpr u32 kStart = 0x100000;

Image flat(std::vector<u8> code) {
  code.resize(std::max<std::size_t>(code.size(), 1024));
  Image image = parse_image("test", code);
  image.symbols = {{kStart, 0x40, "start"}};
  return image;
}

struct Dead {
  Dead(const Image& image, Mode mode, SensitiveInstructions sensitive = SensitiveInstructions::Trap,
       const std::string& command_line = {})
      : vm(image, config(mode, sensitive, command_line)) {
    trail.follow(vm);
    ending = vm.run({.instructions = 20'000'000});
    diagnosis = diagnose(vm, trail);
    report = make_report(vm, 0);
    diagnosis.loop = short_loop(vm);
    text = diagnosis_text(diagnosis);
  }
  static VmConfig config(Mode mode, SensitiveInstructions sensitive, const std::string& command_line) {
    VmConfig c;
    c.mode = mode;
    c.host.ram_bytes = u64{32} << 20;
    c.sensitive = sensitive;
    c.command_line = command_line;
    return c;
  }
  VirtualMachine vm;
  ExitTrail trail;
  Ending ending;
  Diagnosis diagnosis;
  RunReport report;
  std::string text;
};

}  // namespace

TEST_CASE("a report of a dead guest says where, what, and what it asked for in vain") {
  struct Row {
    const char* what;
    std::vector<u8> code;
    std::vector<const char*> says;
  };
  const Row rows[] = {
      {"halts with interrupts off", {0x90, 0xFA, 0xF4}, {"hlt", "in start+0x"}},
      {"a fault with no handlers",
       {0x0F, 0x0B},
       {"What could not be delivered: #UD, then #DF, then #GP with error code 0043h (the gate of vector 08h)",
        "ud2", "in start"}},
      {"a page that is not there",
       {0x31, 0xC0, 0x0F, 0x22, 0xD8, 0x0F, 0x20, 0xC0, 0x0D, 0, 0, 0, 0x80, 0x0F, 0x22, 0xC0},
       {"What could not be delivered: #PF", "at 00100010"}},
      {"waits for a floppy controller",
       {0x66, 0xBA, 0xF4, 0x03, 0xEC, 0xA8, 0x80, 0x75, 0xFB},
       {"It goes round in 3 instructions from 00100004 in start+0x4 to 00100007 in start+0x7",
        "port 3F4h floppy controller: "}},
      {"writes where a local APIC would be",
       {0xC7, 0x05, 0xB0, 0, 0x40, 0xFD, 0, 0, 0, 0, 0xFA, 0xF4},
       {"memory FD400000h: 0 reads, 1 writes"}},
      {"asks for a register that is not there",
       {0xB9, 0x8B, 0, 0, 0, 0x0F, 0x32},
       {"MSR 8Bh microcode revision: 1 reads, 0 writes", "#GP with error code 0000h"}},
  };
  for (const Row& row : rows)
    for (Mode mode : {Mode::Native, Mode::Trap, Mode::Hvm}) {
      const Dead guest(flat(row.code), mode);
      INFO(row.what << " under " << name(mode) << "\n" << guest.text);
      CHECK((guest.ending == Ending::Died || guest.ending == Ending::Budget));
      for (const char* words : row.says) CHECK_THAT(guest.text, contains(words));
      CHECK_THAT(guest.text, contains("CS:EIP"));
      // On bare metal nothing exits.
      CHECK((mode == Mode::Native) == guest.diagnosis.exits.empty());
    }
}

TEST_CASE("the last exits are named with port, device and symbol") {
  std::vector<u8> code{0x66, 0xBA, 0xFA, 0x03};  // the UART's interrupt register, twenty times
  for (int i = 0; i < 20; ++i) code.push_back(0xEC);
  code.insert(code.end(), {0xFA, 0xF4});
  for (Mode mode : {Mode::Trap, Mode::Hvm}) {
    const Dead guest(flat(code), mode);
    INFO(name(mode) << "\n" << guest.text);
    REQUIRE(guest.diagnosis.exits.size() == ExitTrail::kLength);
    const auto io = std::find_if(guest.diagnosis.exits.begin(), guest.diagnosis.exits.end(),
                                 [](const auto& e) { return e.reason == ExitReason::IoInstruction; });
    REQUIRE(io != guest.diagnosis.exits.end());
    CHECK(io->detail == "port 3FAh, serial port");
    CHECK_THAT(io->at.symbol, contains("start+0x"));
    CHECK(guest.diagnosis.exits.back().reason == ExitReason::Hlt);
  }
}

TEST_CASE("with instructions that leak, the first that went wrong is named") {
  struct Row {
    const char* what;
    std::vector<u8> code;
    const char* says;
  };
  // Those that push begin with MOV ESP, 90000h.
  const Row rows[] = {
      // PUSHF and POPF change nothing while interrupts are on in truth and in belief; CLI comes in between.
      {"PUSHF sees the real flag",
       {0xBC, 0, 0, 9, 0, 0x9C, 0x58, 0xFA, 0xF4},
       "'pushfd' at 00100005h in start+0x5, after 1 instructions: it pushes EFLAGS 00000202 with interrupts "
       "on, and on "
       "bare "
       "metal 00000002 with them off"},
      {"POPF drops a flag",
       {0xBC, 0, 0, 9, 0, 0x68, 0x02, 0x02, 0, 0, 0x9D, 0xFA, 0xF4},
       "'popfd' at 0010000Ah in start+0xa, after 2 instructions: the guest turns interrupts on with it"},
      {"POPF that changes nothing, then SMSW",
       {0xBC, 0, 0, 9, 0, 0x6A, 0x02, 0x9D, 0x0F, 0x01, 0xE0, 0xFA, 0xF4},
       "'smsw eax' at 00100008h in start+0x8, after 3 instructions: it shows CR0 "},
      {"CS", {0x8C, 0xC8, 0xFA, 0xF4}, "it shows CS 0009, and on bare metal 0008"},
      {"SGDT", {0x0F, 0x01, 0x05, 0, 0, 0x20, 0, 0xFA, 0xF4}, "it shows the monitor's GDT at FFC"},
      {"STR", {0x0F, 0x00, 0xC8, 0xFA, 0xF4}, "it shows a task selector of FFF0, and on bare metal 0000"},
  };
  for (const Row& row : rows) {
    const Dead guest(flat(row.code), Mode::Trap, SensitiveInstructions::Leak);
    INFO(row.what << ": " << guest.report.reason);
    CHECK_THAT(guest.report.reason, contains("executed silently"));
    CHECK_THAT(guest.report.reason, contains(row.says));
  }
  const Dead harmless(flat({0xBC, 0, 0, 9, 0, 0x6A, 0x02, 0x9D, 0xFA, 0xF4}), Mode::Trap,
                      SensitiveInstructions::Leak);
  CHECK_THAT(harmless.report.reason, contains("Each did what it would have done on bare metal"));
}

TEST_CASE("a death is told in text and in JSON") {
  std::string sector(512, '\0');
  const std::string code{'\xFA', '\x66', '\xBA', '\xF5', '\x03', '\0', '\0', '\xEC', '\xF4'};  // in al, 3F5h
  std::copy(code.begin(), code.end(), sector.begin());
  sector[510] = '\x55';
  sector[511] = '\xAA';
  const std::string file = test::scratch_file("dies.img", sector);
  for (const char* mode : {"native", "trap", "hvm"}) {
    INFO(mode);
    const auto told = test::run_program("run " + file + " --mode " + mode);
    CHECK(told.status == 3);
    CHECK_THAT(told.out, contains("Where it stands: "));
    CHECK_THAT(told.out, contains("port 3F5h floppy controller: 1 reads, 0 writes"));
    const auto json =
        nlohmann::ordered_json::parse(test::run_program("run --json " + file + " --mode " + mode).out);
    REQUIRE(json.contains("diagnosis"));
    CHECK(json["diagnosis"]["code"][0]["text"] == "hlt");
    CHECK(json["diagnosis"]["not_modelled"][0]["usual_device"] == "floppy controller");
    CHECK(json["diagnosis"]["unanswered"] == 1);
  }
  CHECK_FALSE(nlohmann::ordered_json::parse(test::run_program("run hello --json").out).contains("diagnosis"));

  const auto told = test::run_program("compare " + file + " --modes native,hvm");
  CHECK(told.status == 3);
  CHECK_THAT(told.out, contains("Under native:\nWhere it stands: "));
  CHECK_THAT(told.out, contains("Under hvm:\nWhere it stands: "));
  const auto json =
      nlohmann::ordered_json::parse(test::run_program("compare " + file + " --modes native,hvm --json").out);
  for (const auto& run : json["runs"]) CHECK(run["diagnosis"]["code"][0]["text"] == "hlt");
}
