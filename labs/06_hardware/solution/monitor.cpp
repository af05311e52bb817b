// The kernel half of a hypervisor: dispatch what VT-x leaves to software, and a second dimension of paging.
#include "ringside/vmx.h"

#include <cstring>
#include <vector>

using namespace ringside::lab;

namespace {

constexpr u32 kEperm = 1, kEfault = 14, kEnosys = 38;
constexpr u32 kPage = 4096, kLarge = 2u << 20, kLongestText = 4096;
constexpr u64 kFrame = ~u64{0xFFF};

class MyHypervisor final : public VmxMonitor {
 public:
  void start(VmxVm& vm) override {
    root_ = vm.allocate_frame();
    vm.set_ept_root(root_);
  }
  Outcome io(VmxVm& vm, const Io& io) override;
  Outcome hlt(VmxVm&) override {
    ++exits_;
    return idle();
  }
  Outcome cpuid(VmxVm& vm) override;
  Outcome vmcall(VmxVm& vm) override;
  Outcome ept_violation(VmxVm& vm, u32 address, bool write) override;

 private:
  void map(VmxVm& vm, u32 address, u32 machine, int leaf_level);

  u32 root_ = 0;
  u32 exits_ = 0, io_exits_ = 0;
};

Outcome MyHypervisor::io(VmxVm& vm, const Io& io) {
  ++exits_, ++io_exits_;
  u32& eax = vm.cpu.reg[EAX];
  const u32 mask = io.size == 4 ? ~0u : (1u << 8 * io.size) - 1;
  const u16 port = static_cast<u16>(io.port);
  if (io.in)
    eax = (eax & ~mask) | (vm.in(port, io.size) & mask);
  else
    vm.out(port, io.size, eax & mask);
  return advance();
}

Outcome MyHypervisor::cpuid(VmxVm& vm) {
  ++exits_;
  u32* const reg = vm.cpu.reg;
  const u32 leaf = reg[EAX];
  CpuidResult r = vm.host_cpuid(leaf, reg[ECX]);
  if (leaf == 1) r.ecx = (r.ecx | 1u << 31) & ~(1u << 5);  // there is a hypervisor; there is no VMX for you
  if (leaf == 0x40000000) {
    r.eax = 0x40000001;
    std::memcpy(&r.ebx, "MyHy", 4), std::memcpy(&r.ecx, "perv", 4), std::memcpy(&r.edx, "isor", 4);
  }
  if (leaf == 0x40000001) r = {exits_, io_exits_, 0, 0};
  reg[EAX] = r.eax, reg[EBX] = r.ebx, reg[ECX] = r.ecx, reg[EDX] = r.edx;
  return advance();
}

Outcome MyHypervisor::vmcall(VmxVm& vm) {
  ++exits_;
  u32* const reg = vm.cpu.reg;
  u32& result = reg[EAX];
  if (vm.cpu.cpl != 0) {
    result = 0u - kEperm;
  } else if (result != 1) {
    result = 0u - kEnosys;
  } else {
    std::vector<char> text(reg[ECX] > kLongestText ? kLongestText : reg[ECX]);
    const u32 length = static_cast<u32>(text.size());
    result = vm.read(reg[EBX], text.data(), length) ? length : 0u - kEfault;
    if (result == length) vm.print(text.data(), length);
  }
  return advance();
}

Outcome MyHypervisor::ept_violation(VmxVm& vm, u32 address, bool) {
  ++exits_;
  if (!vm.to_machine(address)) return emulate();  // a device: never mapped, so that each access comes here
  // One entry of level 2 serves 2 MiB, if all of it is RAM in one piece.
  const u32 begin = address & ~(kLarge - 1), machine = vm.to_machine(begin);
  bool whole = machine && machine % kLarge == 0;
  for (u32 at = 0; whole && at < kLarge; at += kPage) whole = vm.to_machine(begin + at) == machine + at;
  if (whole)
    map(vm, begin, machine, 2);
  else
    map(vm, address & ~(kPage - 1), vm.to_machine(address), 1);
  return retry();
}

void MyHypervisor::map(VmxVm& vm, u32 address, u32 machine, int leaf_level) {
  u32 table = root_;
  for (int level = 4;; --level) {
    const u32 entry_at = table + static_cast<u32>(u64{address} >> (12 + 9 * (level - 1)) & 511) * 8;
    if (level == leaf_level) {
      // Bits 3 to 5 are the memory type: 6, write-back.
      vm.write_entry(entry_at, machine | kEptAll | 6u << 3 | (level == 2 ? kEptLarge : 0));
      return;
    }
    u64 entry = vm.read_entry(entry_at);
    if (!(entry & kEptAll)) vm.write_entry(entry_at, entry = vm.allocate_frame() | kEptAll);
    table = static_cast<u32>(entry & kFrame);
  }
}

}  // namespace

Monitor* ringside::lab::make_monitor() { return new MyHypervisor; }
