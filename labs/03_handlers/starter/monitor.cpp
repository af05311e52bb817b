// Lab 03: your own trap-and-emulate monitor. Read SPEC.md beside this file, and ringside/trap.h.
#include "ringside/trap.h"

using namespace ringside::lab;

namespace {

class MyMonitor final : public TrapMonitor {
 public:
  /// The guest's kernel, in ring 1, has met an instruction that ring 0 would have carried out. Carry it out
  /// on vm.cpu.
  Outcome emulate(TrapVm& vm, const Instruction& i) override {
    (void)vm;
    switch (i.op) {
      // Step 1: CLI and STI                       case Op::Cli: ... return advance();
      // Step 2: PUSHF and POPF
      // Step 3: MOV CR, CLTS, SMSW, INVLPG, LIDT
      // Step 4: IN, OUT, INS, OUTS
      // Step 5: HLT
      default: return not_handled();
    }
  }

  /// Steps 6 and 7: an exception, or INT n. Build the frame that the guest's own handler expects.
  bool reflect(TrapVm& vm, const Event& e) override {
    (void)vm, (void)e;
    return false;
  }

  /// Step 8: the interrupt controller has an interrupt. Is this the moment for it?
  void interrupt(TrapVm& vm) override { (void)vm; }
};

}  // namespace

Monitor* ringside::lab::make_monitor() { return new MyMonitor; }
