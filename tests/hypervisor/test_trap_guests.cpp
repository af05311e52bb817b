// Whole guests under trap-and-emulate: the same console as on bare metal, the same counts twice, and no
// guest, however broken or hostile, that gets further than its own end.
#include <algorithm>
#include <random>

#include "guests/builtin.h"
#include "hypervisor/trap/trap_monitor.h"
#include "hypervisor/virtual_machine.h"
#include "tests/catch.h"

using namespace ringside;

namespace {

VmConfig config_for(Mode mode, const BuiltinGuest* guest = nullptr, const std::string& command_line = "") {
  VmConfig c;
  c.mode = mode;
  c.host.ram_bytes = guest ? 32u << 20 : 4u << 20;
  c.command_line = command_line;
  if (guest && !guest->disk.empty()) c.host.machine.disk = make_memory_disk(guest->disk);
  return c;
}

struct Run {
  Ending ending;
  std::string console, why;
  u64 instructions = 0, cycles = 0, exits = 0;
};

Run run(VirtualMachine& vm, u64 budget) {
  Run r;
  r.ending = vm.run({.instructions = budget, .wall_seconds = 60});
  r.console = vm.host().machine.console();
  r.why = vm.why();
  r.instructions = vm.instructions();
  r.cycles = vm.host().ledger.now();
  for (const ExitReasonInfo& i : exit_reasons()) r.exits += vm.host().ledger.samples(i.reason);
  return r;
}

Run run_builtin(const char* name, Mode mode, const std::string& command_line) {
  const BuiltinGuest* guest = find_builtin_guest(name);
  REQUIRE(guest);
  VirtualMachine vm(parse_image(name, guest->image), config_for(mode, guest, command_line));
  return run(vm, 400'000'000);
}

TrapMonitor& trap_monitor(VirtualMachine& vm) { return dynamic_cast<TrapMonitor&>(vm.monitor()); }

/// A flat image of hand-written code, with room behind it so that it is no boot sector.
Image flat(std::vector<u8> code) {
  code.resize(std::max<std::size_t>(code.size(), 1024));
  return parse_image("test", code);
}

Run run_flat(const std::vector<u8>& code, Mode mode = Mode::Trap, u64 budget = 300'000) {
  VirtualMachine vm(flat(code), config_for(mode));
  return run(vm, budget);
}

}  // namespace

TEST_CASE("guests print under trap-and-emulate what they print on bare metal", "[trap]") {
  struct Row {
    const char *guest, *command_line;
  };
  const Row rows[] = {
      {"hello", "a b c"}, {"sensitive", ""}, {"kernel", "run=ls,primes,forkwait,pingpong,pagetouch,diskio"}};
  for (const Row& row : rows) {
    INFO(row.guest);
    const Run native = run_builtin(row.guest, Mode::Native, row.command_line);
    const Run trap = run_builtin(row.guest, Mode::Trap, row.command_line);
    REQUIRE(native.ending == Ending::Success);
    CHECK(trap.ending == Ending::Success);
    CHECK(trap.console == native.console);
    CHECK(native.exits == 0);
    CHECK(trap.exits > 100);
  }
}

TEST_CASE("a run under trap-and-emulate counts the same twice", "[trap]") {
  const Run a = run_builtin("kernel", Mode::Trap, "run=forkwait");
  const Run b = run_builtin("kernel", Mode::Trap, "run=forkwait");
  CHECK(a.instructions == b.instructions);
  CHECK(a.cycles == b.cycles);
  CHECK(a.exits == b.exits);
}

TEST_CASE("a kernel without one of its monitor's handlers does not get far", "[trap]") {
  const BuiltinGuest* guest = find_builtin_guest("kernel");
  const Run whole = run_builtin("kernel", Mode::Trap, "run=forkwait");
  REQUIRE(whole.ending == Ending::Success);
  for (const char* name :
       {"CLI", "LGDT", "LIDT", "LTR", "MOV CR", "IN", "OUT", "PUSHF", "POPF", "IRET", "INVLPG"}) {
    INFO(name);
    VirtualMachine vm(parse_image("kernel", guest->image), config_for(Mode::Trap, guest, "run=forkwait"));
    REQUIRE(trap_monitor(vm).emulations.remove(name));
    const Run r = run(vm, 2'000'000);
    CHECK(r.ending != Ending::Success);
    CHECK(r.console != whole.console);
  }
}

