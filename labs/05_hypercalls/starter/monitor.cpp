// Lab 05: the monitor that is asked. Read SPEC.md beside this file, and ringside/para.h.
#include "ringside/para.h"

using namespace ringside::lab;

namespace {

class MyMonitor final : public ParaMonitor {
 public:
  /// Nothing of what the guest says is true before you have looked.
  int hypercall(ParaVm& vm, u32 number, u32 b, u32 c, u32 d) override {
    switch (number) {
      // Step 6: HC_VERSION, HC_SCHED_OP                    case HC_VERSION: return ...
      // Step 7: HC_CONSOLE_WRITE
      // Step 8: HC_EVENT_SEND to EVENT_CONSOLE
      // Step 9: HC_MMU_UPDATE, one entry                   Step 10: a batch of them
      // Step 11: HC_UPDATE_VA_MAPPING
      // Step 12: HC_MULTICALL
      case HC_SET_TRAP_TABLE:
      case HC_STACK_SWITCH:
      case HC_UPDATE_DESCRIPTOR:
      case HC_MMUEXT_OP:
      case HC_SET_CALLBACK:
      case HC_SET_TIMER:
      case HC_IRET: return vm.standard(number, b, c, d);
      default: return 0;
    }
  }
};

}  // namespace

Monitor* ringside::lab::make_monitor() { return new MyMonitor; }
