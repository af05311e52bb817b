#include "hypervisor/devices/virtio_pci.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace ringside {
namespace {

constexpr u16 kRedHat = 0x1AF4, kFirstModernDevice = 0x1040;
constexpr u8 kRevision = 1;
constexpr u32 kMassStorage = 0x010000, kEthernet = 0x020000, kSimpleCommunication = 0x078000;  // PCI classes
constexpr u16 kNoVector = 0xFFFF;

constexpr u32 mask_of(unsigned bytes) { return bytes >= 4 ? ~u32{0} : (1u << 8 * bytes) - 1; }

/// The common configuration's fields and the MMIO registers that they are.
struct Field {
  u8 at, size;
  u32 mmio;
};
constexpr u8 kQueueSize = 0x18, kQueueEnable = 0x1C;
constexpr Field kFields[] = {
    {0x00, 4, RS_VIRTIO_REG_DEVICE_FEATURES_SELECT},
    {0x04, 4, RS_VIRTIO_REG_DEVICE_FEATURES},
    {0x08, 4, RS_VIRTIO_REG_DRIVER_FEATURES_SELECT},
    {0x0C, 4, RS_VIRTIO_REG_DRIVER_FEATURES},
    {0x14, 1, RS_VIRTIO_REG_STATUS},
    {0x16, 2, RS_VIRTIO_REG_QUEUE_SELECT},
    {kQueueSize, 2, RS_VIRTIO_REG_QUEUE_SIZE},
    {kQueueEnable, 2, RS_VIRTIO_REG_QUEUE_READY},
    {0x20, 4, RS_VIRTIO_REG_QUEUE_DESC},
    {0x24, 4, RS_VIRTIO_REG_QUEUE_DESC + 4},
    {0x28, 4, RS_VIRTIO_REG_QUEUE_DRIVER},
    {0x2C, 4, RS_VIRTIO_REG_QUEUE_DRIVER + 4},
    {0x30, 4, RS_VIRTIO_REG_QUEUE_DEVICE},
    {0x34, 4, RS_VIRTIO_REG_QUEUE_DEVICE + 4},
};
constexpr u32 kConfigurationVector = 0x10, kQueueCount = 0x12, kQueueVector = 0x1A;
// config_generation (15h) and queue_notify_off (1Eh) are 0: nothing changes, and there is one notification
// register.

/// A driver must access each field whole; what is none does not exist.
const Field* find(u32 offset, unsigned size) {
  const auto* found = std::find_if(std::begin(kFields), std::end(kFields),
                                   [&](const Field& f) { return f.at == offset && f.size == size; });
  return found == std::end(kFields) ? nullptr : found;
}

// ---- capabilities (virtio_pci_cap), from 40h of the configuration space

enum Kind : u8 { kCommonCfg = 1, kNotifyCfg = 2, kIsrCfg = 3, kDeviceCfg = 4, kPciCfg = 5 };
constexpr u8 kVendorSpecific = 0x09;
constexpr u8 kFirst = 0x40, kWindow = 0x84, kWindowBar = kWindow + 4, kWindowOffset = kWindow + 8,
             kWindowLength = kWindow + 12, kWindowData = kWindow + 16;

struct Capability {
  u8 at, next, length;
  Kind kind;
  u32 offset, bytes;
};
constexpr Capability kCapabilities[] = {
    {kFirst, 0x50, 16, kCommonCfg, VirtioPci::kCommon, VirtioPci::kCommonBytes},
    {0x50, 0x60, 16, kIsrCfg, VirtioPci::kInterruptStatus, 1},
    {0x60, 0x70, 16, kDeviceCfg, VirtioPci::kConfiguration, VirtioPci::kPorts - VirtioPci::kConfiguration},
    {0x70, kWindow, 20, kNotifyCfg, VirtioPci::kNotify, 2},  // and a multiplier, 0
    {kWindow, 0x00, 20, kPciCfg, 0, 0},                      // and the data
};

constexpr std::array<u8, 256> kBytes = [] {
  std::array<u8, 256> bytes{};
  for (const Capability& c : kCapabilities) {
    const u8 head[] = {kVendorSpecific, c.next, c.length, c.kind};
    for (unsigned i = 0; i < 4; ++i) {
      bytes[c.at + i] = head[i];
      bytes[c.at + 8 + i] = static_cast<u8>(c.offset >> 8 * i);
      bytes[c.at + 12 + i] = static_cast<u8>(c.bytes >> 8 * i);
    }
  }
  return bytes;
}();

}  // namespace

