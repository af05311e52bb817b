#include "hypervisor/machine.h"

#include <algorithm>

#include "cpu/msr.h"
#include "hypervisor/machine_layout.h"

namespace ringside {
namespace {

constexpr u32 ones(unsigned size) { return ~u32{0} >> (32 - 8 * size); }

const MemoryRange* find_memory(GuestPhys address) {
  for (const MemoryRange& range : kMemoryMap)
    if (address.value - range.first < range.bytes) return &range;
  return nullptr;
}

}  // namespace

Machine::Devices::Devices(const MachineConfig& config, Clock& clock, const Dma& dma, u64 ram_bytes)
    : local_apic(clock),
      io_apic(local_apic),
      pit(clock, IrqLine(pic, RS_IRQ_TIMER)),
      keyboard(IrqLine(pic, RS_IRQ_KEYBOARD), a20),
      speaker(clock, pit),
      cmos(clock, IrqLine(pic, RS_IRQ_RTC), ram_bytes),
      system_control(a20),
      coprocessor_error(IrqLine(pic, CoprocessorError::kIrq)),
      debug_console(console),
      ide(clock, IrqLine(pic, RS_IRQ_IDE), {config.disk, config.second_disk}),
      vga(clock),
      uart(clock, IrqLine(pic, RS_IRQ_UART), console),
      virtio_block(clock, IrqLine(pic, RS_IRQ_VIRTIO_BLOCK), dma, config.disk),
      virtio_console(clock, IrqLine(pic, RS_IRQ_VIRTIO_CONSOLE), dma, uart, console),
      virtio_net(clock, IrqLine(pic, RS_IRQ_VIRTIO_NET), dma, config.network),
      lance(clock, IrqLine(pic, RS_IRQ_LANCE), dma, config.network),
      cards{VirtioPci(virtio_block), VirtioPci(virtio_console), VirtioPci(virtio_net)} {
  const auto at = [this](DeviceId id) -> Device*& { return table_[static_cast<std::size_t>(id)]; };
  at(DeviceId::Pic) = &pic;
  at(DeviceId::Pit) = &pit;
  at(DeviceId::Keyboard) = &keyboard;
  at(DeviceId::Speaker) = &speaker;
  at(DeviceId::Cmos) = &cmos;
  at(DeviceId::Post) = &post;
  at(DeviceId::SystemControl) = &system_control;
  at(DeviceId::CoprocessorError) = &coprocessor_error;
  at(DeviceId::DebugConsole) = &debug_console;
  at(DeviceId::ExitPort) = &exit_port;
  at(DeviceId::Ide) = &ide;
  at(DeviceId::VgaRegisters) = &vga.registers();
  at(DeviceId::VgaMemory) = &vga.memory();
  at(DeviceId::Uart) = &uart;
  at(DeviceId::VirtioBlock) = &virtio_block;
  at(DeviceId::VirtioConsole) = &virtio_console;
  at(DeviceId::VirtioNet) = &virtio_net;
  at(DeviceId::Lance) = &lance;
  at(DeviceId::Pci) = &pci;
  if (config.apic) {
    at(DeviceId::LocalApic) = &local_apic;
    at(DeviceId::IoApic) = &io_apic;
    pic.connect(io_apic);
    local_apic.broadcast_eoi = [this](u8 vector) { io_apic.end_of_interrupt(vector); };
    local_apic.set_base(LocalApic::kDefaultBase | msr::kApicEnable | msr::kApicBootstrap);
  }
  for (std::size_t row = 0; row < std::size(kPortMap); ++row)
    for (u16 i = 0; i < kPortMap[row].count; ++i)
      port_index_[kPortMap[row].first + i] = static_cast<u8>(row + 1);
  for (std::size_t id = 0; id < table_.size(); ++id)
    for (const Device* device : timed()) timed_[id] |= table_[id] == device;
  plug_cards(config.cards);
}

void Machine::Devices::plug_cards(const PciCards& wanted) {
  const bool plugged[] = {wanted.block, wanted.console, wanted.net};
  PicPair::State levels = pic.state();
  for (std::size_t i = 0; i < cards.size(); ++i) {
    if (!plugged[i] || !cards[i].present()) continue;
    const PciSlot& slot = kPciMap[i].slot;
    pci.plug(cards[i], slot);
    levels.chip[slot.irq / 8].elcr |= static_cast<u8>(1u << slot.irq % 8);  // as firmware does for PCI
  }
  pic.restore(levels);
}

void Machine::Devices::update_deadline() {
  next_deadline = kNoDeadline;
  for (const Device* device : timed()) next_deadline = std::min(next_deadline, device->deadline());
}

Machine::Devices::State Machine::Devices::save() const {
  return {.pic = pic.state(),
          .local_apic = local_apic.state(),
          .io_apic = io_apic.state(),
          .pit = pit.state(),
          .keyboard = keyboard.state(),
          .speaker = speaker.state(),
          .cmos = cmos.state(),
          .a20 = a20.on(),
          .post = post.state(),
          .system_control = system_control.state(),
          .exit_code = exit_port.code(),
          .ide = ide.state(),
          .vga = vga.state(),
          .uart = uart.state(),
          .virtio_block = virtio_block.state(),
          .virtio_console = virtio_console.state(),
          .virtio_net = virtio_net.state(),
          .lance = lance.state(),
          .cards = {cards[0].state(), cards[1].state(), cards[2].state()},
          .pci = pci.state(),
          .unclaimed = unclaimed,
          .console_bytes = console.text().size()};
}

void Machine::Devices::restore(const State& s) {
  pit.restore(s.pit);
  keyboard.restore(s.keyboard);
  speaker.restore(s.speaker);
  cmos.restore(s.cmos);
  a20.restore(s.a20);
  post.restore(s.post);
  system_control.restore(s.system_control);
  exit_port.restore(s.exit_code);
  ide.restore(s.ide);
  vga.restore(s.vga);
  uart.restore(s.uart);
  virtio_block.restore(s.virtio_block);
  virtio_console.restore(s.virtio_console);
  virtio_net.restore(s.virtio_net);
  lance.restore(s.lance);
  for (std::size_t i = 0; i < cards.size(); ++i) cards[i].restore(s.cards[i]);
  pci.restore(s.pci);
  unclaimed = s.unclaimed;
  console.restore(s.console_bytes);
  pic.restore(s.pic);  // these last: they know the levels of all lines
  io_apic.restore(s.io_apic);
  local_apic.restore(s.local_apic);
  update_deadline();
}

Machine::Machine(GuestMemory ram, MachineConfig config, Clock& clock)
    : ram_(ram),
      dma_(ram),
      config_(std::move(config)),
      clock_(clock),
      devices_(std::make_unique<Devices>(config_, clock, dma_, ram.size())) {
  if (!config_.console_input.empty()) devices_->uart.type(config_.console_input);
}

Machine::~Machine() = default;

u32 Machine::port_in(u16 port, unsigned size) {
  const PortRange* range = devices_->find(port);
  if (const auto [card, offset] = range ? Pci::Decoded{} : devices_->pci.decode(port, size); card) {
    const u32 value = card->read(offset, size);
    devices_->update_deadline();
    return value;
  }
  if (!range) devices_->unclaimed.count(AddressSpace::Port, port, false);
  if (size > 1 && (!range || size > range->width)) {  // as the ISA bus does: one byte after the other
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i) {
      const u16 at = static_cast<u16>(port + i);
      value |= (range || devices_->answers(at) ? port_in(at, 1) : 0xFF) << 8 * i;
    }
    return value;
  }
  if (!range) return ones(size);
  const u32 value = devices_->by_id(range->device)->read(port - range->first + range->offset, size);
  devices_->accessed(range->device);
  return value;
}

