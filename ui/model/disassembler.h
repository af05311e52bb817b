// Guest code as text, by Capstone, through the guest's own page tables.
#pragma once

#include <functional>
#include <memory>

#include "ui/model/frame.h"

namespace ringside::model {

class Disassembler {
 public:
  Disassembler();
  ~Disassembler();

  /// Reads up to `bytes.size()` code bytes at a linear address; returns how many could be read.
  using Fetch = std::function<std::size_t(u32 address, std::span<u8> bytes)>;

  /// `rows` instructions from `address` on. A byte that is no instruction, or cannot be read, is a row of its
  /// own.
  std::vector<DisassemblyRow> rows(u32 address, std::size_t rows, bool code32, const Fetch& fetch,
                                   const Image& image) const;

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace ringside::model