PciCard::Identity VirtioPci::identity() const {
  const u16 id = static_cast<u16>(kFirstModernDevice + device_.id());
  const u32 kind = device_.id() == RS_VIRTIO_ID_BLOCK ? kMassStorage
                   : device_.id() == RS_VIRTIO_ID_NET ? kEthernet
                                                      : kSimpleCommunication;
  return {kRedHat, id, kind << 8 | kRevision, kRedHat, id, kPorts};
}

// ---- the configuration space

/// Whether the window shows something: the driver chose a place as the specification demands it.
bool VirtioPci::window_open() const {
  const u32 n = state_.length;
  return state_.bar == 0 && (n == 1 || n == 2 || n == 4) && state_.offset % n == 0 &&
         state_.offset <= kPorts - n;
}

u32 VirtioPci::read_capability(u8 at, unsigned size) {
  u32 value = 0;
  switch (at & ~3u) {
    case kWindowBar: value = state_.bar; break;
    case kWindowOffset: value = state_.offset; break;
    case kWindowLength: value = state_.length; break;
    case kWindowData:
      if (window_open()) value = read(state_.offset, state_.length);
      break;
    default:
      for (unsigned i = 0; i < 4; ++i) value |= u32{kBytes[(at & ~3u) + i]} << 8 * i;
      break;
  }
  return value >> 8 * (at & 3) & mask_of(size);
}

void VirtioPci::write_capability(u8 at, u32 value, unsigned size) {
  const unsigned shift = 8 * (at & 3);
  const u32 mask = mask_of(size) << shift;
  const auto change = [&](u32 whole) { return (whole & ~mask) | (value << shift & mask); };
  switch (at & ~3u) {
    case kWindowBar: state_.bar = static_cast<u8>(change(state_.bar)); break;
    case kWindowOffset: state_.offset = change(state_.offset); break;
    case kWindowLength: state_.length = change(state_.length); break;
    case kWindowData:
      if (at == kWindowData && window_open())
        write(state_.offset, value & mask_of(state_.length), state_.length);
      break;
    default: break;
  }
}

// ---- the ports

u32 VirtioPci::read(u32 offset, unsigned size) {
  if (offset >= kConfiguration) {  // bytes of any size
    const u32 at = offset - kConfiguration, first = at & ~3u;
    const auto part = [&](u32 from) { return u64{device_.read(RS_VIRTIO_REG_CONFIG + from, 4)}; };
    return static_cast<u32>((part(first) | part(first + 4) << 32) >> 8 * (at & 3)) & mask_of(size);
  }
  if (offset == kInterruptStatus && size == 1) {  // reading it acknowledges
    const u32 status = device_.read(RS_VIRTIO_REG_INTERRUPT_STATUS, 4);
    device_.write(RS_VIRTIO_REG_INTERRUPT_ACK, status, 4);
    return status;
  }
  if (size == 2 && (offset == kConfigurationVector || offset == kQueueVector)) return kNoVector;
  if (size == 2 && offset == kQueueCount) return device_.queue_count();
  const Field* field = find(offset, size);
  if (!field) return 0;
  const u32 value = device_.read(field->mmio, 4);
  // Here a queue has a size before the driver asks for a smaller one.
  return field->at == kQueueSize && !value ? device_.read(RS_VIRTIO_REG_QUEUE_SIZE_MAX, 4) : value;
}

void VirtioPci::write(u32 offset, u32 value, unsigned size) {
  if (offset == kNotify && size == 2) return device_.write(RS_VIRTIO_REG_QUEUE_NOTIFY, value, 4);
  const Field* field = find(offset, size);
  if (!field) return;
  if (field->at == kQueueEnable) {
    if (value != 1) return;  // a queue is disabled by a reset of the device alone
    device_.write(RS_VIRTIO_REG_QUEUE_SIZE, read(kQueueSize, 2), 4);
  }
  device_.write(field->mmio, value, 4);
}

}  // namespace ringside
