#include "hypervisor/para/domain.h"

#include "cpu/host_error.h"

namespace ringside::para {

Domain::Domain(Host& h, std::shared_ptr<BlockBackend> backend, std::shared_ptr<NetworkPort> cable,
               const Image& image, const std::string& command_line)
    : host(h),
      layout(lay_out(image, h.machine.ram().size(), cable != nullptr)),
      cache(h.cpu),
      area(h.memory, h.frames, h.machine.ram()),
      paging(h.machine.ram(), cache, area.directory_entry()),
      memory(h.machine.ram(), paging, cache),
      descriptors(area),
      traps(descriptors),
      events({h.machine.ram(), cache, layout.shared_info}),
      console({h.machine.ram(), cache, layout.console_ring}),
      disk({h.machine.ram(), cache, layout.disk_ring}, backend, h.machine.ram(), paging, cache) {
  build(image, layout, host.machine.ram(), area, backend ? backend->sectors() : 0,
        cable ? cable->address() : StationAddress{}, command_line);
  auto machine_frame = [&](GuestPhys at) {
    return static_cast<u32>(host.machine.ram().to_machine(at).frame());
  };
  for (GuestPhys shared : {layout.shared_info, layout.console_ring, layout.disk_ring})
    paging.hold_writable(machine_frame(shared));
  if (cable) {
    paging.hold_writable(machine_frame(layout.net_ring));
    net.emplace(SharedPage<rs_net_ring>(host.machine.ram(), cache, layout.net_ring), cable,
                host.machine.ram(), paging, cache);
  }
  const u32 directory = machine_frame(layout.page_directory);
  if (paging.pin(directory, FrameType::L2) || paging.new_base(directory))
    throw HostError(image.name + ": the initial page tables are not valid");
  paging.take_work();

  cpu() = entry_state(image, layout);
  descriptors.load(cpu());
  load_base();
  host.cpu.set_deprivileged(true);
}

}  // namespace ringside::para
