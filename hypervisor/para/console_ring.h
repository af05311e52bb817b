// The paravirtual console: two rings of characters in one shared page. A whole buffer of output costs one
// hypercall, where a serial port costs an exit per character.
#pragma once

#include <string>

#include "hypervisor/abi/paravirtual.h"
#include "hypervisor/para/shared_page.h"

namespace ringside::para {

class ConsoleRing {
 public:
  explicit ConsoleRing(SharedPage<rs_console_ring> page) : page_(page) {}

  /// Takes all output into `text`; -RS_EINVAL if the guest claims to have produced more than fits.
  Status drain(std::string& text);
  bool has_room() const;
  /// One character of input. Only if has_room().
  void put(char c);

 private:
  SharedPage<rs_console_ring> page_;
  // The monitor's own indices are kept here: those in the page only tell the guest.
  u32 out_consumer_ = 0, in_producer_ = 0;
};

}  // namespace ringside::para
