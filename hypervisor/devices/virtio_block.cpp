#include "hypervisor/devices/virtio_block.h"

#include <algorithm>

namespace ringside {
namespace {

constexpr unsigned kRequests = 0;  // the only queue
constexpr u64 kFeatures = u64{1} << RS_VIRTIO_BLOCK_FEATURE_SEG_MAX | u64{1} << RS_VIRTIO_BLOCK_FEATURE_FLUSH;

u64 data_bytes(const Virtqueue::Chain& chain) {
  u64 sum = 0;
  for (const Virtqueue::Piece& p : chain.pieces) sum += p.length;
  return sum;
}

}  // namespace

VirtioBlock::VirtioBlock(const Clock& clock, IrqLine irq, const Dma& dma, std::shared_ptr<BlockBackend> disk)
    : VirtioDevice(clock, irq, dma, RS_VIRTIO_ID_BLOCK, 1, kFeatures), disk_(std::move(disk)) {}

void VirtioBlock::restore(const State& state) {
  restore_transport(state.transport);
  requests_ = state.requests;
}

u32 VirtioBlock::configuration(u32 offset) const {
  switch (offset) {
    case 0: return static_cast<u32>(disk_->sectors());
    case 4: return static_cast<u32>(disk_->sectors() >> 32);
    case RS_VIRTIO_BLOCK_CONFIG_SEG_MAX: return RS_VRING_MAX - 2;  // beside the header and the status
    default: return 0;
  }
}

void VirtioBlock::process() {
  while (auto chain = pop(kRequests)) {
    const u64 begin = requests_.empty() ? clock_.now() : std::max(clock_.now(), requests_.back().due);
    const u64 service =
        microseconds(kServiceMicroseconds, clock_.hz()) +
        static_cast<u64>(Wide{data_bytes(*chain)} * clock_.hz() / (kBytesPerMicrosecond * 1'000'000));
    requests_.push_back({std::move(*chain), begin + service});
  }
  ask_for_notification(kRequests);
  settle(kRequests);
}

u64 VirtioBlock::deadline() const {
  return std::min(VirtioDevice::deadline(), requests_.empty() ? kNoDeadline : requests_.front().due);
}

void VirtioBlock::advance() {
  VirtioDevice::advance();
  bool finished = false;
  while (!requests_.empty() && requests_.front().due <= clock_.now()) {
    const Request request = std::move(requests_.front());
    requests_.pop_front();
    finish(request.chain);
    finished = true;
  }
  if (finished) settle(kRequests);
}

void VirtioBlock::finish(const Virtqueue::Chain& chain) {
  u32 written = 0;
  const u8 status = carry_out(chain, written);
  // The status byte is the last one of the last piece, if the driver left room for it at all.
  if (!chain.pieces.empty() && chain.pieces.back().device_writes && chain.pieces.back().length) {
    const Virtqueue::Piece& last = chain.pieces.back();
    if (dma_.write(last.address + (last.length - 1), status)) ++written;
  }
  queue(kRequests).push(chain.head, written);
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

}  // namespace ringside
