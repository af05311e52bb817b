#include "hypervisor/boot/mp_tables.h"

#include <cstring>
#include <numeric>
#include <span>

#include "cpu/cpuid.h"
#include "hypervisor/machine_layout.h"

namespace ringside {
namespace {

constexpr u8 kSpecification = 4;  // 1.4

struct __attribute__((packed)) FloatingPointer {
  char signature[4] = {'_', 'M', 'P', '_'};
  u32 table = 0;
  u8 paragraphs = 1, specification = kSpecification, checksum = 0;
  u8 features[5] = {};  ///< byte 0: 0 = there is a configuration table; byte 1 bit 7: IMCR present
};
static_assert(sizeof(FloatingPointer) == 16);

struct __attribute__((packed)) TableHeader {
  char signature[4] = {'P', 'C', 'M', 'P'};
  u16 bytes = 0;
  u8 specification = kSpecification, checksum = 0;
  char oem[8] = {'R', 'I', 'N', 'G', 'S', 'I', 'D', 'E'};
  char product[12] = {'P', 'C', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
  u32 oem_table = 0;
  u16 oem_bytes = 0, entries = 0;
  u32 local_apic = LocalApic::kDefaultBase;
  u16 extended_bytes = 0;
  u8 extended_checksum = 0, reserved = 0;
};
static_assert(sizeof(TableHeader) == 44);

enum EntryType : u8 { kProcessor, kBus, kIoApic, kIoInterrupt, kLocalInterrupt };
enum InterruptType : u8 { kInt, kNmi, kSmi, kExtInt };
constexpr u8 kEnabled = 1, kBootstrap = 2;

struct __attribute__((packed)) ProcessorEntry {
  u8 type = kProcessor, apic_id = 0, apic_version = LocalApic::kVersion & 0xFF, flags = kEnabled | kBootstrap;
  u32 signature = 0, features = 0, reserved[2] = {};
};
struct __attribute__((packed)) BusEntry {
  u8 type = kBus, id = 0;
  char name[6] = {};
};
struct __attribute__((packed)) IoApicEntry {
  u8 type = kIoApic, id = IoApic::kFirmwareId, version = IoApic::kVersion & 0xFF, flags = kEnabled;
  u32 address = IoApic::kBase;
};
/// Of the I/O APIC or, by its type, of the local one.
struct __attribute__((packed)) InterruptEntry {
  u8 type = kIoInterrupt, interrupt = kInt;
  u16 flags = 0;  ///< polarity and trigger mode as the bus has them
  u8 bus = 0, irq = 0, apic_id = IoApic::kFirmwareId, pin = 0;
};

constexpr u8 kPciBus = 0, kIsaBus = 1;
constexpr u8 kCascade = 2;

class Table {
 public:
  explicit Table(std::span<u8> room) : room_(room) { std::memset(room.data(), 0, room.size()); }

  template <class Entry>
  void add(const Entry& entry) {
    std::memcpy(&room_[used_], &entry, sizeof entry);
    used_ += sizeof entry;
    ++count_;
  }
  void finish() {
    TableHeader header;
    header.bytes = static_cast<u16>(used_);
    header.entries = static_cast<u16>(count_);
    std::memcpy(room_.data(), &header, sizeof header);
    room_[offsetof(TableHeader, checksum)] = checksum(room_.first(used_));
  }
  static u8 checksum(std::span<const u8> bytes) {
    return static_cast<u8>(0u - std::accumulate(bytes.begin(), bytes.end(), 0u));
  }

 private:
  std::span<u8> room_;
  std::size_t used_ = sizeof(TableHeader), count_ = 0;
};

/// Bit n: interrupt line n is PCI's. Asks the configuration space as firmware does.
u16 add_pci_interrupts(Pci& pci, Table& table) {
  const Pci::State before = pci.state();
  u16 lines = 0;
  for (u8 slot = 0; slot < 32; ++slot) {
    constexpr u32 kInterruptLine = 0x3C, kEnable = 0x80000000;
    pci.write(0, kEnable | u32{slot} << 11 | kInterruptLine, 4);
    const u32 value = pci.read(4, 4);
    const u8 line = static_cast<u8>(value), pin = static_cast<u8>(value >> 8);  // pin 1: INTA#
    if (value == ~u32{0} || pin < 1 || pin > 4 || line > 15) continue;
    lines |= static_cast<u16>(1u << line);
    table.add(InterruptEntry{.bus = kPciBus, .irq = static_cast<u8>(slot << 2 | (pin - 1)), .pin = line});
  }
  pci.restore(before);
  return lines;
}

}  // namespace

void write_mp_tables(Host& host) {
  constexpr u32 kBytes = 1024;
  u8* const at = host.machine.ram().at(GuestPhys(kMpTables), kBytes);
  if (!host.machine.apic_base() || !at) return;

  FloatingPointer pointer;
  pointer.table = kMpTables + sizeof pointer;
  pointer.checksum = Table::checksum({reinterpret_cast<const u8*>(&pointer), sizeof pointer});
  std::memcpy(at, &pointer, sizeof pointer);

  Table table({at + sizeof pointer, kBytes - sizeof pointer});
  const CpuidResult cpu = cpuid_leaf(host.cpu.config().model, 1, 0, host.machine.apic_base());
  table.add(ProcessorEntry{.signature = cpu.eax, .features = cpu.edx});
  table.add(BusEntry{.id = kPciBus, .name = {'P', 'C', 'I', ' ', ' ', ' '}});
  table.add(BusEntry{.id = kIsaBus, .name = {'I', 'S', 'A', ' ', ' ', ' '}});
  table.add(IoApicEntry{});
  const u16 of_pci = add_pci_interrupts(host.machine.devices().pci, table);
  table.add(InterruptEntry{.interrupt = kExtInt, .bus = kIsaBus, .pin = IoApic::k8259Pin});
  for (u8 irq = 0; irq < 16; ++irq)
    if (irq != kCascade && !(of_pci >> irq & 1))
      table.add(InterruptEntry{.bus = kIsaBus, .irq = irq, .pin = static_cast<u8>(IoApic::pin_of(irq))});
  constexpr u8 kEveryApic = 0xFF;
  table.add(InterruptEntry{
      .type = kLocalInterrupt, .interrupt = kExtInt, .bus = kIsaBus, .apic_id = kEveryApic, .pin = 0});
  table.add(InterruptEntry{
      .type = kLocalInterrupt, .interrupt = kNmi, .bus = kIsaBus, .apic_id = kEveryApic, .pin = 1});
  table.finish();
}

}  // namespace ringside
