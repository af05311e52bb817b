// The disk behind the ring. Whatever is read from the ring was written by somebody who may lie.
#include "ringside/ring.h"

#include <vector>

using namespace ringside::lab;

namespace {

using Chain = std::vector<Descriptor>;
constexpr u64 kMostBytes = 1u << 20;  // of one request

class MyDisk final : public RingMonitor {
 public:
  void notify(RingVm& vm) override;
  void reset(RingVm&) override { next_available_ = next_used_ = signalled_ = 0; }

 private:
  bool serve(RingVm& vm, u16 head);
  bool collect(RingVm& vm, u16 head, Chain& chain);
  u8 carry_out(RingVm& vm, const Chain& chain, u32& written);
  bool give_back(RingVm& vm, u16 head, u32 written);
  void tell(RingVm& vm);

  Queue q_{};
  u16 next_available_ = 0, next_used_ = 0, signalled_ = 0;
};

template <class T>
bool get(RingVm& vm, u32 address, T& value) {
  return vm.read_physical(address, &value, sizeof value);
}
template <class T>
bool put(RingVm& vm, u32 address, const T& value) {
  return vm.write_physical(address, &value, sizeof value);
}

void MyDisk::notify(RingVm& vm) {
  q_ = vm.queue();
  for (;;) {
    u16 index, head;
    if (!get(vm, q_.available + 2, index)) return vm.driver_broken();
    const u16 waiting = static_cast<u16>(index - next_available_);
    if (waiting == 0) break;
    if (waiting > q_.size) return vm.driver_broken();
    if (!get(vm, q_.available + 4 + 2 * (next_available_ % q_.size), head)) return vm.driver_broken();
    if (!serve(vm, head)) return vm.driver_broken();
    ++next_available_;
  }
  tell(vm);
}

bool MyDisk::serve(RingVm& vm, u16 head) {
  Chain chain;
  if (!collect(vm, head, chain)) return false;
  u32 written = 0;
  const u8 status = carry_out(vm, chain, written);
  const Descriptor& last = chain.back();
  if ((last.flags & kDeviceWrites) && last.length > 0) {
    if (!put(vm, static_cast<u32>(last.address) + last.length - 1, status)) return false;
    ++written;
  }
  return give_back(vm, head, written);
}

/// The descriptors of a request. False: no driver that knows the rules has written this.
bool MyDisk::collect(RingVm& vm, u16 head, Chain& chain) {
  u64 bytes = 0;
  for (u16 at = head;;) {
    Descriptor d;
    if (at >= q_.size || chain.size() == q_.size) return false;  // outside the table; a loop
    if (!get(vm, q_.descriptors + at * u32{sizeof d}, d)) return false;
    if (d.flags & kIndirect) return false;  // not offered
    if (d.address + d.length < d.address || d.address + d.length > u64{1} << 32) return false;
    if ((bytes += d.length) > kMostBytes) return false;
    if (!(d.flags & kDeviceWrites) && !chain.empty() && (chain.back().flags & kDeviceWrites)) return false;
    chain.push_back(d);
    if (!(d.flags & kNext)) return true;
    at = d.next;
  }
}

u8 MyDisk::carry_out(RingVm& vm, const Chain& chain, u32& written) {
  BlockHeader header;
  if (chain.size() < 2 || (chain[0].flags & kDeviceWrites) || chain[0].length != sizeof header ||
      !get(vm, static_cast<u32>(chain[0].address), header))
    return kBlockError;
  if (header.type == kBlockFlush) return kBlockOk;
  if (header.type != kBlockRead && header.type != kBlockWrite) return kBlockUnsupported;
  const bool reads = header.type == kBlockRead;
  u64 sector = header.sector;
  for (std::size_t i = 1; i + 1 < chain.size(); ++i) {
    const Descriptor& d = chain[i];
    if (((d.flags & kDeviceWrites) != 0) != reads || d.length % kSector) return kBlockError;
    for (u32 done = 0; done < d.length; done += kSector, ++sector) {
      u8 data[kSector];
      const u32 at = static_cast<u32>(d.address) + done;
      if (sector >= vm.sectors()) return kBlockError;
      const u32 n = static_cast<u32>(sector);
      const bool ok = reads ? vm.disk_read(n, data) && vm.write_physical(at, data, kSector)
                            : vm.read_physical(at, data, kSector) && vm.disk_write(n, data);
      if (!ok) return kBlockError;
      if (reads) written += kSector;
    }
  }
  return kBlockOk;
}

bool MyDisk::give_back(RingVm& vm, u16 head, u32 written) {
  const u32 element[] = {head, written};
  if (!put(vm, q_.used + 4 + 8 * (next_used_ % q_.size), element)) return false;
  ++next_used_;
  return put(vm, q_.used + 2, next_used_);  // last: from now on the driver may look
}

/// Interrupts if the driver wants that for what was given back, and asks to be notified of the next request.
void MyDisk::tell(RingVm& vm) {
  if (!put(vm, q_.used + 4 + 8 * q_.size, next_available_)) return vm.driver_broken();
  u16 event;
  if (!get(vm, q_.available + 4 + 2 * q_.size, event)) return vm.driver_broken();
  const u16 now = next_used_, before = signalled_;
  signalled_ = now;
  // before <= event < now, modulo 2^16
  if (static_cast<u16>(now - event - 1) < static_cast<u16>(now - before)) vm.interrupt();
}

}  // namespace

Monitor* ringside::lab::make_monitor() { return new MyDisk; }
