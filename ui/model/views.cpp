#include "ui/model/views.h"

#include <fmt/format.h>

#include "hypervisor/machine_layout.h"
#include "ui/model/commands.h"

namespace ringside::model {
namespace {

std::string vector_text(int vector) { return vector < 0 ? "none" : fmt::format("{:02x}h", vector); }

/// Local and I/O APIC: what a guest that has switched them on does with them.
void add_apics(const Machine::Devices& d, std::vector<DeviceRow>& rows) {
  const LocalApic::State& apic = d.local_apic.state();
  if (!d.local_apic.base()) return;
  const bool on = d.local_apic.software_enabled();
  rows.push_back({"local APIC", "state", on ? "on" : d.local_apic.enabled() ? "8259 only" : "off"});
  if (!on) return;
  rows.push_back({"", "next vector", vector_text(apic.irr.highest())});
  rows.push_back({"", "serving", vector_text(apic.isr.highest())});
  rows.push_back({"", "task priority", fmt::format("{:02x}h", apic.tpr)});
  rows.push_back({"", "timer counts", apic.counting ? fmt::format("{}", apic.initial_count) : "no"});
  unsigned open = 0;
  for (unsigned pin = 0; pin < IoApic::kPins; ++pin) open += d.io_apic.unmasked(pin);
  rows.push_back({"I/O APIC", "pins unmasked", fmt::format("{} of {}", open, IoApic::kPins)});
}

}  // namespace

std::vector<DeviceRow> device_rows(VirtualMachine& vm) {
  const Machine::Devices& d = vm.host().machine.devices();
  std::vector<DeviceRow> rows;
  const auto pic = [&](const char* name, const Pic& chip) {
    rows.push_back({name, "requested", fmt::format("{:08b}", chip.irr)});
    rows.push_back({"", "in service", fmt::format("{:08b}", chip.isr)});
    rows.push_back({"", "masked", fmt::format("{:08b}", chip.imr)});
    rows.push_back({"", "vectors from", fmt::format("{:02x}h", chip.vector_base)});
  };
  pic("8259 master", d.pic.state().chip[0]);
  pic("8259 slave", d.pic.state().chip[1]);
  add_apics(d, rows);
  const Pit::Channel& timer = d.pit.state().channel[0];
  rows.push_back({"8254 timer", "period",
                  timer.loaded
                      ? fmt::format("{:.1f} us", (timer.written ? timer.written : 65536) * 1e6 / RS_PIT_HZ)
                      : "not programmed"});
  if (timer.loaded) rows.push_back({"", "mode", std::to_string(timer.mode)});
  const Uart::State& uart = d.uart.state();
  rows.push_back({"16550 serial", "interrupts on", fmt::format("{:04b}", uart.interrupt_enable)});
  rows.push_back({"", "bytes waiting", std::to_string(uart.fifo_count)});
  const Ide::State& ide = d.ide.state();
  rows.push_back({"IDE disk", "last command", ide.command ? fmt::format("{:02x}h", ide.command) : "none"});
  if (ide.command) rows.push_back({"", "sector", fmt::format("{:02x}h", ide.sector)});
  rows.push_back({"keyboard", "bytes waiting", std::to_string(d.keyboard.state().queued)});
  return rows;
}

std::vector<std::string> screen_rows(VirtualMachine& vm) {
  const Vga& vga = vm.host().machine.devices().vga;
  std::vector<std::string> rows;
  for (unsigned row = 0; row < Vga::kRows; ++row) rows.push_back(vga.row_text(row));
  while (!rows.empty() && rows.back().find_first_not_of(' ') == std::string::npos) rows.pop_back();
  return rows;
}

std::string describe(const command::AddBreakpoint& b) {
  using Kind = command::AddBreakpoint::Kind;
  switch (b.kind) {
    case Kind::Address: return fmt::format("address {:08x}", b.value);
    case Kind::Port: return fmt::format("port {:X}h", b.value);
    case Kind::Memory:
      return fmt::format("{} {} byte{} at {:08x}", b.on_read ? "read or write of" : "write to", b.bytes,
                         b.bytes > 1 ? "s" : "", b.value);
    case Kind::Reason: return fmt::format("exit {}", info(static_cast<ExitReason>(b.value)).name);
    case Kind::Cr3: return "CR3 changes";
  }
  return {};
}

}  // namespace ringside::model