void Machine::port_out(u16 port, u32 value, unsigned size) {
  const PortRange* range = devices_->find(port);
  if (const auto [card, offset] = range ? Pci::Decoded{} : devices_->pci.decode(port, size); card) {
    card->write(offset, value & ones(size), size);
    devices_->update_deadline();
    return;
  }
  if (!range) devices_->unclaimed.count(AddressSpace::Port, port, true);
  if (size > 1 && (!range || size > range->width)) {
    for (unsigned i = 0; i < size; ++i) {
      const u16 at = static_cast<u16>(port + i);
      if (range || devices_->answers(at)) port_out(at, value >> 8 * i & 0xFF, 1);
    }
    return;
  }
  if (!range) return;
  devices_->by_id(range->device)->write(port - range->first + range->offset, value & ones(size), size);
  devices_->accessed(range->device);
}

bool Machine::is_mmio(GuestPhys address) const {
  return !ram_.contains(address) || find_memory(address) != nullptr;
}

u32 Machine::mmio_read(GuestPhys address, unsigned size) {
  if (devices_->local_apic.at(address.value)) {
    const u32 value = devices_->local_apic.read(static_cast<u32>(address.value & kPageMask), size);
    devices_->accessed(DeviceId::LocalApic);
    return value;
  }
  const MemoryRange* range = find_memory(address);
  if (!range || !devices_->has(range->device)) {
    devices_->unclaimed.count(AddressSpace::Memory, static_cast<u32>(address.value), false);
    return ones(size);
  }
  const u32 offset = static_cast<u32>(address.value - range->first);
  if (range->device == DeviceId::PortWindow) return port_in(static_cast<u16>(offset), size);
  const u32 value = devices_->by_id(range->device)->read(offset, size);
  devices_->accessed(range->device);
  return value;
}

