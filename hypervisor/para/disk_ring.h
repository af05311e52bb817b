// The paravirtual disk: a ring of requests, each for up to eleven pages, answered in place. Sixteen requests
// cost one hypercall, where IDE in PIO costs an exit per port access.
//
// The data move straight between the backend and the guest's frames; each frame is checked to be the guest's,
// and for a read not to be a page table. Simplified: requests are served at once, in the hypercall that
// announces them. Source: Barham et al., SOSP 2003, section 3.4 (I/O rings).
#pragma once

#include <memory>

#include "hypervisor/abi/paravirtual.h"
#include "hypervisor/devices/block_backend.h"
#include "hypervisor/para/shared_page.h"

namespace ringside::para {

class DiskRing {
 public:
  /// `disk` may be null: every request then fails.
  DiskRing(SharedPage<rs_disk_ring> page, std::shared_ptr<BlockBackend> disk, GuestMemory ram,
           DirectPaging& paging, TranslationCache& cache);

  struct Served {
    Status status =
        0;  ///< -RS_EINVAL if the guest claims more requests than the ring holds; nothing is served then
    u32 requests = 0;
    u32 sectors = 0;
    bool notify = false;  ///< the guest asked to be told of these responses
  };
  Served serve();

 private:
  Status carry_out(const rs_disk_request& request, u32& sectors);
  Status check(const rs_disk_request& request);

  SharedPage<rs_disk_ring> page_;
  std::shared_ptr<BlockBackend> disk_;
  GuestMemory ram_;
  DirectPaging& paging_;
  TranslationCache& cache_;
  // As with the console: the monitor trusts only its own indices. Every request is answered at once, so one
  // will do.
  u32 done_ = 0;
};

}  // namespace ringside::para
