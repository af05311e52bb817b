// A paravirtual domain: the guest and everything that the monitor keeps for it. Hypercalls work on this.
#pragma once

#include <string>

#include "hypervisor/host.h"
#include "hypervisor/para/console_ring.h"
#include "hypervisor/para/disk_ring.h"
#include "hypervisor/para/domain_builder.h"
#include "hypervisor/para/event_channels.h"
#include "hypervisor/para/frames.h"
#include "hypervisor/para/net_ring.h"
#include "hypervisor/para/timer.h"

namespace ringside::para {

/// The real processor's TLB and decoded code.
class CpuTranslations final : public TranslationCache {
 public:
  explicit CpuTranslations(Cpu& cpu) : cpu_(cpu) {}
  void flush() override { cpu_.flush_tlb(); }
  void invalidate(LinearAddr address) override { cpu_.invalidate_page(address); }
  void written(MachinePhys begin, u64 bytes) override { cpu_.memory_written(begin, bytes); }

 private:
  Cpu& cpu_;
};

struct Domain {
  /// Places the image, validates the tables that the builder made as if the guest had, and loads the
  /// processor.
  Domain(Host& host, std::shared_ptr<BlockBackend> disk, std::shared_ptr<NetworkPort> cable,
         const Image& image, const std::string& command_line);

  Host& host;
  DomainLayout layout;
  CpuTranslations cache;
  MonitorArea area;
  DirectPaging paging;
  GuestLinear memory;
  DescriptorTables descriptors;
  TrapTable traps;
  EventChannels events;
  ConsoleRing console;
  DiskRing disk;
  std::optional<NetRing> net;  ///< none: no network card
  PeriodicTimer timer;
  bool blocked = false;  ///< waits for an event: RS_SCHED_BLOCK
  std::string crash;     ///< why the monitor ends the domain

  /// CR3 := the base pointer.
  void load_base() { cpu().cr3 = paging.base() << 12; }
  CpuState& cpu() { return host.cpu.state(); }
  GuestContext context() { return {cpu(), descriptors, memory}; }
};

}  // namespace ringside::para
