// The paravirtual network card: a ring of frames to send, a ring of buffers to receive into. Any number of
// frames cost one hypercall, and one event brings several.
//
// The data move straight between the cable and the guest's frames; each frame is checked to be the guest's,
// and to receive into not to be a page table. Simplified: one page for a buffer, copies instead of flipped
// pages. Source: Barham et al., SOSP 2003, sections 3.4 (I/O rings) and 3.3.5 (network).
#pragma once

#include <memory>
#include <optional>

#include "hypervisor/abi/paravirtual.h"
#include "hypervisor/network/port.h"
#include "hypervisor/para/shared_page.h"

namespace ringside::para {

class NetRing {
 public:
  NetRing(SharedPage<rs_net_ring> page, std::shared_ptr<NetworkPort> cable, GuestMemory ram,
          DirectPaging& paging, TranslationCache& cache)
      : page_(page), cable_(std::move(cable)), ram_(ram), paging_(paging), cache_(cache) {}

  struct Served {
    Status status =
        0;  ///< why the first refused frame was; -RS_EINVAL if indices claim more than the ring holds
    u32 frames = 0;       ///< taken from the ring, refused ones included
    bool notify = false;  ///< frames were received meanwhile, and the guest asked to be told
  };
  /// The guest has frames to send, or new buffers.
  Served serve(u64 now);
  /// When the monitor must act by itself: a frame arrives for which there may be a buffer.
  u64 next_arrival() const { return listening_ && !waiting_ ? cable_->next_arrival() : kNoDeadline; }
  /// Puts what has arrived into the guest's buffers; whether the guest asked to be told.
  bool receive(u64 now);

 private:
  Status send(const rs_net_buffer& buffer, u64 now);
  u16 store(const rs_net_buffer& buffer, const Frame& frame);

  SharedPage<rs_net_ring> page_;
  std::shared_ptr<NetworkPort> cable_;
  GuestMemory ram_;
  DirectPaging& paging_;
  TranslationCache& cache_;
  u32 sent_ = 0, received_ = 0;  ///< the monitor's own indices: those in the page only tell the guest
  bool listening_ = false;
  std::optional<Frame> waiting_;  ///< has arrived, and there is no buffer for it
};

}  // namespace ringside::para