TEST_CASE("with silent instructions the kernel misbehaves and the processor knows where", "[trap]") {
  const BuiltinGuest* guest = find_builtin_guest("kernel");
  VmConfig c = config_for(Mode::Trap, guest, "run=forkwait");
  c.sensitive = SensitiveInstructions::Leak;
  VirtualMachine vm(parse_image("kernel", guest->image), c);
  CHECK(run(vm, 20'000'000).ending != Ending::Success);
  const auto places = vm.host().cpu.silent_sensitive();
  CHECK(std::any_of(places.begin(), places.end(), [](const SilentSensitive& s) { return s.opcode == 0x9C; }));
}

TEST_CASE("broken and hostile guests end in their own death or at their budget", "[trap]") {
  struct Row {
    const char* what;
    std::vector<u8> code;
    Ending ending;
  };
  const Row rows[] = {
      {"jumps beyond memory", {0xB8, 0, 0, 0, 0xF0, 0xFF, 0xE0}, Ending::Died},
      {"jumps into the monitor", {0xB8, 0, 0, 0xD0, 0xFF, 0xFF, 0xE0}, Ending::Died},
      {"loops with interrupts off", {0xFA, 0xEB, 0xFE}, Ending::Budget},
      {"halts with interrupts off", {0xFA, 0xF4}, Ending::Died},
      {"CR3 beyond memory",
       {0xB8, 0,    0xF0, 0xFF, 0x7F, 0x0F, 0x22, 0xD8, 0x0F, 0x20,
        0xC0, 0x0D, 0,    0,    0,    0x80, 0x0F, 0x22, 0xC0, 0xF4},
       Ending::Died},
      {"GDT nowhere, then a segment load",
       {0x68, 0xEF, 0xBE, 0xAD, 0xDE, 0x66, 0x6A, 0xFF, 0x0F, 0x01, 0x14, 0x24, 0xB8, 0x10, 0, 0, 0, 0x8E,
        0xD8},
       Ending::Died},
      {"IDT nowhere, then INT3",
       {0x68, 0xEF, 0xBE, 0xAD, 0xDE, 0x66, 0x6A, 0xFF, 0x0F, 0x01, 0x1C, 0x24, 0xCC},
       Ending::Died},
      {"TSS selector of nothing", {0xB8, 0x30, 0, 0, 0, 0x0F, 0x00, 0xD8}, Ending::Died},
      {"turns PAE on", {0xB8, 0x20, 0, 0, 0, 0x0F, 0x22, 0xE0, 0xF4}, Ending::Died},
      // A directory at 200000h whose every entry points to itself; then paging on and stores through all of
      // it.
      {"page tables that point to themselves",
       {0xBF, 0,    0,    0x20, 0,                                         // mov edi, 200000h
        0xB9, 0,    4,    0,    0,                                         // mov ecx, 1024
        0xB8, 0x07, 0,    0x20, 0,                                         // mov eax, 200007h
        0xF3, 0xAB,                                                        // rep stosd
        0xC7, 0x05, 0,    0,    0x20, 0,    0x87, 0,    0,    0,           // mov [200000h], 87h: 4 MiB at 0
        0xB8, 0x10, 0,    0,    0,    0x0F, 0x22, 0xE0,                    // mov cr4, PSE
        0xB8, 0,    0,    0x20, 0,    0x0F, 0x22, 0xD8,                    // mov cr3, 200000h
        0x0F, 0x20, 0xC0, 0x0D, 0,    0,    0,    0x80, 0x0F, 0x22, 0xC0,  // paging on
        0xBB, 0,    0,    0x40, 0,                                         // mov ebx, 400000h
        0x89, 0x03, 0x81, 0xC3, 4,    0,    0,    0,    0xEB, 0xF6},       // store eax, ebx += 4, again
       Ending::Died},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const Run r = run_flat(row.code);
    CHECK(r.ending == row.ending);
    CHECK_FALSE(r.why.empty());
  }
}

