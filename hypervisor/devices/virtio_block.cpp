#include "hypervisor/devices/virtio_block.h"

#include <algorithm>

#include "hypervisor/abi/virtio.h"

namespace ringside {
namespace {

constexpr u64 kFeatures = u64{1} << RS_VIRTIO_FEATURE_VERSION_1 | u64{1} << RS_VIRTIO_FEATURE_EVENT_IDX;

u64 data_bytes(const Virtqueue::Chain& chain) {
  u64 sum = 0;
  for (const Virtqueue::Piece& p : chain.pieces) sum += p.length;
  return sum;
}

}  // namespace

VirtioBlock::VirtioBlock(const Clock& clock, IrqLine irq, const Dma& dma, std::shared_ptr<BlockBackend> disk)
    : clock_(clock), irq_(irq), dma_(dma), disk_(std::move(disk)), queue_(dma) {}

VirtioBlock::State VirtioBlock::state() const {
  State state = state_;
  state.queue = queue_.state;
  return state;
}

void VirtioBlock::restore(const State& state) {
  state_ = state;
  queue_.state = state.queue;
}

// ---- registers

u32 VirtioBlock::read(u32 offset, unsigned) {
  if (!disk_) return 0;  // magic 0: there is no device
  switch (offset) {
    case RS_VIRTIO_REG_MAGIC: return RS_VIRTIO_MAGIC;
    case RS_VIRTIO_REG_VERSION: return 2;
    case RS_VIRTIO_REG_DEVICE: return RS_VIRTIO_ID_BLOCK;
    case RS_VIRTIO_REG_VENDOR: return 0x52494E47;  // "RING"
    case RS_VIRTIO_REG_DEVICE_FEATURES:
      return state_.device_features_select < 2
                 ? static_cast<u32>(kFeatures >> 32 * state_.device_features_select)
                 : 0;
    case RS_VIRTIO_REG_QUEUE_SIZE_MAX: return state_.queue_select == 0 ? RS_VRING_MAX : 0;
    case RS_VIRTIO_REG_QUEUE_READY: return state_.queue_select == 0 && queue_.state.ready;
    case RS_VIRTIO_REG_INTERRUPT_STATUS: return state_.interrupt_status;
    case RS_VIRTIO_REG_STATUS: return state_.status;
    case RS_VIRTIO_REG_CONFIG: return static_cast<u32>(disk_->sectors());
    case RS_VIRTIO_REG_CONFIG + 4: return static_cast<u32>(disk_->sectors() >> 32);
    default: return 0;
  }
}

void VirtioBlock::write(u32 offset, u32 value, unsigned size) {
  if (!disk_ || size != 4) return;
  Virtqueue::State& q = queue_.state;
  const bool configurable = state_.queue_select == 0 && !q.ready;
  const auto half = [&](u64& address, bool high) {
    if (configurable)
      address = high ? (address & 0xFFFFFFFF) | u64{value} << 32 : (address >> 32 << 32) | value;
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
        q.size = value && value <= RS_VRING_MAX && !(value & (value - 1)) ? static_cast<u16>(value) : 0;
      break;
    case RS_VIRTIO_REG_QUEUE_READY:
      if (state_.queue_select == 0) q.ready = (value & 1) && q.size;
      break;
    case RS_VIRTIO_REG_QUEUE_DESC: half(q.descriptors, false); break;
    case RS_VIRTIO_REG_QUEUE_DESC + 4: half(q.descriptors, true); break;
    case RS_VIRTIO_REG_QUEUE_DRIVER: half(q.available, false); break;
    case RS_VIRTIO_REG_QUEUE_DRIVER + 4: half(q.available, true); break;
    case RS_VIRTIO_REG_QUEUE_DEVICE: half(q.used, false); break;
    case RS_VIRTIO_REG_QUEUE_DEVICE + 4: half(q.used, true); break;
    case RS_VIRTIO_REG_QUEUE_NOTIFY:
      ++state_.notifications;
      take_requests();
      break;
    case RS_VIRTIO_REG_INTERRUPT_ACK:
      state_.interrupt_status &= ~value;
      if (!state_.interrupt_status) irq_.set(false);
      break;
    case RS_VIRTIO_REG_STATUS: set_status(static_cast<u8>(value)); break;
    case RS_VIRTIO_REG_POLL: start_polling(value); break;
    default: break;
  }
}

void VirtioBlock::set_status(u8 value) {
  if (value == 0) {  // reset; what the counters say of the past stays
    const State old = state_;
    state_ = {};
    state_.notifications = old.notifications, state_.interrupts = old.interrupts, state_.served = old.served;
    queue_.state = {};
    irq_.set(false);
    return;
  }
  if (value & RS_VIRTIO_STATUS_FEATURES_OK) {
    const bool acceptable =
        !(state_.driver_features & ~kFeatures) && state_.driver_features >> RS_VIRTIO_FEATURE_VERSION_1 & 1;
    if (!acceptable) value &= ~RS_VIRTIO_STATUS_FEATURES_OK;
  }
  queue_.state.event_index = state_.driver_features >> RS_VIRTIO_FEATURE_EVENT_IDX & 1;
  state_.status = static_cast<u8>(value | (state_.status & RS_VIRTIO_STATUS_NEEDS_RESET));
}

// ---- requests

void VirtioBlock::start_polling(u32 microseconds_between) {
  constexpr u32 kLongest = 1'000'000;
  state_.poll_cycles = microseconds(std::min(microseconds_between, kLongest), clock_.hz());
  state_.next_poll = state_.poll_cycles ? clock_.now() + state_.poll_cycles : kNoDeadline;
  queue_.ask_for_notification(!state_.poll_cycles);
}

void VirtioBlock::take_requests() {
  if (!(state_.status & RS_VIRTIO_STATUS_DRIVER_OK)) return;
  while (auto chain = queue_.pop()) {
    const u64 begin =
        state_.requests.empty() ? clock_.now() : std::max(clock_.now(), state_.requests.back().due);
    const u64 bytes = data_bytes(*chain);
    const u64 service = microseconds(kServiceMicroseconds, clock_.hz()) +
                        static_cast<u64>(Wide{bytes} * clock_.hz() / (kBytesPerMicrosecond * 1'000'000));
    state_.requests.push_back({std::move(*chain), begin + service});
  }
  if (!queue_.state.broken.empty()) return broken();
  if (!state_.poll_cycles) queue_.ask_for_notification(true);
}

u64 VirtioBlock::deadline() const {
  return std::min(state_.next_poll, state_.requests.empty() ? kNoDeadline : state_.requests.front().due);
}

void VirtioBlock::advance() {
  const u64 now = clock_.now();
  if (state_.next_poll <= now) {
    state_.next_poll = now + state_.poll_cycles;
    take_requests();
  }
  while (!state_.requests.empty() && state_.requests.front().due <= now) {
    const Request request = std::move(state_.requests.front());
    state_.requests.pop_front();
    finish(request.chain);
  }
  if (!queue_.state.broken.empty()) return broken();
  if (queue_.wants_interrupt()) signal(RS_VIRTIO_INTERRUPT_RING);
}

void VirtioBlock::finish(const Virtqueue::Chain& chain) {
  u32 written = 0;
  const u8 status = carry_out(chain, written);
  // The status byte is the last one of the last piece, if the driver left room for it at all.
  if (!chain.pieces.empty() && chain.pieces.back().device_writes && chain.pieces.back().length) {
    const Virtqueue::Piece& last = chain.pieces.back();
    if (dma_.write(last.address + (last.length - 1), status)) ++written;
  }
  queue_.push(chain.head, written);
  ++state_.served;
}

u8 VirtioBlock::carry_out(const Virtqueue::Chain& chain, u32& written) {
  rs_virtio_block_header header;
  const auto& pieces = chain.pieces;
  if (pieces.size() < 2 || pieces[0].device_writes || pieces[0].length != sizeof header ||
      !dma_.read(pieces[0].address, header))
    return RS_VIRTIO_BLOCK_IOERR;
  if (header.type == RS_VIRTIO_BLOCK_FLUSH) return RS_VIRTIO_BLOCK_OK;
  if (header.type != RS_VIRTIO_BLOCK_IN && header.type != RS_VIRTIO_BLOCK_OUT)
    return RS_VIRTIO_BLOCK_UNSUPPORTED;
  const bool in = header.type == RS_VIRTIO_BLOCK_IN;
  u64 sector = header.sector;
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    const Virtqueue::Piece& p = pieces[i];
    const bool last = i + 1 == pieces.size();
    const u32 bytes = last ? p.length - (p.length > 0) : p.length;  // the status byte is no data
    if (!bytes) continue;
    if (p.device_writes != in || bytes % kSectorBytes) return RS_VIRTIO_BLOCK_IOERR;
    const u64 count = bytes / kSectorBytes;
    if (sector > disk_->sectors() || count > disk_->sectors() - sector) return RS_VIRTIO_BLOCK_IOERR;
    std::vector<u8> data(bytes);
    if (in ? !disk_->read(sector, data) || !dma_.write(p.address, data.data(), bytes)
           : !dma_.read(p.address, data.data(), bytes) || !disk_->write(sector, data))
      return RS_VIRTIO_BLOCK_IOERR;
    if (in) written += bytes;
    sector += count;
  }
  return RS_VIRTIO_BLOCK_OK;
}

void VirtioBlock::signal(u8 cause) {
  state_.interrupt_status |= cause;
  ++state_.interrupts;
  irq_.set(true);
}

void VirtioBlock::broken() {
  if (state_.status & RS_VIRTIO_STATUS_NEEDS_RESET) return;
  state_.status |= RS_VIRTIO_STATUS_NEEDS_RESET;
  state_.requests.clear();
  state_.next_poll = kNoDeadline;
  signal(RS_VIRTIO_INTERRUPT_CONFIG);
}

}  // namespace ringside
