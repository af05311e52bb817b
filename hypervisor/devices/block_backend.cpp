#include "hypervisor/devices/block_backend.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "cpu/host_error.h"

namespace ringside {
namespace {

bool in_range(u64 sector, std::size_t bytes, u64 sectors) {
  const u64 count = bytes / kSectorBytes;
  return bytes % kSectorBytes == 0 && count <= sectors && sector <= sectors - count;
}

class MemoryDisk final : public BlockBackend {
 public:
  explicit MemoryDisk(std::span<const u8> contents) : bytes_(contents.begin(), contents.end()) {
    bytes_.resize((bytes_.size() + kSectorBytes - 1) / kSectorBytes * kSectorBytes);
  }
  u64 sectors() const override { return bytes_.size() / kSectorBytes; }
  bool read(u64 sector, std::span<u8> out) override {
    if (!in_range(sector, out.size(), sectors())) return false;
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(sector * kSectorBytes), out.size(), out.begin());
    return true;
  }
  bool write(u64 sector, std::span<const u8> in) override {
    if (!in_range(sector, in.size(), sectors())) return false;
    std::copy(in.begin(), in.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(sector * kSectorBytes));
    return true;
  }

 private:
  std::vector<u8> bytes_;
};

/// An image file; without permission to write, changed sectors are kept in memory and shadow the file's.
class FileDisk final : public BlockBackend {
 public:
  FileDisk(int fd, u64 sectors, bool writable) : fd_(fd), sectors_(sectors), writable_(writable) {}
  ~FileDisk() override { ::close(fd_); }
  FileDisk(const FileDisk&) = delete;
  FileDisk& operator=(const FileDisk&) = delete;

  u64 sectors() const override { return sectors_; }

  bool read(u64 sector, std::span<u8> out) override {
    if (!in_range(sector, out.size(), sectors_)) return false;
    for (std::size_t done = 0; done < out.size();) {
      const ssize_t n = ::pread(fd_, out.data() + done, out.size() - done,
                                static_cast<off_t>(sector * kSectorBytes + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;  // the file shrank, or the host cannot read it
      done += static_cast<std::size_t>(n);
    }
    if (!changed_.empty())
      for (std::size_t i = 0; i < out.size() / kSectorBytes; ++i)
        if (const auto it = changed_.find(sector + i); it != changed_.end())
          std::copy(it->second.begin(), it->second.end(),
                    out.begin() + static_cast<std::ptrdiff_t>(i * kSectorBytes));
    return true;
  }

  bool write(u64 sector, std::span<const u8> in) override {
    if (!in_range(sector, in.size(), sectors_)) return false;
    if (!writable_) {
      for (std::size_t i = 0; i < in.size() / kSectorBytes; ++i)
        std::copy_n(in.begin() + static_cast<std::ptrdiff_t>(i * kSectorBytes), kSectorBytes,
                    changed_[sector + i].begin());
      return true;
    }
    for (std::size_t done = 0; done < in.size();) {
      const ssize_t n =
          ::pwrite(fd_, in.data() + done, in.size() - done, static_cast<off_t>(sector * kSectorBytes + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      done += static_cast<std::size_t>(n);
    }
    return true;
  }

 private:
  int fd_;
  u64 sectors_;
  bool writable_;
  std::unordered_map<u64, std::array<u8, kSectorBytes>> changed_;
};

}  // namespace

std::shared_ptr<BlockBackend> make_memory_disk(std::span<const u8> contents) {
  return std::make_shared<MemoryDisk>(contents);
}

std::shared_ptr<BlockBackend> open_disk_image(const std::string& path, bool writable) {
  // Not blocking: opening a named pipe must not hang.
  const int fd = ::open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    throw HostError(fmt::format("cannot open disk image '{}'{}: {}. Check the path and its permissions{}",
                                path, writable ? " for writing" : "", std::strerror(errno),
                                writable ? ", or leave writing out: changes then stay in memory." : "."));
  struct stat info {};
  const bool regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  const auto refuse = [&](const std::string& why) -> void {
    ::close(fd);
    throw HostError(fmt::format("disk image '{}' {}", path, why));
  };
  if (!regular) refuse("is not a regular file. Give a raw disk image.");
  const u64 bytes = static_cast<u64>(info.st_size);
  if (bytes == 0)
    refuse("is empty. A disk has at least one sector; for a blank one use: truncate -s 1M FILE");
  if (bytes % kSectorBytes)
    refuse(fmt::format("has {} bytes, which is not a multiple of 512. Pad it: truncate -s %512 '{}'", bytes,
                       path));
  return std::make_shared<FileDisk>(fd, bytes / kSectorBytes, writable);
}

}  // namespace ringside