void Machine::mmio_write(GuestPhys address, u32 value, unsigned size) {
  if (devices_->local_apic.at(address.value)) {
    devices_->local_apic.write(static_cast<u32>(address.value & kPageMask), value, size);
    return devices_->accessed(DeviceId::LocalApic);
  }
  const MemoryRange* range = find_memory(address);
  if (!range || !devices_->has(range->device)) {
    devices_->unclaimed.count(AddressSpace::Memory, static_cast<u32>(address.value), true);
    return;
  }
  const u32 offset = static_cast<u32>(address.value - range->first);
  if (range->device == DeviceId::PortWindow) return port_out(static_cast<u16>(offset), value, size);
  devices_->by_id(range->device)->write(offset, value, size);
  devices_->accessed(range->device);
}

bool Machine::has_rings(GuestPhys address) const {
  const MemoryRange* range = find_memory(address);
  return range && range->rings;
}

u64 Machine::ring_requests() const {
  return devices_->virtio_block.requests() + devices_->virtio_console.requests() +
         devices_->virtio_net.requests() + devices_->lance.requests();
}

bool Machine::interrupt_pending() const {
  const Devices& d = *devices_;
  return d.local_apic.interrupt_pending() || d.interrupt_of_8259();
}

u8 Machine::acknowledge_interrupt() {
  Devices& d = *devices_;
  // As on hardware an ExtINT comes first. Without any request the 8259 answers, as on boards that have no
  // other.
  const bool own = !d.interrupt_of_8259() && (d.local_apic.interrupt_pending() || !d.local_apic.takes_8259());
  return own ? d.local_apic.acknowledge() : d.pic.acknowledge();
}

u64 Machine::apic_base() const { return devices_->local_apic.base(); }

void Machine::set_apic_base(u64 value) {
  if (!devices_->has(DeviceId::LocalApic)) return;
  devices_->local_apic.set_base(value);
  devices_->update_deadline();
}

GuestPhys Machine::through_a20(GuestPhys address) const {
  return devices_->a20.on() ? address : GuestPhys(address.value & ~A20Gate::kBit);
}
void Machine::on_a20(std::function<void(bool on)> listener) { devices_->a20.changed = std::move(listener); }

void Machine::network_changed() { devices_->update_deadline(); }

u64 Machine::next_deadline() const { return devices_->next_deadline; }
Machine::Signals Machine::signals() const {
  return {.interrupt = interrupt_pending(),
          .over = exit_code() || reset_cause(),
          .deadline = devices_->next_deadline};
}

void Machine::advance() {
  const u64 now = clock_.now();
  if (now < devices_->next_deadline) return;
  for (Device* device : devices_->timed())
    if (device->deadline() <= now) device->advance();
  devices_->update_deadline();
}

const std::string& Machine::console() const { return devices_->console.text(); }
void Machine::on_console_line(std::function<void()> reader) { devices_->console.on_line(std::move(reader)); }

void Machine::type(std::string_view text) {
  devices_->uart.type(text);
  devices_->virtio_console.typed();
  devices_->update_deadline();
}

void Machine::press_key(u8 scancode) { devices_->keyboard.press(scancode); }
std::optional<u8> Machine::exit_code() const { return devices_->exit_port.code(); }
void Machine::power_off(u8 code) { devices_->exit_port.write(0, code, 1); }
bool Machine::console_input_waiting() const { return devices_->uart.input_waiting(); }
void Machine::print(std::string_view text) { devices_->console.put(text); }

const char* Machine::reset_cause() const {
  if (devices_->keyboard.reset_requested()) return "the keyboard controller";
  if (devices_->system_control.state().reset_requested) return "the system control port";
  if (devices_->pci.state().reset_requested) return "the reset control register";
  return nullptr;
}

}  // namespace ringside
