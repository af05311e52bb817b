// The exits that reach user space, by reason and by kind of port: real KVM beside the simulated VT-x. What
// differs must have a row in the table below; everything else must be the same to the last exit.
#include <fmt/format.h>

#include <array>

#include "hypervisor/abi/ports.h"
#include "tests/catch.h"
#include "tests/kvm/runs.h"

using namespace ringside;
using namespace ringside::test;

namespace {

/// Exits by name: a reason, or for port I/O what the port belongs to.
using Counts = std::map<std::string, u64>;

std::string_view port_name(u32 port) {
  struct Ports {
    u32 first, last;
    std::string_view name;
  };
  static constexpr Ports kPorts[] = {
      {RS_PORT_PIC_MASTER, RS_PORT_PIC_MASTER, "PIC command"},
      {RS_PORT_PIC_SLAVE, RS_PORT_PIC_SLAVE, "PIC command"},
      {RS_PORT_PIC_MASTER + 1, RS_PORT_PIC_MASTER + 1, "PIC mask"},
      {RS_PORT_PIC_SLAVE + 1, RS_PORT_PIC_SLAVE + 1, "PIC mask"},
      {RS_PORT_PIT_CHANNEL0, RS_PORT_PIT_COMMAND, "PIT"},
      {RS_PORT_POST, RS_PORT_POST, "POST"},
      {RS_PORT_DEBUG_CONSOLE, RS_PORT_DEBUG_CONSOLE, "debug console"},
      {RS_PORT_EXIT, RS_PORT_EXIT, "exit port"},
      {RS_PORT_IDE_DATA, RS_PORT_IDE_DATA, "disk data"},
      {RS_PORT_IDE_DATA + 1, RS_PORT_IDE_DATA + 7, "disk registers"},
      {RS_PORT_IDE_CONTROL, RS_PORT_IDE_CONTROL, "disk registers"},
      {RS_PORT_UART, RS_PORT_UART + 7, "UART"},
  };
  for (const Ports& p : kPorts)
    if (port >= p.first && port <= p.last) return p.name;
  return "other ports";
}

/// A disk that counts the sectors that the guest writes.
class CountingDisk final : public BlockBackend {
 public:
  explicit CountingDisk(std::shared_ptr<BlockBackend> disk) : disk_(std::move(disk)) {}
  u64 sectors() const override { return disk_->sectors(); }
  bool read(u64 sector, std::span<u8> out) override { return disk_->read(sector, out); }
  bool write(u64 sector, std::span<const u8> in) override {
    written += in.size() / 512;
    return disk_->write(sector, in);
  }
  u64 written = 0;

 private:
  std::shared_ptr<BlockBackend> disk_;
};

struct Measured {
  Counts exits;
  u64 written_sectors = 0, interrupts = 0;
};

Measured measure(const BuiltinGuest& guest, Mode mode, const std::string& command_line) {
  std::shared_ptr<CountingDisk> disk;
  if (!guest.disk.empty()) disk = std::make_shared<CountingDisk>(make_memory_disk(guest.disk));
  const auto vm = machine_for(guest, mode, {command_line, false, disk});
  Measured m;
  vm->observe_exits([&](const ExitRecord& exit) {
    ++m.exits[exit.reason == ExitReason::IoInstruction ? std::string(port_name(exit.detail))
                                                       : std::string(info(exit.reason).name)];
  });
  const Run run = finish(*vm);
  INFO(guest.name << " under " << name(mode) << ": " << run.why);
  REQUIRE(run.ending == Ending::Success);
  if (disk) m.written_sectors = disk->written;
  if (mode == Mode::Kvm) m.interrupts = kvm_of(*vm).kvm().interrupts();
  return m;
}

u64 count(const Measured& m, const std::string& name) {
  const auto row = m.exits.find(name);
  return row == m.exits.end() ? 0 : row->second;
}

// ---- the table

bool never_reaches_user_space(const std::string& what, const Measured&, const Measured& kvm) {
  return count(kvm, what) == 0;
}
bool one_for_each_element_written(const std::string& what, const Measured& hvm, const Measured& kvm) {
  constexpr u64 kElements = 512 / 4;  // the kernel writes a sector with REP OUTSD
  return count(kvm, what) == count(hvm, what) + (kElements - 1) * kvm.written_sectors;
}
bool one_for_each_interrupt(const std::string& what, const Measured&, const Measured& kvm) {
  constexpr u64 kInitialization = 2, kInterruptsThatEnd = 1;
  return count(kvm, what) + kInterruptsThatEnd >= kvm.interrupts + kInitialization;
}
bool anything(const std::string&, const Measured&, const Measured&) { return true; }

struct Difference {
  std::string_view what;
  bool (*holds)(const std::string& what, const Measured& hvm, const Measured& kvm);
  const char* why;
  std::string_view guest = {};  ///< only there; empty = everywhere
};
constexpr const char* kInside = "KVM handles it in the host kernel: it shows in KVM_GET_STATS_FD only";
constexpr const char* kWallClock = "the guest's timer follows wall time there, and guest cycles here";
constexpr Difference kDifferences[] = {
    {"EPT_VIOLATION", never_reaches_user_space, kInside},
    {"CPUID", never_reaches_user_space, kInside},
    {"CR_ACCESS", never_reaches_user_space, kInside},
    {"MSR_READ", never_reaches_user_space, kInside},
    {"MSR_WRITE", never_reaches_user_space, kInside},
    {"disk data", one_for_each_element_written,
     "KVM's emulator carries out OUTS one element at a time; INS, and ours, a page at a time"},
    {"PIC command", one_for_each_interrupt, "an end of interrupt for each; the timer follows wall time"},
    {"disk registers", anything, "the guest asks again and again whether the drive is busy: wall time"},
    {"EXTERNAL_INTERRUPT", anything, kWallClock},
    {"INTERRUPT_WINDOW", anything, kWallClock},
    {"HLT", anything, kWallClock},
    {"UART", anything, "it prints how long things took, and the figures have other digits", "nanobench"},
};

}  // namespace

TEST_CASE("Exits that reach user space agree with the simulated VT-x, but for a table of differences",
          "[kvm]") {
  fmt::print("{:<10} {:<20} {:>9} {:>9}  {}\n", "guest", "exits", "hvm", "kvm", "why they differ");
  for (const auto& [name, command_line] :
       {std::pair{"hello", ""}, std::pair{"sensitive", ""}, std::pair{"nanobench", ""},
        std::pair{"kernel", "run=ls,echo hello,diskio 512 4"}}) {
    const BuiltinGuest* guest = find_builtin_guest(name);
    REQUIRE(guest);
    const Measured hvm = measure(*guest, Mode::Hvm, command_line),
                   kvm = measure(*guest, Mode::Kvm, command_line);
    Counts all = hvm.exits;
    all.insert(kvm.exits.begin(), kvm.exits.end());
    for (const auto& [what, unused] : all) {
      const u64 ours = count(hvm, what), theirs = count(kvm, what);
      const Difference* row = nullptr;
      for (const Difference& d : kDifferences)
        if (d.what == what && (d.guest.empty() || d.guest == name)) row = &d;
      fmt::print("{:<10} {:<20} {:>9} {:>9}  {}\n", name, what, ours, theirs,
                 ours == theirs ? ""
                 : row          ? row->why
                                : "NOT EXPLAINED");
      INFO(name << ", " << what << ": " << ours << " under hvm, " << theirs << " under kvm");
      CHECK((row ? row->holds(what, hvm, kvm) : ours == theirs));
    }
    CHECK(hvm.written_sectors == kvm.written_sectors);
  }
}
