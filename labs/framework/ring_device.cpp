#include "labs/framework/ring_device.h"

#include <algorithm>

#include "hypervisor/machine_layout.h"
#include "labs/framework/serve_machine.h"
#include "ringside/ring.h"

namespace ringside::labs {

RingDevice::RingDevice(Host& host, Session& session, std::shared_ptr<BlockBackend> disk)
    : VirtioDevice(host, IrqLine(host.machine.devices().pic, RS_IRQ_VIRTIO_BLOCK), host.machine.dma(),
                   RS_VIRTIO_ID_BLOCK, 1),
      host_(host),
      session_(session),
      disk_(std::move(disk)) {
  host.machine.devices().put_in_place(DeviceId::VirtioBlock, *this);
}

u32 RingDevice::configuration(u32 offset) const {
  return offset == 0 ? static_cast<u32>(disk_->sectors()) : 0;
}

/// There is no guest here: the other side of a device is memory.
void RingDevice::ask(Hook hook) {
  if (!complaint_.empty()) return;
  const Session::Done done = session_.exchange(hook, nullptr, 0, Cpu{}, *this);
  if (!session_.lost().empty())
    complaint_ = session_.lost();
  else if (done.outcome.next != lab::Outcome::Done)
    complaint_ = "your device does not answer";
  if (!complaint_.empty()) queue(0).state.broken = complaint_;
  settle(0);
}

bool RingDevice::serve(Frame& call, std::vector<u8>& payload) {
  using lab::Call;
  const u32 a = call.a[0];
  switch (static_cast<Call>(call.code)) {
    case Call::WritePhysical:
      if (call.a[1] != payload.size()) return false;
      call.a[0] = dma_.write(GuestPhys(a), payload.data(), payload.size());
      break;
    case Call::RingQueue: {
      const Virtqueue::State& q = queue(0).state;
      const u64 words[] = {q.size, q.descriptors, q.available, q.used, disk_->sectors()};
      std::copy(std::begin(words), std::end(words), call.a);
      break;
    }
    case Call::DiskRead:
      payload.assign(lab::kSector, 0);
      call.a[0] = a < disk_->sectors() && disk_->read(a, payload);
      return true;
    case Call::DiskWrite:
      if (payload.size() != lab::kSector) return false;
      call.a[0] = a < disk_->sectors() && disk_->write(a, payload);
      break;
    case Call::Interrupt: signal(RS_VIRTIO_INTERRUPT_RING); break;
    case Call::DriverBroken: queue(0).state.broken = "the driver has broken the rules of the ring"; break;
    default: return serve_machine(host_, call, payload).value_or(false);
  }
  payload.clear();
  return true;
}

}  // namespace ringside::labs
