// mkfs: makes a ringfs image on the host. Usage: mkfs IMAGE SECTORS FILE...
//
// A file's name on the disk is its own without folder and extension.
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "guests/kernel/ringfs_format.h"

namespace {

int complain(const std::string& what) {
  std::fprintf(stderr, "mkfs: %s\n", what.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return complain("usage: mkfs IMAGE SECTORS FILE...");
  const std::uint32_t sectors = static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10));
  constexpr std::uint32_t kSector = RINGFS_SECTOR_BYTES;
  constexpr std::uint32_t kNodeSectors = RINGFS_NODES * sizeof(ringfs_node) / kSector;
  ringfs_super super{RINGFS_MAGIC, sectors, 1, 1 + kNodeSectors, 2 + kNodeSectors};
  if (sectors <= super.data_sector || sectors > RINGFS_MAX_SECTORS)
    return complain("impossible number of sectors");
  if (argc - 3 > RINGFS_NODES) return complain("too many files");

  std::vector<char> disk(std::size_t{sectors} * kSector);
  std::vector<ringfs_node> nodes(RINGFS_NODES);
  std::uint32_t next = super.data_sector;
  for (int i = 3; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    const std::string name = path.stem().string();
    std::ifstream in(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    if (!in) return complain("cannot read " + path.string());
    if (name.size() >= RINGFS_NAME_BYTES) return complain("name too long: " + name);
    const auto count = static_cast<std::uint32_t>((bytes.size() + kSector - 1) / kSector);
    if (count > sectors - next) return complain("the disk is too small for " + path.string());
    std::memcpy(disk.data() + std::size_t{next} * kSector, bytes.data(), bytes.size());
    ringfs_node& node = nodes[i - 3];
    std::memcpy(node.name, name.data(), name.size());
    node.bytes = static_cast<std::uint32_t>(bytes.size());
    if (count) node.extents[0] = {next, count};
    next += count;
  }
  std::memcpy(disk.data(), &super, sizeof super);
  std::memcpy(disk.data() + std::size_t{super.node_sector} * kSector, nodes.data(), kNodeSectors * kSector);
  for (std::uint32_t sector = 0; sector < next; ++sector)
    disk[std::size_t{super.bitmap_sector} * kSector + sector / 8] |= static_cast<char>(1 << sector % 8);
  std::ofstream out(argv[1], std::ios::binary);
  out.write(disk.data(), static_cast<std::streamsize>(disk.size()));
  return out.flush() ? 0 : complain(std::string("cannot write ") + argv[1]);
}
