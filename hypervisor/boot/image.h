// A guest image, recognised and checked but not yet placed in RAM.
//
// How a file is recognised, in this order: a Multiboot header in its first 8 KiB, or ELF; a Linux setup
// header (linux_boot.h); a multiple of 512 bytes with 55 AA at offset 510 is a boot sector, alone or with the
// rest of its disk; a file of exactly a boot sector's or a floppy's size without that signature is refused;
// anything else is a flat binary, loaded at 1 MiB, whose first byte is the entry point.
//
// Modelled: Multiboot 1 (ELF32 and the address-field kludge), flat binaries, boot sectors, and the ELF notes
// of the paravirtual interface. Manual: Multiboot specification 0.6.96; abi/paravirtual.h.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cpu/state.h"
#include "hypervisor/guest_memory.h"

namespace ringside {

struct Symbol {
  u32 address;
  u32 size;
  std::string name;
};

struct Image {
  enum class Format : u8 { Multiboot, Linux, Flat, BootSector } format = Format::Flat;
  std::string name;  ///< as the user gave it
  struct Segment {
    u32 physical, linear;
    u32 memory_bytes;  ///< >= bytes.size(); the rest is zeroed
    std::vector<u8> bytes;
  };
  std::vector<Segment> segments;
  bool bare = true;  ///< can boot without a hypervisor; false for a build that is paravirtual only
  bool disk_image =
      false;      ///< a boot sector with more sectors after it: the file should also be the guest's disk
  u32 entry = 0;  ///< physical for Multiboot, load address for a flat binary, 7C00h for a boot sector
  struct Paravirtual {
    u32 entry, virt_base, hypercall_page;
  };
  std::optional<Paravirtual> paravirtual;  ///< the image carries the notes of a paravirtual build
  std::vector<Symbol> symbols;             ///< functions, sorted by address; may be empty
  std::vector<u8> setup_header;            ///< of a Linux kernel, as in its file from 1F1h on
  /// What the boot loader brings along: the modules of a Multiboot kernel, the initial RAM disk of Linux.
  struct Module {
    std::string name;  ///< with its arguments
    std::vector<u8> bytes;
  };
  std::vector<Module> modules;
  /// A BIOS, which ends at 1 MiB and starts instead of what the image would: it finds the boot sector on the
  /// disk. Empty = none.
  std::vector<u8> firmware;

  u32 end() const;  ///< first guest-physical address after all segments
};

/// Throws HostError naming file, offset and remedy for anything that cannot be a guest.
Image load_image(const std::string& path);
/// Adds the files of QEMU's -initrd to an image: "FILE" for Linux, "FILE ARGUMENTS,FILE,..." for Multiboot.
/// Throws HostError for what cannot be read, and for an image that has no way to find them.
void load_modules(Image& image, const std::string& list);
Image parse_image(std::string name, std::span<const u8> bytes);

/// Copies the segments into RAM and writes the Multiboot information; returns the boot state of a bare
/// processor. Throws HostError if a segment does not fit into RAM or the image is paravirtual only.
CpuState boot_bare(const Image&, GuestMemory&, const std::string& command_line);

}  // namespace ringside
