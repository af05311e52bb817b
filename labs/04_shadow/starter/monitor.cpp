// Lab 04: your own shadow page tables. Read SPEC.md beside this file, and ringside/shadow.h.
#include "ringside/shadow.h"

using namespace ringside::lab;

namespace {

class MyPager final : public ShadowMonitor {
 public:
  /// Power-on, and each MOV to CR0, CR3 or CR4. Step 1: a fresh frame as the root is enough. Step 10: find
  /// the root that you had for this CR3.
  void paging_changed(ShadowVm& vm) override { (void)vm; }

  /// The processor found no sufficient entry in your tables. Steps 1 to 4: walk the guest's own tables from
  /// vm.cpu.cr3 with vm.read_physical(). Do they deny the access? Then it is the guest's fault. If not, set A
  /// and D as its processor would have done, and fill in your own entry.
  Outcome page_fault(ShadowVm& vm, u32 linear, u32 error) override {
    (void)vm, (void)linear, (void)error;
    return not_handled();
  }

  /// Step 6: the guest has changed the entry of this address.
  void invlpg(ShadowVm& vm, u32 linear) override { (void)vm, (void)linear; }

  /// Step 9: a store of the guest's into a page that you trace has been carried out.
  void written(ShadowVm& vm, u32 guest_physical, u32 bytes) override {
    (void)vm, (void)guest_physical, (void)bytes;
  }
};

}  // namespace

Monitor* ringside::lab::make_monitor() { return new MyPager; }
