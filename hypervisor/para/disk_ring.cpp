#include "hypervisor/para/disk_ring.h"

namespace ringside::para {
namespace {

constexpr u32 kSectorsPerPage = kPageSize / kSectorBytes;

u32 sectors_of(const rs_disk_segment& s) { return u32{s.last_sector} - s.first_sector + 1; }

}  // namespace

DiskRing::DiskRing(SharedPage<rs_disk_ring> page, std::shared_ptr<BlockBackend> disk, GuestMemory ram,
                   DirectPaging& paging, TranslationCache& cache)
    : page_(page), disk_(std::move(disk)), ram_(ram), paging_(paging), cache_(cache) {}

DiskRing::Served DiskRing::serve() {
  const u32 producer = page_.get().request_producer, before = done_;
  if (producer - done_ > RS_DISK_RING_SIZE) return {.status = -RS_EINVAL};
  Served served;
  while (done_ != producer) {
    // A copy: the guest's data may land on the ring itself.
    const rs_disk_request request = page_.get().request[done_ % RS_DISK_RING_SIZE];
    const Status status = carry_out(request, served.sectors);
    page_.change([&](rs_disk_ring& ring) {
      ring.response[done_ % RS_DISK_RING_SIZE] = {request.id, status};
    });
    ++done_;
    ++served.requests;
  }
  const u32 event = page_.get().response_event;
  served.notify = done_ - event < done_ - before;
  page_.change([&](rs_disk_ring& ring) {
    ring.response_producer = done_;
    ring.request_event = done_ + 1;
  });
  return served;
}

Status DiskRing::check(const rs_disk_request& request) {
  if (request.operation > RS_DISK_FLUSH || request.segments > RS_DISK_SEGMENTS) return -RS_EINVAL;
  u64 sectors = 0;
  for (u32 i = 0; i < request.segments; ++i) {
    const rs_disk_segment& s = request.segment[i];
    if (s.first_sector > s.last_sector || s.last_sector >= kSectorsPerPage) return -RS_EINVAL;
    const bool allowed = request.operation == RS_DISK_READ ? paging_.prepare_write(s.machine_frame)
                                                           : paging_.owns(s.machine_frame);
    if (!allowed) return -RS_EPERM;
    sectors += sectors_of(s);
  }
  if (!disk_) return -RS_EIO;
  return request.sector + sectors <= disk_->sectors() ? 0 : -RS_EINVAL;
}

Status DiskRing::carry_out(const rs_disk_request& request, u32& sectors) {
  if (Status refused = check(request)) return refused;
  if (request.operation == RS_DISK_FLUSH) return 0;
  u64 sector = request.sector;
  for (u32 i = 0; i < request.segments; ++i) {
    const rs_disk_segment& s = request.segment[i];
    const MachinePhys at = MachinePhys(u64{s.machine_frame} << 12) + s.first_sector * kSectorBytes;
    const u32 bytes = sectors_of(s) * kSectorBytes;
    u8* data = ram_.machine().at(at, bytes);
    const bool ok = request.operation == RS_DISK_READ ? disk_->read(sector, {data, bytes})
                                                      : disk_->write(sector, {data, bytes});
    if (!ok) return -RS_EIO;
    if (request.operation == RS_DISK_READ) cache_.written(at, bytes);
    sector += sectors_of(s);
    sectors += sectors_of(s);
  }
  return 0;
}

}  // namespace ringside::para
