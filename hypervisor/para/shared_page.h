// A page that monitor and guest both write. Whatever the guest stores there is read as if an enemy had
// written it.
#pragma once

#include "hypervisor/para/direct_paging.h"

namespace ringside::para {

template <class T>
class SharedPage {
  static_assert(sizeof(T) <= kPageSize);

 public:
  SharedPage(GuestMemory& ram, TranslationCache& cache, GuestPhys page)
      : data_(reinterpret_cast<T*>(ram.at(page, kPageSize))), cache_(cache), machine_(ram.to_machine(page)) {}

  const T& get() const { return *data_; }

  /// Changes the page through `edit(T&)`.
  template <class Edit>
  void change(Edit&& edit) {
    edit(*data_);
    cache_.written(machine_, sizeof(T));
  }

 private:
  T* data_;
  TranslationCache& cache_;
  MachinePhys machine_;
};

}  // namespace ringside::para
