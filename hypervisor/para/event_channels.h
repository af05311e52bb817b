// Event channels: what a paravirtual guest has instead of interrupts. An event is a bit in the shared page;
// delivery is an upcall into the guest's ring 1, held off by a byte in the same page. Source: Barham et al.,
// SOSP 2003, section 3.3.2 (as "events").
#pragma once

#include "hypervisor/abi/paravirtual.h"
#include "hypervisor/para/shared_page.h"

namespace ringside::para {

class EventChannels {
 public:
  explicit EventChannels(SharedPage<rs_shared_info> page) : page_(page) {}

  /// An event for the guest. `port` is one of RS_EVENT_*.
  void raise(u32 port);
  /// A timer event that stands for `periods` of them.
  void raise_timer(u64 periods);

  bool pending() const { return page_.get().upcall_pending; }
  bool masked() const { return page_.get().upcall_mask; }
  void set_masked(bool on);
  void set_cr2(u32 address);

  /// RS_HC_SET_CALLBACK; 0 = none.
  void set_callback(u32 eip) { callback_ = eip; }
  u32 callback() const { return callback_; }
  bool deliverable() const { return callback_ && pending() && !masked(); }
  /// The upcall is being made.
  void delivered(u64 now_ns);

 private:
  SharedPage<rs_shared_info> page_;
  u32 callback_ = 0;
};

}  // namespace ringside::para
