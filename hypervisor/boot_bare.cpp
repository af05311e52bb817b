// Hands an image to a bare processor, as a boot loader would: segments in RAM, Multiboot information, first
// registers.
//
// The memory map says what a PC's does: RAM up to 9FC00h, the firmware's area up to 1 MiB, RAM above.
// Manual: Multiboot specification 0.6.96, sections 3.2 and 3.3.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cpu/host_error.h"
#include "hypervisor/abi/ports.h"
#include "hypervisor/image.h"

namespace ringside {
namespace {

constexpr u32 kLoaderMagic = 0x2BADB002;
constexpr u32 kConventionalEnd = 0x9FC00, kFirmwareEnd = 0x100000;
constexpr u32 kFirstInfo = 0x1000;  // above the real-mode vectors and the firmware's data

enum InfoFlags : u32 { kMemory = 1, kCommandLine = 1 << 2, kMemoryMap = 1 << 6, kLoaderName = 1 << 9 };
struct Info {
  u32 flags, mem_lower, mem_upper, boot_device, command_line, mods_count, mods_addr, syms[4], mmap_length,
      mmap_addr, drives_length, drives_addr, config_table, loader_name;
};
struct __attribute__((packed)) MapEntry {
  u32 size;
  u64 base, length;
  u32 type;
};
enum MapType : u32 { kAvailable = 1, kReserved = 2 };

void place(const Image& image, GuestMemory& ram) {
  for (const auto& s : image.segments) {
    const u64 end = u64{s.physical} + s.memory_bytes;
    if (end > ram.size())
      throw HostError(fmt::format(
          "image '{}': the segment at physical {:X}h-{:X}h does not fit into {} MiB of RAM. Give the guest "
          "more: -m {}",
          image.name, s.physical, end, ram.size() >> 20, (end + 0xFFFFF) >> 20));
    if (s.physical < kFirmwareEnd && end > RS_VGA_WINDOW)
      throw HostError(
          fmt::format("image '{}': the segment at physical {:X}h-{:X}h covers the display and firmware area "
                      "A0000h-FFFFFh. Link it at 1 MiB or above.",
                      image.name, s.physical, end));
    u8* to = ram.at(GuestPhys(s.physical), s.memory_bytes);
    std::copy(s.bytes.begin(), s.bytes.end(), to);
    std::fill(to + s.bytes.size(), to + s.memory_bytes, u8{0});
  }
}

/// A page-aligned place for the boot information: in conventional memory between the segments, or after the
/// image.
u32 find_room(const Image& image, const GuestMemory& ram, u64 bytes) {
  const auto taken = [&](u64 at) {
    return std::any_of(image.segments.begin(), image.segments.end(), [&](const Image::Segment& s) {
      return at < u64{s.physical} + s.memory_bytes && s.physical < at + bytes;
    });
  };
  const u64 conventional = std::min<u64>(kConventionalEnd, ram.size());
  for (u64 at = kFirstInfo; at + bytes <= conventional; at += kPageSize)
    if (!taken(at)) return static_cast<u32>(at);
  const u64 after = (std::max<u64>(image.end(), kFirmwareEnd) + kPageMask) & ~u64{kPageMask};
  if (after + bytes > ram.size())
    throw HostError(fmt::format(
        "image '{}' leaves no room in RAM for the boot information ({} bytes). Give the guest more: -m {}",
        image.name, bytes, (ram.size() >> 20) + 1));
  return static_cast<u32>(after);
}

/// As GRUB and QEMU pass it: the image's name, then its arguments. One word for the name.
std::string full_command_line(const Image& image, const std::string& arguments) {
  std::string name = image.name.substr(image.name.find_last_of('/') + 1);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return c <= ' '; }, '_');
  return arguments.empty() ? name : name + ' ' + arguments;
}

u32 write_multiboot_info(const Image& image, GuestMemory& ram, const std::string& arguments) {
  static constexpr char kName[] = "Ringside";
  const std::string command_line = full_command_line(image, arguments);
  MapEntry map[4];
  u32 entries = 0;
  const auto region = [&](u64 base, u64 end, u32 type) {
    end = std::min<u64>(end, ram.size());
    if (base < end) map[entries++] = {sizeof(MapEntry) - 4, base, end - base, type};
  };
  region(0, kConventionalEnd, kAvailable);
  region(kConventionalEnd, RS_VGA_WINDOW, kReserved);
  region(0xF0000, kFirmwareEnd, kReserved);
  region(kFirmwareEnd, ram.size(), kAvailable);

  const u32 map_bytes = entries * static_cast<u32>(sizeof(MapEntry));
  const u32 at = find_room(image, ram, sizeof(Info) + map_bytes + sizeof kName + command_line.size() + 1);
  Info info{};
  info.flags = kMemory | kCommandLine | kMemoryMap | kLoaderName;
  info.mem_lower = static_cast<u32>(std::min<u64>(kConventionalEnd, ram.size()) / 1024);
  info.mem_upper = ram.size() > kFirmwareEnd ? static_cast<u32>((ram.size() - kFirmwareEnd) / 1024) : 0;
  info.mmap_length = map_bytes;
  info.mmap_addr = at + sizeof(Info);
  info.loader_name = info.mmap_addr + map_bytes;
  info.command_line = info.loader_name + sizeof kName;
  ram.write(GuestPhys(at), info);
  std::memcpy(ram.at(GuestPhys(info.mmap_addr), map_bytes), map, map_bytes);
  std::memcpy(ram.at(GuestPhys(info.loader_name), sizeof kName), kName, sizeof kName);
  std::memcpy(ram.at(GuestPhys(info.command_line), command_line.size() + 1), command_line.c_str(),
              command_line.size() + 1);
  return at;
}

/// Real mode at 0000:7C00 with the boot drive in DL, as firmware starts a boot sector. There is no firmware
/// to call.
CpuState boot_sector_state() {
  CpuState s = reset_state();
  for (SegmentRegister& r : s.seg) {
    r.selector = 0;
    r.base = 0;
  }
  s.eip = 0x7C00;
  s.gpr = {};
  s.gpr[ESP] = 0x7C00;
  s.gpr[EDX] = 0x80;
  return s;
}

}  // namespace

CpuState boot_bare(const Image& image, GuestMemory& ram, const std::string& command_line) {
  if (!image.bare)
    throw HostError(fmt::format(
        "image '{}' is a paravirtual build: it has no Multiboot header and runs only with --mode para.",
        image.name));
  place(image, ram);
  if (image.format == Image::Format::BootSector) return boot_sector_state();
  CpuState s = flat_protected_state(image.entry);
  if (image.format == Image::Format::Multiboot) {
    s.gpr[EAX] = kLoaderMagic;
    s.gpr[EBX] = write_multiboot_info(image, ram, command_line);
  }
  return s;
}

}  // namespace ringside
