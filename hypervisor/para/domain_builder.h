// Builds a paravirtual domain: where everything lies in the guest's RAM, the initial page tables (which hold
// machine addresses from the first moment), start info, frame list and the hypercall page.
//
//   guest-physical 0                                                            first_free_page
//   |  image (hypercall page in it) | start info | shared info | rings | stack | frame list | directory |
//   tables |  free
//
// All of RAM is mapped from the image's virtual base up.
// Source: Barham et al., SOSP 2003, section 3.3.6 ("Building a new domain").
#pragma once

#include "hypervisor/boot/image.h"
#include "hypervisor/network/port.h"
#include "hypervisor/para/monitor_area.h"

namespace ringside::para {

/// Guest-physical addresses, each of a page.
struct DomainLayout {
  u32 virt_base = 0, ram_pages = 0;
  GuestPhys start_info, shared_info, console_ring, disk_ring, net_ring, stack, frame_list, page_directory,
      first_free;
  bool network = false;      ///< without it there is no net_ring
  u32 page_table_pages = 0;  ///< the directory included

  LinearAddr linear(GuestPhys at) const { return LinearAddr(virt_base + static_cast<u32>(at.value)); }
};

/// Throws HostError: no paravirtual build, or one that does not fit.
DomainLayout lay_out(const Image& image, u64 ram_bytes, bool network);

/// Fills RAM; the page tables are not validated yet. `station`: the network card's address, if there is one.
void build(const Image& image, const DomainLayout& layout, GuestMemory& ram, const MonitorArea& area,
           u64 disk_sectors, const StationAddress& station, const std::string& command_line);

/// The registers at entry but for segments, descriptor tables and CR3.
CpuState entry_state(const Image& image, const DomainLayout& layout);

}  // namespace ringside::para
