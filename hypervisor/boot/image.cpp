#include "hypervisor/boot/image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cpu/host_error.h"
#include "hypervisor/boot/elf32.h"
#include "hypervisor/boot/linux_boot.h"
#include "hypervisor/devices/block_backend.h"

namespace ringside {
namespace {

constexpr u32 kMultibootMagic = 0x1BADB002;
constexpr u32 kSearchBytes = 8192;
constexpr u32 kHasAddresses = 1u << 16, kUnderstood = 7;  // page alignment, memory information, video mode
constexpr u32 kFlatBase = 0x100000, kBootSectorBase = 0x7C00;
constexpr u64 kLargestFile = u64{1} << 30;

u32 word(std::span<const u8> bytes, std::size_t at) {
  u32 value;
  std::memcpy(&value, bytes.data() + at, 4);
  return value;
}

/// The offset of the Multiboot header: on a 4-byte boundary, whole within the first 8 KiB.
std::optional<u32> find_multiboot(std::span<const u8> bytes) {
  for (u32 at = 0; at + 12 <= std::min<std::size_t>(bytes.size(), kSearchBytes); at += 4)
    if (word(bytes, at) == kMultibootMagic &&
        word(bytes, at) + word(bytes, at + 4) + word(bytes, at + 8) == 0)
      return at;
  return std::nullopt;
}

/// Load addresses in the header itself (Multiboot section 3.1.3), for images that are not ELF.
void read_address_fields(Image& image, std::span<const u8> bytes, u32 header) {
  const auto refuse = [&](const std::string& why) {
    throw HostError(fmt::format("image '{}', Multiboot header at {:X}h: {}", image.name, header, why));
  };
  if (header + 32 > bytes.size()) refuse("the address fields are truncated. Copy or link the file again.");
  const u32 header_address = word(bytes, header + 12), load = word(bytes, header + 16),
            load_end = word(bytes, header + 20), bss_end = word(bytes, header + 24),
            entry = word(bytes, header + 28);
  if (load > header_address || header_address - load > header)
    refuse(fmt::format("load address {:X}h does not fit the header's own address {:X}h. Check the header.",
                       load, header_address));
  const u32 begin = header - (header_address - load);
  u64 size = bytes.size() - begin;
  if (load_end) {
    if (load_end < load || load_end - load > size)
      refuse(fmt::format("load end {:X}h lies outside the file. It is truncated, or the header is wrong.",
                         load_end));
    size = load_end - load;
  }
  u64 memory = size;
  if (bss_end) {
    if (bss_end < u64{load} + size)
      refuse(fmt::format("bss end {:X}h lies below the end of the data. Check the header.", bss_end));
    memory = bss_end - load;
  }
  if (memory == 0 || u64{load} + memory > u64{1} << 32)
    refuse("the image does not fit below 4 GiB. Check the header.");
  if (entry - load >= memory)
    refuse(fmt::format("the entry point {:X}h lies outside the image. Check the header.", entry));
  const auto contents = bytes.subspan(begin, size);
  image.segments.push_back({load, load, static_cast<u32>(memory), {contents.begin(), contents.end()}});
  image.entry = entry;
}

bool has_boot_signature(std::span<const u8> bytes) {
  return bytes.size() >= kSectorBytes && bytes[510] == 0x55 && bytes[511] == 0xAA;
}

/// Sizes that only a boot sector or a floppy image has.
bool looks_like_boot_media(std::size_t size) {
  static constexpr std::size_t kSizes[] = {512,    163840,  184320,  327680, 368640,
                                           737280, 1228800, 1474560, 2949120};
  return std::find(std::begin(kSizes), std::end(kSizes), size) != std::end(kSizes);
}

}  // namespace

u32 Image::end() const {
  u64 end = 0;
  for (const Segment& s : segments) end = std::max(end, u64{s.physical} + s.memory_bytes);
  return static_cast<u32>(std::min<u64>(end, ~u32{0}));
}

Image parse_image(std::string name, std::span<const u8> bytes) {
  Image image;
  image.name = std::move(name);
  if (bytes.empty())
    throw HostError(fmt::format(
        "image '{}' is empty. Give a Multiboot kernel, a flat binary or a boot sector.", image.name));
  const auto multiboot = find_multiboot(bytes);
  if (multiboot) {
    image.format = Image::Format::Multiboot;
    const u32 flags = word(bytes, *multiboot + 4);
    if (flags & 0xFFFF & ~kUnderstood)
      throw HostError(fmt::format(
          "image '{}', offset {:X}h: the Multiboot header demands features {:X}h that no loader knows. "
          "Clear those flags.",
          image.name, *multiboot + 4, flags & 0xFFFF & ~kUnderstood));
    if (flags & kHasAddresses) {
      read_address_fields(image, bytes, *multiboot);
      return image;
    }
    if (!is_elf(bytes))
      throw HostError(fmt::format(
          "image '{}', offset {:X}h: a Multiboot header without load addresses in a file that is not ELF. "
          "Set flag 16 and the address fields, or load the ELF file.",
          image.name, *multiboot));
  }
  if (is_elf(bytes)) {
    read_elf32(image, bytes);
    image.format = Image::Format::Multiboot;
    image.bare = multiboot.has_value();
    if (!image.bare && !image.paravirtual)
      throw HostError(fmt::format(
          "image '{}' is an ELF file without a Multiboot header in its first 8 KiB (and without paravirtual "
          "notes). Link the header first, in a section of its own.",
          image.name));
    return image;
  }
  if (is_linux(bytes)) {
    read_linux(image, bytes);
    return image;
  }
  const auto add = [&](u32 base, std::span<const u8> contents) {
    image.segments.push_back(
        {base, base, static_cast<u32>(contents.size()), {contents.begin(), contents.end()}});
    image.entry = base;
  };
  if (has_boot_signature(bytes) && bytes.size() % kSectorBytes == 0) {
    image.format = Image::Format::BootSector;
    image.disk_image = bytes.size() > kSectorBytes;
    add(kBootSectorBase, bytes.first(kSectorBytes));
  } else if (looks_like_boot_media(bytes.size())) {
    throw HostError(fmt::format(
        "image '{}' has the size of a {} but not its signature: bytes 55 AA are missing at offset 1FEh. "
        "Add them (dw 0AA55h), or pad the file by a byte if it is a flat binary.",
        image.name, bytes.size() == kSectorBytes ? "boot sector" : "floppy disk"));
  } else {
    add(kFlatBase, bytes);
  }
  return image;
}

namespace {

std::vector<u8> read_file(const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    throw HostError(fmt::format("image '{}' {}", path, why));
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    refuse(fmt::format("cannot be opened: {}. Check the path; `ringside guests` lists what is built in.",
                       std::strerror(errno)));
  struct stat info {};
  std::vector<u8> bytes;
  std::string why;
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    why = "is not a regular file. Give a Multiboot kernel, a flat binary or a boot sector.";
  } else if (static_cast<u64>(info.st_size) > kLargestFile) {
    why = fmt::format("has {} bytes; no 32-bit kernel is that large. If it is a disk, give it with -disk.",
                      info.st_size);
  } else {
    bytes.resize(static_cast<std::size_t>(info.st_size));
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = ::read(fd, bytes.data() + done, bytes.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) why = fmt::format("cannot be read: {}. Check the file system.", std::strerror(errno));
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    bytes.resize(done);
  }
  ::close(fd);
  if (!why.empty()) refuse(why);
  return bytes;
}

}  // namespace

Image load_image(const std::string& path) { return parse_image(path, read_file(path)); }

void load_modules(Image& image, const std::string& list) {
  const bool linux_kernel = image.format == Image::Format::Linux;
  if (!linux_kernel && image.format != Image::Format::Multiboot)
    throw HostError(
        fmt::format("-initrd: '{}' is neither a Linux nor a Multiboot kernel, and so has no way to find '{}'",
                    image.name, list));
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = linux_kernel ? list.size() : std::min(list.find(',', at), list.size());
    std::string name = list.substr(at, end - at);
    const std::string path = linux_kernel ? name : name.substr(0, name.find(' '));
    image.modules.push_back({std::move(name), read_file(path)});
    at = end + 1;
  }
}

}  // namespace ringside
