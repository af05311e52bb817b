#include "hypervisor/kvm/kvm_state.h"

namespace ringside {
namespace {

constexpr u32 kBusyTss = 11;

kvm_segment segment(const SegmentRegister& s) {
  kvm_segment k{};
  k.base = s.base;
  k.limit = s.limit;
  k.selector = s.selector;
  k.type = s.access & 15;
  k.s = s.access >> 4 & 1;
  k.dpl = s.access >> 5 & 3;
  k.present = s.access >> 7 & 1;
  k.avl = s.access >> 12 & 1;
  k.db = s.access >> 14 & 1;
  k.g = s.access >> 15 & 1;
  k.unusable = s.access >> 16 & 1;
  return k;
}

SegmentRegister segment(const kvm_segment& k) {
  SegmentRegister s;
  s.selector = k.selector;
  s.base = static_cast<u32>(k.base);
  s.limit = k.limit;
  s.access = static_cast<u32>(k.type | k.s << 4 | k.dpl << 5 | k.present << 7 | k.avl << 12 | k.db << 14 |
                              k.g << 15 | k.unusable << 16);
  return s;
}

}  // namespace

void to_kvm(const CpuState& s, kvm_regs& r, kvm_sregs& k) {
  r = {};
  r.rax = s.gpr[EAX];
  r.rcx = s.gpr[ECX];
  r.rdx = s.gpr[EDX];
  r.rbx = s.gpr[EBX];
  r.rsp = s.gpr[ESP];
  r.rbp = s.gpr[EBP];
  r.rsi = s.gpr[ESI];
  r.rdi = s.gpr[EDI];
  r.rip = s.eip;
  r.rflags = s.eflags;
  k.es = segment(s.seg[ES]);
  k.cs = segment(s.seg[CS]);
  k.ss = segment(s.seg[SS]);
  k.ds = segment(s.seg[DS]);
  k.fs = segment(s.seg[FS]);
  k.gs = segment(s.seg[GS]);
  k.ldt = segment(s.ldtr);
  k.tr = segment(s.tr);
  if (k.tr.unusable || !k.tr.present) {  // hardware has no unusable task register
    k.tr = {};
    k.tr.type = kBusyTss;
    k.tr.present = 1;
    k.tr.limit = 0xFFFF;
  }
  k.gdt.base = s.gdtr.base;
  k.gdt.limit = s.gdtr.limit;
  k.idt.base = s.idtr.base;
  k.idt.limit = s.idtr.limit;
  k.cr0 = s.cr0;
  k.cr2 = s.cr2;
  k.cr3 = s.cr3;
  k.cr4 = s.cr4;
  k.efer = 0;
}

void from_kvm(const kvm_regs& r, const kvm_sregs& k, CpuState& s) {
  const u64 gpr[8] = {r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi};
  for (int i = 0; i < 8; ++i) s.gpr[i] = static_cast<u32>(gpr[i]);
  s.eip = static_cast<u32>(r.rip);
  s.eflags = static_cast<u32>(r.rflags);
  s.seg = {segment(k.es), segment(k.cs), segment(k.ss), segment(k.ds), segment(k.fs), segment(k.gs)};
  s.ldtr = segment(k.ldt);
  s.tr = segment(k.tr);
  s.gdtr = {static_cast<u32>(k.gdt.base), k.gdt.limit};
  s.idtr = {static_cast<u32>(k.idt.base), k.idt.limit};
  s.cr0 = static_cast<u32>(k.cr0);
  s.cr2 = static_cast<u32>(k.cr2);
  s.cr3 = static_cast<u32>(k.cr3);
  s.cr4 = static_cast<u32>(k.cr4);
}

}  // namespace ringside
