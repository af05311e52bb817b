// Turning what the decoder found into template arguments.
//
// choose<N>(n, f) calls f with the compile-time constant that equals n: a table of N handlers, indexed by n,
// without a macro in sight.
#pragma once

#include <array>
#include <utility>

#include "cpu/decode.h"
#include "cpu/execute/operand.h"

namespace ringside {

template <unsigned N>
using Constant = std::integral_constant<unsigned, N>;

/// A table of f(Constant<0>), f(Constant<1>) ... f(Constant<N - 1>).
template <unsigned N, class F>
constexpr std::array<Handler, N> make_table(F f) {
  return [&]<unsigned... n>(std::integer_sequence<unsigned, n...>) {
    return std::array<Handler, N>{f(Constant<n>{})...};
  }
  (std::make_integer_sequence<unsigned, N>{});
}

inline Shape shape_of(const Decoded& d) {
  const bool base = d.base != Insn::kNone, index = d.index != Insn::kNone;
  return base ? (index ? Shape::BaseIndex : Shape::Base) : (index ? Shape::Index : Shape::Absolute);
}

/// f.operator()<Memory>() for the memory operand's type.
template <class F>
Handler for_memory(const Decoded& d, F f) {
  if (!d.fast_memory()) return f.template operator()<General>();
  switch (shape_of(d)) {
    case Shape::Base: return f.template operator()<Mem<Shape::Base>>();
    case Shape::Absolute: return f.template operator()<Mem<Shape::Absolute>>();
    case Shape::BaseIndex: return f.template operator()<Mem<Shape::BaseIndex>>();
    case Shape::Index: return f.template operator()<Mem<Shape::Index>>();
  }
  return nullptr;
}

/// f.operator()<T>() for the operation's size.
template <class F>
Handler for_size(unsigned size, F f) {
  return size == 1   ? f.template operator()<u8>()
         : size == 2 ? f.template operator()<u16>()
                     : f.template operator()<u32>();
}

}  // namespace ringside
