#include "hypervisor/devices/virtio_device.h"

#include <algorithm>

namespace ringside {
namespace {

constexpr u64 kFeatures = u64{1} << RS_VIRTIO_FEATURE_VERSION_1 | u64{1} << RS_VIRTIO_FEATURE_EVENT_IDX;

}  // namespace

VirtioDevice::VirtioDevice(const Clock& clock, IrqLine irq, const Dma& dma, u32 id, unsigned queues,
                           u64 features)
    : clock_(clock),
      dma_(dma),
      irq_(irq),
      id_(id),
      features_(kFeatures | features),
      count_(queues),
      queues_{Virtqueue(dma), Virtqueue(dma)} {}

VirtioDevice::State VirtioDevice::transport_state() const {
  State state = state_;
  for (unsigned i = 0; i < count_; ++i) state.queue[i] = queues_[i].state;
  return state;
}

void VirtioDevice::restore_transport(const State& state) {
  state_ = state;
  for (unsigned i = 0; i < count_; ++i) queues_[i].state = state.queue[i];
}

const std::string& VirtioDevice::error() const {
  return queues_[0].state.broken.empty() ? queues_[1].state.broken : queues_[0].state.broken;
}

// ---- registers

u32 VirtioDevice::read(u32 offset, unsigned) {
  if (!present()) return 0;  // magic 0: there is no device
  const bool selected = state_.queue_select < count_;
  static const Virtqueue::State kNoQueue;
  const Virtqueue::State& q = selected ? queues_[state_.queue_select].state : kNoQueue;
  switch (offset) {
    case RS_VIRTIO_REG_MAGIC: return RS_VIRTIO_MAGIC;
    case RS_VIRTIO_REG_VERSION: return 2;
    case RS_VIRTIO_REG_DEVICE: return id_;
    case RS_VIRTIO_REG_VENDOR: return 0x52494E47;  // "RING"
    case RS_VIRTIO_REG_DEVICE_FEATURES:
      return state_.device_features_select < 2
                 ? static_cast<u32>(features_ >> 32 * state_.device_features_select)
                 : 0;
    case RS_VIRTIO_REG_QUEUE_SIZE_MAX: return selected ? RS_VRING_MAX : 0;
    case RS_VIRTIO_REG_QUEUE_READY: return q.ready;
    case RS_VIRTIO_REG_INTERRUPT_STATUS: return state_.interrupt_status;
    case RS_VIRTIO_REG_STATUS: return state_.status;
    // What over MMIO can only be written; over PCI it reads back, too.
    case RS_VIRTIO_REG_DEVICE_FEATURES_SELECT: return state_.device_features_select;
    case RS_VIRTIO_REG_DRIVER_FEATURES_SELECT: return state_.driver_features_select;
    case RS_VIRTIO_REG_DRIVER_FEATURES:
      return state_.driver_features_select < 2
                 ? static_cast<u32>(state_.driver_features >> 32 * state_.driver_features_select)
                 : 0;
    case RS_VIRTIO_REG_QUEUE_SELECT: return state_.queue_select;
    case RS_VIRTIO_REG_QUEUE_SIZE: return q.size;
    case RS_VIRTIO_REG_QUEUE_DESC: return static_cast<u32>(q.descriptors);
    case RS_VIRTIO_REG_QUEUE_DESC + 4: return static_cast<u32>(q.descriptors >> 32);
    case RS_VIRTIO_REG_QUEUE_DRIVER: return static_cast<u32>(q.available);
    case RS_VIRTIO_REG_QUEUE_DRIVER + 4: return static_cast<u32>(q.available >> 32);
    case RS_VIRTIO_REG_QUEUE_DEVICE: return static_cast<u32>(q.used);
    case RS_VIRTIO_REG_QUEUE_DEVICE + 4: return static_cast<u32>(q.used >> 32);
    default: return offset >= RS_VIRTIO_REG_CONFIG ? configuration(offset - RS_VIRTIO_REG_CONFIG) : 0;
  }
}

void VirtioDevice::write(u32 offset, u32 value, unsigned size) {
  if (!present() || size != 4) return;
  Virtqueue::State* q = state_.queue_select < count_ ? &queues_[state_.queue_select].state : nullptr;
  const bool configurable = q && !q->ready;
  const auto half = [&](u64 Virtqueue::State::*address, bool high) {
    if (!configurable) return;
    u64& whole = q->*address;
    whole = high ? (whole & 0xFFFFFFFF) | u64{value} << 32 : (whole >> 32 << 32) | value;
  };
  switch (offset) {
    case RS_VIRTIO_REG_DEVICE_FEATURES_SELECT: state_.device_features_select = value; break;
    case RS_VIRTIO_REG_DRIVER_FEATURES_SELECT: state_.driver_features_select = value; break;
    case RS_VIRTIO_REG_DRIVER_FEATURES:
      if (state_.driver_features_select < 2 && !(state_.status & RS_VIRTIO_STATUS_FEATURES_OK)) {
        const unsigned shift = 32 * state_.driver_features_select;
        state_.driver_features &= ~(u64{0xFFFFFFFF} << shift);
        state_.driver_features |= u64{value} << shift;
      }
      break;
    case RS_VIRTIO_REG_QUEUE_SELECT: state_.queue_select = value; break;
    case RS_VIRTIO_REG_QUEUE_SIZE:
      // A power of two; what is not leaves the queue without a size, and then it does not become ready.
      if (configurable)
        q->size = value && value <= RS_VRING_MAX && !(value & (value - 1)) ? static_cast<u16>(value) : 0;
      break;
    case RS_VIRTIO_REG_QUEUE_READY:
      if (q) q->ready = (value & 1) && q->size;
      break;
    case RS_VIRTIO_REG_QUEUE_DESC: half(&Virtqueue::State::descriptors, false); break;
    case RS_VIRTIO_REG_QUEUE_DESC + 4: half(&Virtqueue::State::descriptors, true); break;
    case RS_VIRTIO_REG_QUEUE_DRIVER: half(&Virtqueue::State::available, false); break;
    case RS_VIRTIO_REG_QUEUE_DRIVER + 4: half(&Virtqueue::State::available, true); break;
    case RS_VIRTIO_REG_QUEUE_DEVICE: half(&Virtqueue::State::used, false); break;
    case RS_VIRTIO_REG_QUEUE_DEVICE + 4: half(&Virtqueue::State::used, true); break;
    case RS_VIRTIO_REG_QUEUE_NOTIFY:
      ++state_.notifications;
      if (driver_ready()) process();
      break;
    case RS_VIRTIO_REG_INTERRUPT_ACK:
      state_.interrupt_status &= static_cast<u8>(~value);
      if (!state_.interrupt_status) irq_.set(false);
      break;
    case RS_VIRTIO_REG_STATUS: set_status(static_cast<u8>(value)); break;
    case RS_VIRTIO_REG_POLL: start_polling(value); break;
    default: break;
  }
}

void VirtioDevice::set_status(u8 value) {
  if (value == 0) {  // reset; what the counters say of the past stays
    const State old = state_;
    state_ = {};
    state_.notifications = old.notifications;
    state_.interrupts = old.interrupts;
    state_.requests = old.requests;
    for (Virtqueue& q : queues_) q.state = {};
    abandon();
    irq_.set(false);
    return;
  }
  if (value & RS_VIRTIO_STATUS_FEATURES_OK) {
    const bool acceptable =
        !(state_.driver_features & ~features_) && state_.driver_features >> RS_VIRTIO_FEATURE_VERSION_1 & 1;
    if (!acceptable) value &= static_cast<u8>(~RS_VIRTIO_STATUS_FEATURES_OK);
  }
  for (Virtqueue& q : queues_)
    q.state.event_index = state_.driver_features >> RS_VIRTIO_FEATURE_EVENT_IDX & 1;
  const bool was_ready = driver_ready();
  state_.status = static_cast<u8>(value | (state_.status & RS_VIRTIO_STATUS_NEEDS_RESET));
  if (driver_ready() && !was_ready) process();
}

// ---- work

void VirtioDevice::start_polling(u32 microseconds_between) {
  constexpr u32 kLongest = 1'000'000;
  state_.poll_cycles = microseconds(std::min(microseconds_between, kLongest), clock_.hz());
  state_.next_poll = state_.poll_cycles ? clock_.now() + state_.poll_cycles : kNoDeadline;
  for (unsigned i = 0; i < count_; ++i) queues_[i].ask_for_notification(!polling());
}

void VirtioDevice::advance() {
  if (state_.next_poll > clock_.now()) return;
  state_.next_poll = clock_.now() + state_.poll_cycles;
  if (driver_ready()) process();
}

std::optional<Virtqueue::Chain> VirtioDevice::pop(unsigned i) {
  auto chain = queues_[i].pop();
  if (chain) ++state_.requests;
  return chain;
}

void VirtioDevice::settle(unsigned i) {
  if (!break_if_broken() && queues_[i].wants_interrupt()) signal(RS_VIRTIO_INTERRUPT_RING);
}

void VirtioDevice::signal(u8 cause) {
  state_.interrupt_status |= cause;
  ++state_.interrupts;
  irq_.set(true);
}

bool VirtioDevice::break_if_broken() {
  if (error().empty()) return false;
  if (state_.status & RS_VIRTIO_STATUS_NEEDS_RESET) return true;
  state_.status |= RS_VIRTIO_STATUS_NEEDS_RESET;
  state_.next_poll = kNoDeadline;
  state_.poll_cycles = 0;
  abandon();
  signal(RS_VIRTIO_INTERRUPT_CONFIG);
  return true;
}

}  // namespace ringside
