// Hands an image to a bare processor, as a boot loader would: segments in RAM, Multiboot information, first
// registers.
//
// Modules follow the image, each on a page of its own. A Linux kernel is linux_boot.h's.
// Manual: Multiboot specification 0.6.96, sections 3.2 and 3.3.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cpu/host_error.h"
#include "hypervisor/abi/ports.h"
#include "hypervisor/boot/firmware.h"
#include "hypervisor/boot/image.h"
#include "hypervisor/boot/linux_boot.h"
#include "hypervisor/boot/memory_map.h"

namespace ringside {
namespace {

constexpr u32 kLoaderMagic = 0x2BADB002;
constexpr u32 kFirstInfo = 0x1000;  // above the real-mode vectors and the firmware's data

enum InfoFlags : u32 {
  kMemory = 1,
  kCommandLine = 1 << 2,
  kModules = 1 << 3,
  kMemoryMap = 1 << 6,
  kLoaderName = 1 << 9
};
struct Info {
  u32 flags, mem_lower, mem_upper, boot_device, command_line, mods_count, mods_addr, syms[4], mmap_length,
      mmap_addr, drives_length, drives_addr, config_table, loader_name;
};
struct __attribute__((packed)) MapEntry {
  u32 size;
  u64 base, length;
  u32 type;
};
struct Module {
  u32 begin, end, arguments, reserved;
};

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

constexpr u64 next_page(u64 address) { return (address + kPageMask) & ~u64{kPageMask}; }

/// Where the modules lie: above the image, in order.
std::vector<Module> place_modules(const Image& image, GuestMemory& ram) {
  std::vector<Module> placed;
  u64 at = next_page(std::max<u64>(image.end(), kFirmwareEnd));
  for (const Image::Module& m : image.modules) {
    const u64 end = at + m.bytes.size();
    if (end > ram.size())
      throw HostError(fmt::format(
          "module '{}' ({} bytes at {:X}h) does not fit into {} MiB of RAM behind image '{}'. Give "
          "the guest more: -m {}",
          m.name, m.bytes.size(), at, ram.size() >> 20, image.name, (end >> 20) + 1));
    std::copy(m.bytes.begin(), m.bytes.end(), ram.at(GuestPhys(at), m.bytes.size()));
    placed.push_back({static_cast<u32>(at), static_cast<u32>(end), 0, 0});
    at = next_page(end);
  }
  return placed;
}

/// A page-aligned place for the boot information: in conventional memory between the segments, or after image
/// and modules.
u32 find_room(const Image& image, const std::vector<Module>& modules, const GuestMemory& ram, u64 bytes) {
  const auto taken = [&](u64 at) {
    return std::any_of(image.segments.begin(), image.segments.end(), [&](const Image::Segment& s) {
      return at < u64{s.physical} + s.memory_bytes && s.physical < at + bytes;
    });
  };
  const u64 conventional = std::min<u64>(kConventionalEnd, ram.size());
  for (u64 at = kFirstInfo; at + bytes <= conventional; at += kPageSize)
    if (!taken(at)) return static_cast<u32>(at);
  const u64 last = modules.empty() ? image.end() : modules.back().end;
  const u64 after = next_page(std::max<u64>(last, kFirmwareEnd));
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
  std::vector<MapEntry> map;
  for (const MemoryRegion& r : memory_map(ram.size()))
    map.push_back({sizeof(MapEntry) - 4, r.begin, r.end - r.begin, static_cast<u32>(r.kind)});
  std::vector<Module> modules = place_modules(image, ram);
  u32 module_names = 0;
  for (const Image::Module& m : image.modules) module_names += static_cast<u32>(m.name.size()) + 1;

  const u32 map_bytes = static_cast<u32>(map.size() * sizeof(MapEntry));
  const u32 module_bytes = static_cast<u32>(modules.size() * sizeof(Module));
  const u32 at = find_room(
      image, modules, ram,
      sizeof(Info) + module_bytes + map_bytes + sizeof kName + command_line.size() + 1 + module_names);
  Info info{};
  info.flags = kMemory | kCommandLine | kMemoryMap | kLoaderName;
  info.mem_lower = static_cast<u32>(std::min<u64>(kConventionalEnd, ram.size()) / 1024);
  info.mem_upper = ram.size() > kFirmwareEnd ? static_cast<u32>((ram.size() - kFirmwareEnd) / 1024) : 0;
  if (!modules.empty()) info.flags |= kModules;
  info.mods_count = static_cast<u32>(modules.size());
  info.mods_addr = at + sizeof(Info);
  info.mmap_length = map_bytes;
  info.mmap_addr = info.mods_addr + module_bytes;
  info.loader_name = info.mmap_addr + map_bytes;
  info.command_line = info.loader_name + sizeof kName;
  ram.write(GuestPhys(at), info);
  std::memcpy(ram.at(GuestPhys(info.mmap_addr), map_bytes), map.data(), map_bytes);
  std::memcpy(ram.at(GuestPhys(info.loader_name), sizeof kName), kName, sizeof kName);
  std::memcpy(ram.at(GuestPhys(info.command_line), command_line.size() + 1), command_line.c_str(),
              command_line.size() + 1);
  u32 name_at = info.command_line + static_cast<u32>(command_line.size()) + 1;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    const std::string& name = image.modules[i].name;
    std::memcpy(ram.at(GuestPhys(name_at), name.size() + 1), name.c_str(), name.size() + 1);
    modules[i].arguments = name_at;
    ram.write(GuestPhys(info.mods_addr + i * sizeof(Module)), modules[i]);
    name_at += static_cast<u32>(name.size()) + 1;
  }
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
  if (image.format == Image::Format::Linux) return boot_linux(image, ram, command_line);
  if (!image.firmware.empty()) return start_firmware(image, ram);
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
