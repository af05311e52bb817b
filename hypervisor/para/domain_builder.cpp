#include "hypervisor/para/domain_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cpu/host_error.h"
#include "cpu/paging.h"

namespace ringside::para {
namespace {

constexpr u32 kEntriesPerPage = kPageSize / 4;
constexpr u64 kBytesPerTable = u64{kPageSize} * kEntriesPerPage;

constexpr u64 pages(u64 bytes) { return (bytes + kPageMask) / kPageSize; }

[[noreturn]] void refuse(const Image& image, const std::string& why) {
  throw HostError(fmt::format("{}: {}", image.name, why));
}

void check_notes(const Image& image, u64 ram_bytes) {
  const Image::Paravirtual& pv = *image.paravirtual;
  if (pv.virt_base % kBytesPerTable)
    refuse(image,
           fmt::format("its paravirtual base {:08X}h is not a multiple of 4 MiB; link it so", pv.virt_base));
  if (pv.virt_base >= RS_MONITOR_BASE || ram_bytes > RS_MONITOR_BASE - pv.virt_base)
    refuse(image,
           fmt::format(
               "{} MiB of RAM mapped from {:08X}h would run into the monitor's area at {:08X}h; use -m {}",
               ram_bytes >> 20, pv.virt_base, RS_MONITOR_BASE, (RS_MONITOR_BASE - pv.virt_base) >> 20));
  const u32 page = pv.hypercall_page - pv.virt_base;
  if (pv.hypercall_page % kPageSize || page >= ram_bytes)
    refuse(image, fmt::format("its hypercall page {:08X}h is not a page of its RAM", pv.hypercall_page));
  for (const Image::Segment& s : image.segments) {
    if (s.linear - pv.virt_base != s.physical)
      refuse(image, fmt::format(
                        "the segment at {:08X}h is not linked at base {:08X}h + its physical address {:08X}h",
                        s.linear, pv.virt_base, s.physical));
    if (u64{s.physical} + s.memory_bytes > ram_bytes)
      refuse(image, fmt::format("the segment at {:08X}h does not fit into {} MiB of RAM; use a larger -m",
                                s.linear, ram_bytes >> 20));
  }
}

template <class T>
void put(GuestMemory& ram, GuestPhys at, const T& value) {
  std::memcpy(ram.at(at, sizeof value), &value, sizeof value);
}

void place(const Image& image, GuestMemory& ram) {
  for (const Image::Segment& s : image.segments) {
    u8* to = ram.at(GuestPhys(s.physical), s.memory_bytes);
    if (s.memory_bytes == 0 || !to) continue;
    std::memset(to, 0, s.memory_bytes);
    std::copy(s.bytes.begin(), s.bytes.end(), to);
  }
}

/// n: mov eax, n; int 82h; ret. RS_HC_IRET finds its arguments on the stack and does not come back.
void write_hypercall_page(u8* page) {
  constexpr u8 kPushEax = 0x50, kMovEax = 0xB8, kInt = 0xCD, kRet = 0xC3, kVector = 0x82;
  for (u32 n = 0; n < kPageSize / RS_HC_STUB_BYTES; ++n) {
    std::vector<u8> stub{kMovEax, static_cast<u8>(n), 0, 0, 0, kInt, kVector, kRet};
    if (n == RS_HC_IRET) stub.insert(stub.begin(), kPushEax);
    std::copy(stub.begin(), stub.end(), page + n * RS_HC_STUB_BYTES);
  }
}

void build_page_tables(const DomainLayout& l, GuestMemory& ram) {
  auto machine = [&](u64 page) { return static_cast<u32>(ram.to_machine(GuestPhys(page << 12)).value); };
  const u64 directory = l.page_directory.frame(), structures_end = directory + l.page_table_pages;
  for (u64 page = 0; page < l.ram_pages; ++page) {
    const u64 table = directory + 1 + page / kEntriesPerPage;
    const bool structure = page >= directory && page < structures_end;
    const u32 rights = pte::P | pte::A | (structure ? 0 : pte::W | pte::D);
    put(ram, GuestPhys((table << 12) + page % kEntriesPerPage * 4), machine(page) | rights);
  }
  for (u32 i = 0; i + 1 < l.page_table_pages; ++i) {
    const u32 slot = (l.virt_base >> 22) + i;
    put(ram, l.page_directory + slot * 4, machine(directory + 1 + i) | pte::P | pte::W | pte::U | pte::A);
  }
}

}  // namespace

DomainLayout lay_out(const Image& image, u64 ram_bytes, bool network) {
  if (!image.paravirtual)
    throw HostError(fmt::format("{} has no paravirtual build; give one with --pv-kernel FILE", image.name));
  ram_bytes &= ~u64{kPageMask};
  check_notes(image, ram_bytes);

  DomainLayout l;
  l.virt_base = image.paravirtual->virt_base;
  l.ram_pages = static_cast<u32>(ram_bytes >> 12);
  l.page_table_pages = 1 + static_cast<u32>((ram_bytes + kBytesPerTable - 1) / kBytesPerTable);
  u64 next = pages(image.end());
  // The hypercall page may be the image's last, in space that it does not load.
  next = std::max(next, u64{(image.paravirtual->hypercall_page - l.virt_base) >> 12} + 1);
  auto take = [&](GuestPhys& at, u64 count) {
    at = GuestPhys(next << 12);
    next += count;
  };
  take(l.start_info, 1);
  take(l.shared_info, 1);
  take(l.console_ring, 1);
  take(l.disk_ring, 1);
  l.network = network;
  if (network) take(l.net_ring, 1);
  take(l.stack, 1);
  take(l.frame_list, pages(u64{l.ram_pages} * 4));
  take(l.page_directory, l.page_table_pages);
  take(l.first_free, 0);
  if (next > l.ram_pages)
    refuse(image, fmt::format("it needs {} KiB to start and the machine has {}; use a larger -m", next * 4,
                              u64{l.ram_pages} * 4));
  return l;
}

void build(const Image& image, const DomainLayout& l, GuestMemory& ram, const MonitorArea& area,
           u64 disk_sectors, const StationAddress& station, const std::string& command_line) {
  place(image, ram);
  const u64 own = l.first_free.value - l.start_info.value;
  std::memset(ram.at(l.start_info, own), 0, own);
  write_hypercall_page(ram.at(GuestPhys(image.paravirtual->hypercall_page - l.virt_base), kPageSize));
  for (u32 page = 0; page < l.ram_pages; ++page)
    put(ram, l.frame_list + page * 4, static_cast<u32>(ram.to_machine(GuestPhys(u64{page} << 12)).frame()));
  build_page_tables(l, ram);

  rs_start_info info{};
  std::memcpy(info.magic, RS_START_MAGIC, sizeof RS_START_MAGIC);
  info.ram_pages = l.ram_pages;
  info.page_directory = l.linear(l.page_directory).value;
  info.page_table_pages = l.page_table_pages;
  info.first_free_page = static_cast<u32>(l.first_free.frame());
  info.frame_list = l.linear(l.frame_list).value;
  info.machine_to_guest = MonitorArea::kMachineToGuest.value;
  info.machine_frames = area.machine_frames();
  info.shared_info = l.linear(l.shared_info).value;
  info.console_ring = l.linear(l.console_ring).value;
  info.disk_ring = l.linear(l.disk_ring).value;
  info.disk_sectors = static_cast<u32>(std::min<u64>(disk_sectors, ~u32{0}));
  if (l.network) info.net_ring = l.linear(l.net_ring).value;
  std::copy(station.begin(), station.end(), info.station);
  command_line.copy(info.command_line, sizeof info.command_line - 1);
  put(ram, l.start_info, info);

  rs_shared_info shared{};
  shared.upcall_mask = 1;
  put(ram, l.shared_info, shared);

  rs_disk_ring ring{};
  ring.request_event = ring.response_event = 1;
  put(ram, l.disk_ring, ring);
}

CpuState entry_state(const Image& image, const DomainLayout& l) {
  CpuState s{};
  s.cr0 = cr0::PE | cr0::ET | cr0::NE | cr0::WP | cr0::PG;
  s.eflags = eflags::kFixedOne | eflags::IF;
  s.eip = image.paravirtual->entry;
  s.gpr[ESI] = l.linear(l.start_info).value;
  s.gpr[ESP] = l.linear(l.stack).value + kPageSize;
  return s;
}

}  // namespace ringside::para
