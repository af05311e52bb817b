// Copies of objects, to be put back into the very objects that they were copied from.
//
// The parts of a monitor refer to each other. Nothing moves between keeping and putting back, so these
// references, copied as they are, stay right; and a member that somebody adds later is kept without another
// line of code, or does not compile. A class that is kept so must not own, by its destructor, what lies
// outside of it.
#pragma once

#include <memory>

#include "hypervisor/monitor.h"

namespace ringside {

template <class T>
struct Memento final : MonitorState {
  explicit Memento(T value) : copy(std::move(value)) {}
  T copy;
};

/// `bytes`: what `state` owns besides itself.
template <class T>
std::unique_ptr<const MonitorState> keep(T state, u64 bytes) {
  auto memento = std::make_unique<Memento<T>>(std::move(state));
  memento->bytes = bytes + sizeof(T);
  return memento;
}
/// `state` must come from keep<T>().
template <class T>
const T& kept(const MonitorState& state) {
  return static_cast<const Memento<T>&>(state).copy;
}

/// Makes `object` what it was when `copy` was made of it. A class with reference members cannot be assigned,
/// so it is built anew in its place.
template <class T>
void put_back(T& object, const T& copy) {
  T fresh(copy);
  std::destroy_at(&object);
  std::construct_at(&object, std::move(fresh));
}

}  // namespace ringside
