#include "hypervisor/boot/elf32.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cpu/host_error.h"
#include "hypervisor/abi/paravirtual.h"

namespace ringside {
namespace {

constexpr u8 kClass32 = 1, kClass64 = 2, kLittleEndian = 1;
constexpr u16 kExecutable = 2, kI386 = 3;
constexpr u32 kLoad = 1, kNote = 4;                                  // program header types
constexpr u32 kSymbolTable = 2, kStringTable = 3, kNoteSection = 7;  // section types
constexpr u8 kFunction = 2;
constexpr unsigned kMaxSegments = 64;

struct Header {
  u8 ident[16];
  u16 type, machine;
  u32 version, entry, phoff, shoff, flags;
  u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct ProgramHeader {
  u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
};
struct SectionHeader {
  u32 name, type, flags, addr, offset, size, link, info, addralign, entsize;
};
struct SymbolEntry {
  u32 name, value, size;
  u8 info, other;
  u16 section;
};
static_assert(sizeof(Header) == 52 && sizeof(ProgramHeader) == 32 && sizeof(SectionHeader) == 40 &&
              sizeof(SymbolEntry) == 16);

/// A file whose offsets may all be lies.
struct File {
  const std::string& name;
  std::span<const u8> bytes;

  bool holds(u64 offset, u64 size) const { return size <= bytes.size() && offset <= bytes.size() - size; }
  template <class T>
  T get(u64 offset) const {  // the caller has checked
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  }
  [[noreturn]] void refuse(u64 offset, const std::string& why) const {
    throw HostError(fmt::format("image '{}', offset {:X}h: {}", name, offset, why));
  }
};

Header read_header(const File& file) {
  if (file.bytes.size() < sizeof(Header))
    file.refuse(0, fmt::format("the ELF header is truncated ({} bytes of 52). Copy or link the file again.",
                               file.bytes.size()));
  const Header h = file.get<Header>(0);
  if (h.ident[4] == kClass64)
    file.refuse(4,
                "this is a 64-bit ELF file, and the simulated processor is a 32-bit one. "
                "Build the kernel with: gcc -m32, ld -m elf_i386.");
  if (h.ident[4] != kClass32)
    file.refuse(4, fmt::format("unknown ELF class {}. Expected a 32-bit ELF file.", h.ident[4]));
  if (h.ident[5] != kLittleEndian)
    file.refuse(5, "this ELF file is not little-endian. Build it for the i386.");
  if (h.machine != kI386)
    file.refuse(18,
                fmt::format("this ELF file is for machine {}, not for the i386 (3). Build it with: gcc -m32",
                            h.machine));
  if (h.type != kExecutable)
    file.refuse(16,
                fmt::format("this ELF file is of type {}, not a linked executable (2). Link it statically: "
                            "ld -m elf_i386 -T SCRIPT, without -pie or -r.",
                            h.type));
  if (h.phnum == 0) file.refuse(44, "there are no program headers, so nothing to load. Link the file.");
  if (h.phentsize != sizeof(ProgramHeader))
    file.refuse(42,
                fmt::format("program headers of {} bytes; ELF32 has 32. The file is damaged.", h.phentsize));
  if (!file.holds(h.phoff, u64{h.phnum} * sizeof(ProgramHeader)))
    file.refuse(28, fmt::format("{} program headers at offset {:X}h lie beyond the end of the file ({:X}h). "
                                "It is truncated; copy or link it again.",
                                h.phnum, h.phoff, file.bytes.size()));
  return h;
}

void read_segment(Image& image, const File& file, const ProgramHeader& p, u64 at) {
  if (p.memsz == 0) return;
  if (p.filesz > p.memsz)
    file.refuse(
        at, fmt::format(
                "a segment has more bytes in the file ({:X}h) than in memory ({:X}h). The file is damaged.",
                p.filesz, p.memsz));
  if (!file.holds(p.offset, p.filesz))
    file.refuse(at,
                fmt::format("a segment's {:X}h bytes at offset {:X}h lie beyond the end of the file ({:X}h). "
                            "It is truncated; copy or link it again.",
                            p.filesz, p.offset, file.bytes.size()));
  if (u64{p.paddr} + p.memsz > u64{1} << 32)
    file.refuse(at, fmt::format("a segment of {:X}h bytes at physical {:X}h wraps around 4 GiB. "
                                "Give it a load address (AT) within RAM.",
                                p.memsz, p.paddr));
  if (image.segments.size() == kMaxSegments)
    file.refuse(at,
                fmt::format("more than {} segments to load. Merge them in the linker script.", kMaxSegments));
  const auto bytes = file.bytes.subspan(p.offset, p.filesz);
  image.segments.push_back({p.paddr, p.vaddr, p.memsz, {bytes.begin(), bytes.end()}});
}

void check_overlaps(const Image& image) {
  std::vector<const Image::Segment*> sorted;
  for (const auto& s : image.segments) sorted.push_back(&s);
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->physical < b->physical; });
  for (std::size_t i = 1; i < sorted.size(); ++i)
    if (u64{sorted[i - 1]->physical} + sorted[i - 1]->memory_bytes > sorted[i]->physical)
      throw HostError(
          fmt::format("image '{}': the segments at physical {:X}h and {:X}h overlap. "
                      "Check the load addresses in the linker script.",
                      image.name, sorted[i - 1]->physical, sorted[i]->physical));
}

/// The notes of the paravirtual interface in one note segment or section.
void read_notes(const File& file, u64 offset, u64 size, std::optional<u32> (&found)[3]) {
  if (!file.holds(offset, size)) return;
  for (u64 at = 0; size - at >= 12;) {
    const u32 name_bytes = file.get<u32>(offset + at), desc_bytes = file.get<u32>(offset + at + 4),
              type = file.get<u32>(offset + at + 8);
    const u64 name_at = at + 12, desc_at = name_at + ((u64{name_bytes} + 3) & ~u64{3});
    const u64 next = desc_at + ((u64{desc_bytes} + 3) & ~u64{3});
    if (desc_at + desc_bytes > size) return;
    static constexpr char kName[] = "Ringside";
    if (name_bytes == sizeof kName &&
        std::memcmp(file.bytes.data() + offset + name_at, kName, sizeof kName) == 0 && desc_bytes == 4 &&
        type >= RS_NOTE_ENTRY && type <= RS_NOTE_HYPERCALL_PAGE)
      found[type - 1] = file.get<u32>(offset + desc_at);
    if (next > size) return;
    at = next;
  }
}

void set_paravirtual(Image& image, const std::optional<u32> (&notes)[3]) {
  static constexpr const char* kNames[3] = {"RS_NOTE_ENTRY", "RS_NOTE_VIRT_BASE", "RS_NOTE_HYPERCALL_PAGE"};
  if (!notes[0] && !notes[1] && !notes[2]) return;
  for (int i = 0; i < 3; ++i)
    if (!notes[i])
      throw HostError(
          fmt::format("image '{}' has paravirtual notes but lacks {}. Add it to .note.ringside "
                      "(hypervisor/abi/paravirtual.h).",
                      image.name, kNames[i]));
  image.paravirtual = Image::Paravirtual{*notes[0], *notes[1], *notes[2]};
}

/// Symbols are a convenience: a damaged table yields none rather than an error.
void read_symbols(Image& image, const File& file, const SectionHeader& table, const SectionHeader& strings) {
  if (!file.holds(table.offset, table.size) || !file.holds(strings.offset, strings.size)) return;
  for (u64 at = 0; table.size - at >= sizeof(SymbolEntry); at += sizeof(SymbolEntry)) {
    const auto s = file.get<SymbolEntry>(table.offset + at);
    if ((s.info & 15) != kFunction || s.name >= strings.size) continue;
    const char* text = reinterpret_cast<const char*>(file.bytes.data()) + strings.offset + s.name;
    const std::size_t length = ::strnlen(text, strings.size - s.name);
    if (length) image.symbols.push_back({s.value, s.size, std::string(text, length)});
  }
  auto& symbols = image.symbols;
  std::sort(symbols.begin(), symbols.end(), [](const Symbol& a, const Symbol& b) {
    return a.address != b.address ? a.address < b.address : a.name < b.name;
  });
}

void read_sections(Image& image, const File& file, const Header& h, std::optional<u32> (&notes)[3]) {
  if (h.shentsize != sizeof(SectionHeader) || !file.holds(h.shoff, u64{h.shnum} * sizeof(SectionHeader)))
    return;
  const auto section = [&](u32 i) {
    return file.get<SectionHeader>(h.shoff + u64{i} * sizeof(SectionHeader));
  };
  for (u32 i = 0; i < h.shnum; ++i) {
    const SectionHeader s = section(i);
    if (s.type == kNoteSection) read_notes(file, s.offset, s.size, notes);
    if (s.type == kSymbolTable && image.symbols.empty() && s.link < h.shnum &&
        section(s.link).type == kStringTable)
      read_symbols(image, file, s, section(s.link));
  }
}

/// e_entry is a linear address; what Multiboot jumps to is physical.
void set_entry(Image& image, const File& file, u32 entry) {
  for (const auto& s : image.segments)
    if (entry - s.linear < s.memory_bytes) {
      image.entry = entry - s.linear + s.physical;
      return;
    }
  for (const auto& s : image.segments)
    if (entry - s.physical < s.memory_bytes) {
      image.entry = entry;
      return;
    }
  file.refuse(
      24, fmt::format(
              "the entry point {:X}h lies in no loaded segment. Name it in the linker script: ENTRY(...).",
              entry));
}

}  // namespace

bool is_elf(std::span<const u8> file) {
  return file.size() >= 4 && std::memcmp(file.data(),
                                         "\x7F"
                                         "ELF",
                                         4) == 0;
}

void read_elf32(Image& image, std::span<const u8> bytes) {
  const File file{image.name, bytes};
  const Header h = read_header(file);
  std::optional<u32> notes[3];
  for (u32 i = 0; i < h.phnum; ++i) {
    const u64 at = h.phoff + u64{i} * sizeof(ProgramHeader);
    const auto p = file.get<ProgramHeader>(at);
    if (p.type == kLoad) read_segment(image, file, p, at);
    if (p.type == kNote) read_notes(file, p.offset, p.filesz, notes);
  }
  if (image.segments.empty())
    file.refuse(h.phoff, "no segment is to be loaded. Check the linker script's PHDRS.");
  check_overlaps(image);
  read_sections(image, file, h, notes);
  set_entry(image, file, h.entry);
  set_paravirtual(image, notes);
}

}  // namespace ringside
