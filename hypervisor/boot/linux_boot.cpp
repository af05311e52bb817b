#include "hypervisor/boot/linux_boot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "cpu/host_error.h"
#include "hypervisor/boot/firmware.h"
#include "hypervisor/boot/memory_map.h"
#include "hypervisor/devices/block_backend.h"

namespace ringside {
namespace {

constexpr u32 kHeaderAt = 0x1F1, kHeaderEndsAt = 0x202;
constexpr u32 kSignature = 0x53726448;  // "HdrS"

/// struct setup_header, from 1F1h of the file and of the zero page.
struct __attribute__((packed)) SetupHeader {
  u8 setup_sectors;
  u16 root_flags;
  u32 system_paragraphs;
  u16 ram_size, video_mode, root_device, boot_flag, jump;
  u32 signature;
  u16 version;
  u32 real_mode_switch;
  u16 start_system, kernel_version;
  u8 type_of_loader, load_flags;
  u16 setup_move_size;
  u32 code32_start, ramdisk_image, ramdisk_bytes, bootsect_kludge;
  u16 heap_end;
  u8 loader_version, loader_type;
  u32 command_line, initrd_address_max, kernel_alignment;
  u8 relocatable, min_alignment;
  u16 xload_flags;
  u32 command_line_bytes, hardware_subarch;
  u64 hardware_subarch_data;
  u32 payload_offset, payload_length;
  u64 setup_data, preferred_address;
  u32 init_bytes, handover_offset, kernel_info_offset;
};
static_assert(sizeof(SetupHeader) == 0x26C - kHeaderAt);

struct __attribute__((packed)) MapEntry {
  u64 begin, bytes;
  u32 kind;
};
constexpr u32 kMapCountAt = 0x1E8, kAltMemoryAt = 0x1E0, kMapAt = 0x2D0;

/// struct screen_info, the head of the zero page.
struct __attribute__((packed)) ScreenInfo {
  u8 cursor_column, cursor_row;
  u16 extended_kib, page;
  u8 mode, columns;
  u16 unused, ega_bx, unused2;
  u8 rows, is_vga;
  u16 font_points;
};

enum Versions : u16 { kCommandLinePointer = 0x202, kInitrdMax = 0x203, kRelocatable = 0x205 };
enum MoreVersions : u16 { kCommandLineSize = 0x206, kInitSize = 0x20A };
enum LoadFlags : u8 { kLoadedHigh = 1, kCanUseHeap = 0x80 };
constexpr u8 kUnknownLoader = 0xFF;

// Where the loader puts its own things; nothing of the kernel loads there.
constexpr u32 kZeroPage = 0x10000, kZeroPageBytes = 0x1000, kGdt = 0x11000, kCommandLine = 0x20000;
constexpr u32 kHighLoad = 0x100000;
constexpr u32 kSetupBytes = 0x8000;
constexpr u16 kHeapEnd = 0xDE00, kSetupStack = 0xE000;
constexpr u16 kCodeSelector = 0x10, kDataSelector = 0x18;

[[noreturn]] void refuse(const Image& image, const std::string& why) {
  throw HostError(fmt::format("Linux kernel '{}': {}", image.name, why));
}

/// Of kernels before protocol 2.06 at most 255 characters.
u32 longest_command_line(const SetupHeader& h) {
  return h.version >= kCommandLineSize && h.command_line_bytes ? h.command_line_bytes : 255;
}

SetupHeader header_of(const Image& image) {
  SetupHeader header{};
  std::memcpy(&header, image.setup_header.data(), std::min(sizeof header, image.setup_header.size()));
  return header;
}

/// What the kernel occupies until it has read its memory map: the image, and from protocol 2.10 on the place
/// to which it unpacks itself.
u64 kernel_end(const Image& image, const SetupHeader& h) {
  const u64 loaded = image.end();
  if (h.version < kInitSize) return loaded;
  u64 start = kHighLoad;
  if (h.relocatable && h.kernel_alignment) {
    start = (start + h.kernel_alignment - 1) / h.kernel_alignment * h.kernel_alignment;
    start = std::max<u64>(start, h.preferred_address);
  } else if (h.preferred_address) {
    start = h.preferred_address;
  }
  return std::max(loaded, start + h.init_bytes);
}

/// As high as the kernel permits, so that it is in nobody's way.
u64 place_ramdisk(const Image& image, const SetupHeader& h, GuestMemory& ram) {
  const std::vector<u8>& disk = image.modules.front().bytes;
  const u64 highest = h.version >= kInitrdMax ? u64{h.initrd_address_max} + 1 : u64{0x38000000};
  const u64 limit = std::min(ram.size(), highest), lowest = kernel_end(image, h);
  const u64 at = disk.size() <= limit ? (limit - disk.size()) & ~u64{kPageMask} : 0;
  if (disk.size() > limit || at < lowest) {
    const u64 needed = lowest + disk.size() + kPageSize;
    refuse(image,
           needed <= highest
               ? fmt::format("its initial RAM disk '{}' ({} bytes) does not fit into RAM above the "
                             "kernel, which takes up to {:X}h. Give the guest more: -m {}",
                             image.modules.front().name, disk.size(), lowest, (needed >> 20) + 1)
               : fmt::format("its initial RAM disk '{}' ({} bytes) does not fit between the kernel's end "
                             "{:X}h and the highest address that the kernel permits, {:X}h. Make it smaller.",
                             image.modules.front().name, disk.size(), lowest, highest - 1));
  }
  std::copy(disk.begin(), disk.end(), ram.at(GuestPhys(at), disk.size()));
  return at;
}

void write_memory_map(GuestMemory& ram) {
  u8 count = 0;
  for (const MemoryRegion& r : memory_map(ram.size())) {
    const MapEntry entry{r.begin, r.end - r.begin, static_cast<u32>(r.kind)};
    ram.write(GuestPhys(kZeroPage + kMapAt + count++ * sizeof entry), entry);
  }
  ram.write(GuestPhys(kZeroPage + kMapCountAt), count);
  ram.write(GuestPhys(kZeroPage + kAltMemoryAt), static_cast<u32>((ram.size() - kFirmwareEnd) / 1024));
}

CpuState entry_state(u32 entry, GuestMemory& ram) {
  constexpr u64 kFlatCode = 0x00CF9B000000FFFF, kFlatData = 0x00CF93000000FFFF;
  ram.write(GuestPhys(kGdt + kCodeSelector), kFlatCode);
  ram.write(GuestPhys(kGdt + kDataSelector), kFlatData);
  CpuState s = flat_protected_state(entry);
  s.gpr = {};
  for (SegmentRegister& r : s.seg) r.selector = kDataSelector;
  s.seg[CS].selector = kCodeSelector;
  s.gdtr = {kGdt, kDataSelector + 7};
  s.gpr[ESI] = kZeroPage;
  s.gpr[ESP] = kZeroPage;  // the protocol promises no stack; a kernel that pushes first gets one
  return s;
}

}  // namespace

bool is_linux(std::span<const u8> bytes) {
  u32 signature = 0;
  if (bytes.size() >= kHeaderEndsAt + 4) std::memcpy(&signature, bytes.data() + kHeaderEndsAt, 4);
  return signature == kSignature;
}

bool starts_in_real_mode(const Image& image) {
  return image.format == Image::Format::Linux && image.entry == 0;
}

void read_linux(Image& image, std::span<const u8> bytes) {
  image.format = Image::Format::Linux;
  SetupHeader h{};
  // The header says where it ends: the jump at 200h leads over it.
  const std::size_t end = kHeaderEndsAt + bytes[kHeaderEndsAt - 1];
  if (end > bytes.size() || bytes.size() < kHeaderEndsAt + 14)
    refuse(image,
           fmt::format("the setup header ends at {:X}h, the file at {:X}h. It is truncated: copy it again.",
                       end, bytes.size()));
  const std::size_t header_bytes =
      std::min(sizeof h, std::max(end, std::size_t{kHeaderEndsAt + 14}) - kHeaderAt);
  std::memcpy(&h, bytes.data() + kHeaderAt, header_bytes);
  if (h.version < kCommandLinePointer)
    refuse(image,
           fmt::format("boot protocol {}.{:02} at 206h is older than 2.02, of 1998. Take a newer kernel.",
                       h.version >> 8, h.version & 0xFF));
  const u64 setup = (u64{h.setup_sectors ? h.setup_sectors : 4u} + 1) * kSectorBytes;
  const u64 code = u64{h.system_paragraphs} * 16;
  // The size is in units of 16 bytes, and the last unit may be incomplete.
  if (setup >= bytes.size() || code > bytes.size() - setup + 15)
    refuse(image,
           fmt::format(
               "by its header (1F1h, 1F4h) {} bytes of setup and {} of kernel, but the file has {}. It is "
               "truncated: copy it again.",
               setup, code, bytes.size()));
  if (!(h.load_flags & kLoadedHigh))
    refuse(image, "a zImage, which loads below 640 KiB (211h). Take a bzImage.");
  const auto contents = bytes.subspan(setup);
  if (contents.size() > ~u32{0} - kHighLoad) refuse(image, "the kernel does not fit below 4 GiB");
  if (h.code32_start && h.code32_start - kHighLoad >= contents.size())
    refuse(image,
           fmt::format("its 32-bit entry point {:X}h (214h) lies outside the kernel, which loads at 1 MiB.",
                       u32{h.code32_start}));
  if (!h.code32_start) {
    if (setup > kSetupBytes)
      refuse(image, fmt::format("{} bytes of setup code do not fit into 32 KiB (1F1h).", setup));
    const auto code16 = bytes.first(setup);
    image.segments.push_back({kZeroPage, kZeroPage, static_cast<u32>(setup), {code16.begin(), code16.end()}});
  }
  if (h.version >= kInitSize && h.preferred_address > ~u32{0})
    refuse(image, fmt::format("it wants to run at {:X}h (258h), above 4 GiB.", u64{h.preferred_address}));
  image.segments.push_back(
      {kHighLoad, kHighLoad, static_cast<u32>(contents.size()), {contents.begin(), contents.end()}});
  image.entry = h.code32_start;
  image.setup_header.assign(bytes.begin() + kHeaderAt, bytes.begin() + kHeaderAt + header_bytes);
}

CpuState boot_linux(const Image& image, GuestMemory& ram, const std::string& command_line) {
  SetupHeader h = header_of(image);
  if (ram.size() < kernel_end(image, h) || ram.size() < kHighLoad)
    refuse(image,
           fmt::format("it takes memory up to {:X}h, more than {} MiB of RAM. Give the guest more: -m {}",
                       kernel_end(image, h), ram.size() >> 20, (kernel_end(image, h) >> 20) + 16));
  if (command_line.size() > longest_command_line(h) || command_line.size() >= kConventionalEnd - kCommandLine)
    refuse(image, fmt::format("a command line of {} characters; it takes at most {}. Shorten -append.",
                              command_line.size(), longest_command_line(h)));
  if (image.modules.size() > 1)
    refuse(image, "it takes one initial RAM disk, not several. Concatenate the archives into one file.");

  for (const auto& s : image.segments)
    std::copy(s.bytes.begin(), s.bytes.end(), ram.at(GuestPhys(s.physical), s.memory_bytes));
  if (!starts_in_real_mode(image))
    std::memset(ram.at(GuestPhys(kZeroPage), kZeroPageBytes), 0, kZeroPageBytes);
  h.type_of_loader = kUnknownLoader;
  h.load_flags |= kCanUseHeap;
  h.heap_end = kHeapEnd;
  h.command_line = kCommandLine;
  std::memcpy(ram.at(GuestPhys(kCommandLine), command_line.size() + 1), command_line.c_str(),
              command_line.size() + 1);
  h.ramdisk_image = h.ramdisk_bytes = 0;
  if (!image.modules.empty() && !image.modules.front().bytes.empty()) {
    h.ramdisk_image = static_cast<u32>(place_ramdisk(image, h, ram));
    h.ramdisk_bytes = static_cast<u32>(image.modules.front().bytes.size());
  }
  std::memcpy(ram.at(GuestPhys(kZeroPage + kHeaderAt), sizeof h), &h, image.setup_header.size());
  if (starts_in_real_mode(image)) {
    if (image.firmware.empty()) refuse(image, "it has only a 16-bit entry, which takes a BIOS.");
    constexpr u16 kSegment = kZeroPage >> 4, kEntrySegments = 0x20;
    return start_firmware(image, ram, {0, kSegment + kEntrySegments, kSetupStack, kSegment});
  }
  constexpr u8 kTextMode = 3, kIsVga = 1;
  const u64 extended = std::min<u64>((ram.size() - kFirmwareEnd) / 1024, 0xFFFF);
  ram.write(GuestPhys(kZeroPage), ScreenInfo{.extended_kib = static_cast<u16>(extended),
                                             .mode = kTextMode,
                                             .columns = 80,
                                             .ega_bx = 3,
                                             .rows = 25,
                                             .is_vga = kIsVga,
                                             .font_points = 16});
  write_memory_map(ram);
  return entry_state(image.entry, ram);
}

}  // namespace ringside