TEST_CASE("segments that no limit keeps from the monitor are emulated", "[trap]") {
  const std::string file = std::string(RINGSIDE_BINARY_DIR) + "/tests/images/wrap.bin";
  for (Mode mode : {Mode::Native, Mode::Trap}) {
    INFO(name(mode));
    VirtualMachine vm(load_image(file), config_for(mode));
    const Run r = run(vm, 10'000);
    CHECK(r.why == "");
    CHECK(r.console == "WrapD");
  }
}

TEST_CASE("a real-mode guest runs as the monitor's virtual-8086 task, and on in protected mode", "[trap]") {
  std::vector<u8> sector = {
      0xFA,                                                        // 7C00 cli
      0x31, 0xC0, 0x8E, 0xD8,                                      //      xor ax, ax; mov ds, ax
      0x8E, 0xD0, 0xBC, 0x00, 0x7C,                                //      mov ss, ax; mov sp, 7C00h
      0xFB, 0x9C, 0x9D,                                            //      sti; pushf; popf
      0xFA, 0xB0, 'R',  0xE6, 0xE9,                                //      cli; mov al, 'R'; out E9h
      0x0F, 0x01, 0x16, 0x40, 0x7C,                                // 7C12 lgdt [7C40h]
      0x0F, 0x20, 0xC0, 0x66, 0x83, 0xC8, 0x01, 0x0F, 0x22, 0xC0,  // CR0.PE on
      0xEA, 0x28, 0x7C, 0x08, 0x00,                                // 7C21 ljmp 8:7C28
      0x90, 0x90, 0x66, 0xB8, 0x10, 0x00, 0x8E, 0xD8, 0x8E, 0xD0,  // 7C28 mov ax, 10h; mov ds, ax; mov ss, ax
      0xB0, 'P',  0xE6, 0xE9, 0xB0, 0x00, 0xE6, 0xF4};             //      out E9h; out F4h
  sector.resize(512);
  const u8 table[] = {0x17, 0,    0x48, 0x7C, 0, 0,    0,    0, 0,    0,    0, 0, 0, 0,    0,    0,
                      0xFF, 0xFF, 0,    0,    0, 0x9A, 0xCF, 0, 0xFF, 0xFF, 0, 0, 0, 0x92, 0xCF, 0};
  std::copy(std::begin(table), std::end(table), sector.begin() + 0x40);
  sector[510] = 0x55;
  sector[511] = 0xAA;
  for (Mode mode : {Mode::Native, Mode::Trap}) {
    INFO(name(mode));
    VirtualMachine vm(parse_image("sector", sector), config_for(mode));
    const Run r = run(vm, 10'000);
    CHECK(r.why == "");
    CHECK(r.ending == Ending::Success);
    CHECK(r.console == "RP");
  }
}

TEST_CASE("random code cannot harm its monitor and dies as it would on bare metal", "[trap]") {
  std::mt19937 random(11);
  // Openings of privileged instructions, so that more than the first byte gets somewhere.
  const std::vector<std::vector<u8>> seeds = {{0x0F, 0x22, 0xC0},
                                              {0x0F, 0x22, 0xD8},
                                              {0x0F, 0x22, 0xE0},
                                              {0x0F, 0x01, 0x15},
                                              {0x0F, 0x01, 0x1D},
                                              {0x8E, 0xD8},
                                              {0x8E, 0xD0},
                                              {0xCF},
                                              {0xCB},
                                              {0x9D},
                                              {0x0F, 0x00, 0xD8},
                                              {0xFB},
                                              {0xEA},
                                              {0x9A},
                                              {0xCD},
                                              {0x6C}};
  unsigned died = 0, same = 0;
  for (int i = 0; i < 240; ++i) {
    std::vector<u8> code;
    while (code.size() < 256) {
      if (random() % 2) {
        const auto& seed = seeds[random() % seeds.size()];
        code.insert(code.end(), seed.begin(), seed.end());
      }
      for (u32 n = random() % 4; n-- > 0;) code.push_back(static_cast<u8>(random()));
    }
    INFO(i);
    VirtualMachine trap(flat(code), config_for(Mode::Trap)), native(flat(code), config_for(Mode::Native));
    const Run t = run(trap, 20'000), n = run(native, 20'000);
    // A stack among memory-mapped registers: each frame reaches devices, whose answers depend on the time.
    const bool stack_in_devices = native.host().cpu.counters().mmio_accesses > 1000;
    CHECK((stack_in_devices || t.ending == n.ending || !trap_monitor(trap).guest.limitation.empty() ||
           t.why.find("not emulated") != std::string::npos || n.ending == Ending::Budget));
    if (t.ending != Ending::Died || n.ending != Ending::Died || t.why != n.why) continue;
    ++died;
    same += trap.monitor().virtual_state().eip == native.monitor().virtual_state().eip;
  }
  CHECK(died > 100);
  // Those whose stack has come down from 0 to the top of the address space die earlier: the monitor lies
  // there.
  CHECK(same >= died * 17 / 20);
}
