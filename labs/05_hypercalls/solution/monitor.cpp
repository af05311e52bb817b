// The monitor that is asked: nothing that the guest says is true before it has been looked at.
#include "ringside/para.h"

#include <vector>

using namespace ringside::lab;

namespace {

class MyMonitor final : public ParaMonitor {
 public:
  int hypercall(ParaVm& vm, u32 number, u32 b, u32 c, u32 d) override;

 private:
  int sched_op(ParaVm& vm, u32 command, u32 argument);
  int console_write(ParaVm& vm, u32 text, u32 bytes);
  int console_event(ParaVm& vm);
  int update(ParaVm& vm, u32 address, u32 value);
  int update_va_mapping(ParaVm& vm, u32 linear, u32 value, u32 flush);
  int mmu_update(ParaVm& vm, u32 rows, u32 count);
  int multicall(ParaVm& vm, u32 rows, u32 count);

  u32 console_consumer_ = 0;  // ours: the one in the ring only tells the guest
};

int MyMonitor::hypercall(ParaVm& vm, u32 number, u32 b, u32 c, u32 d) {
  switch (number) {
    case HC_VERSION: return 1;
    case HC_SCHED_OP: return sched_op(vm, b, c);
    case HC_CONSOLE_WRITE: return console_write(vm, b, c);
    case HC_EVENT_SEND: return b == EVENT_CONSOLE ? console_event(vm) : vm.standard(number, b, c, d);
    case HC_MMU_UPDATE: return mmu_update(vm, b, c);
    case HC_UPDATE_VA_MAPPING: return update_va_mapping(vm, b, c, d);
    case HC_MULTICALL: return multicall(vm, b, c);
    case HC_SET_TRAP_TABLE:
    case HC_STACK_SWITCH:
    case HC_UPDATE_DESCRIPTOR:
    case HC_MMUEXT_OP:
    case HC_SET_CALLBACK:
    case HC_SET_TIMER:
    case HC_IRET: return vm.standard(number, b, c, d);
    default: return -HC_ENOSYS;
  }
}

int MyMonitor::sched_op(ParaVm& vm, u32 command, u32 argument) {
  switch (command) {
    case SCHED_YIELD: return 0;
    case SCHED_BLOCK: vm.block(); return 0;
    case SCHED_SHUTDOWN: vm.power_off(argument < 255 ? argument : 255); return 0;
    default: return -HC_EINVAL;
  }
}

// ---- the console

int MyMonitor::console_write(ParaVm& vm, u32 text, u32 bytes) {
  constexpr u32 kMost = 4096;
  if (bytes > kMost) return -HC_EINVAL;
  std::vector<char> copy(bytes);
  if (!vm.read(text, copy.data(), bytes)) return -HC_EFAULT;
  vm.print(copy.data(), bytes);
  return 0;
}

int MyMonitor::console_event(ParaVm& vm) {
  console_ring ring;
  const u32 at = vm.console_ring();
  if (!read(vm, at, ring)) return -HC_EFAULT;
  const u32 waiting = ring.out_producer - console_consumer_;
  if (waiting > sizeof ring.out) return -HC_EINVAL;
  std::vector<char> text;
  for (u32 i = 0; i < waiting; ++i) text.push_back(ring.out[console_consumer_++ % sizeof ring.out]);
  vm.print(text.data(), waiting);
  vm.write(at + offsetof(console_ring, out_consumer), &console_consumer_, sizeof console_consumer_);
  return 0;
}

// ---- page tables

int MyMonitor::update(ParaVm& vm, u32 address, u32 value) {
  constexpr u32 kMonitorSlot = 1023;
  if (address & 3) return -HC_EINVAL;
  const FrameType table = vm.frame_type(address >> 12);
  if (table == FrameType::Foreign) return -HC_EPERM;
  if (table != FrameType::PageTable && table != FrameType::Directory) return -HC_EINVAL;
  const bool directory = table == FrameType::Directory;
  if (directory && (address & 0xFFF) / 4 == kMonitorSlot) return -HC_EPERM;
  if (value & kEntryPresent) {
    if (value & (kEntryLarge | kEntryGlobal)) return -HC_EINVAL;
    const u32 frame = value >> 12;
    const FrameType target = vm.frame_type(frame);
    if (target == FrameType::Foreign) return -HC_EPERM;
    if (directory) {
      if (target == FrameType::Writable || target == FrameType::Directory) return -HC_EBUSY;
      if (target == FrameType::Plain)
        if (const int refused = vm.check_table(frame)) return refused;
    } else if (value & kEntryWritable) {
      if (target == FrameType::PageTable || target == FrameType::Directory) return -HC_EBUSY;
    }
  }
  vm.write_entry(address, value);
  return 0;
}

int MyMonitor::update_va_mapping(ParaVm& vm, u32 linear, u32 value, u32 flush) {
  if (flush > UVMF_TLB_FLUSH) return -HC_EINVAL;
  if (linear >= kMonitorBase) return -HC_EPERM;
  const u32 upper = vm.read_entry((vm.cpu.cr3 & ~0xFFFu) + (linear >> 22) * 4);
  if (!(upper & kEntryPresent)) return -HC_EINVAL;
  if (const int refused = update(vm, (upper & ~0xFFFu) + (linear >> 12 & 1023) * 4, value)) return refused;
  if (flush == UVMF_INVLPG) vm.invalidate(linear);
  if (flush == UVMF_TLB_FLUSH) vm.flush_tlb();
  return 0;
}

// ---- batches

/// What a batch returns if row `done` is refused: how many were done before it, or why not even one.
int stopped(u32 done, int refused) { return done ? static_cast<int>(done) : refused; }

int MyMonitor::mmu_update(ParaVm& vm, u32 rows, u32 count) {
  if (count > BATCH_MAX) return -HC_EINVAL;
  for (u32 done = 0; done < count; ++done) {
    struct mmu_update row;
    if (!read(vm, rows + done * u32{sizeof row}, row)) return stopped(done, -HC_EFAULT);
    if (const int refused = update(vm, row.address, row.value)) return stopped(done, refused);
  }
  return static_cast<int>(count);
}

int MyMonitor::multicall(ParaVm& vm, u32 rows, u32 count) {
  if (count > BATCH_MAX) return -HC_EINVAL;
  for (u32 done = 0; done < count; ++done) {
    struct multicall row;
    const u32 at = rows + done * u32{sizeof row};
    // Before anything is done: a call whose result cannot be told is refused.
    if (!read(vm, at, row) ||
        !vm.write(at + offsetof(struct multicall, result), &row.result, sizeof row.result))
      return stopped(done, -HC_EFAULT);
    const bool alone =
        row.operation == HC_MULTICALL || row.operation == HC_IRET || row.operation == HC_SCHED_OP;
    row.result = alone ? -HC_EINVAL
                       : hypercall(vm, row.operation, row.arguments[0], row.arguments[1], row.arguments[2]);
    vm.write(at + offsetof(struct multicall, result), &row.result, sizeof row.result);
  }
  return static_cast<int>(count);
}

}  // namespace

Monitor* ringside::lab::make_monitor() { return new MyMonitor; }
