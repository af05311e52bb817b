// A two-dimensional walk through tables of any shape, made of memory and nothing else: no guest, no
// processor.
//
// It exists for the shapes that no guest of this simulator has. The guest's tables are 32-bit (2 levels), PAE
// (3) or of the 4-level format that EPT and 64-bit paging share; the nested ones have 2 or 4 levels. Manual:
// Intel SDM vol. 3 ch. 4, section 29.3.2; Bhargava et al. 2008, section 2.
#pragma once

#include "cpu/address.h"

namespace ringside {

/// Builds tables that map one page with 4 KiB entries throughout, walks them, and counts the references that
/// the processor would make. `guest_levels` is 2, 3 or 4, `nested_levels` 2 or 4.
u32 two_dimensional_references(u8 guest_levels, u8 nested_levels);

}  // namespace ringside
