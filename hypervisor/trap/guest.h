// The de-privileged guest as its monitor sees it: the virtual processor.
//
// General registers, EIP, the segments' hidden parts and most flags live in the real processor while the
// guest runs. What the real processor must not have from the guest lives here: control and debug registers,
// descriptor-table registers, the interrupt flag and IOPL. Everything that emulating an instruction needs is
// a member function that behaves as the manual says for the guest's own privilege.
//
// Modelled: 32-bit protected mode with paging on or off, virtual-8086 tasks.
// Simplified: hardware task switches are reported, not carried out; the real segment registers keep their
// hidden parts from exit to entry (a monitor on real hardware would have to reload them from the shadow
// tables). Manual: Intel SDM vol. 3 ch. 2, 3, 5, 6.
#pragma once

#include <cstring>

#include "hypervisor/emulate/emulate.h"
#include "hypervisor/trap/ring_compression.h"
#include "hypervisor/trap/shadow_descriptors.h"

namespace ringside {

/// Functions that can fault return false after recording what the guest's processor would raise in `fault`,
/// with the guest's state as it was before.
class TrapGuest {
 public:
  TrapGuest(Host& host, ShadowPolicy policy);

  Host& host;
  MonitorArea area;
  ShadowPaging paging;
  ShadowDescriptors descriptors;
  /// CR0-CR4, DR0-DR7, GDTR, IDTR, LDTR, TR and the MSRs as the guest set them; of EFLAGS only IF and IOPL.
  CpuState virt;
  /// STI or a load of SS holds interrupts off for one more instruction.
  bool interrupt_shadow = false;
  /// Something that this monitor cannot do for the guest; ends the run.
  std::string limitation;
  GuestFault fault;

  // -- registers (guest.cpp)
  CpuState& real() { return host.cpu.state(); }
  const CpuState& real() const { return host.cpu.state(); }
  void begin(const CpuState& boot);
  CpuState state() const;  ///< everything as the guest believes it to be
  /// Makes `state` (a changed copy of state()) the guest's general registers, EIP and flags; nothing else.
  void set_registers(const CpuState& state);
  u32 cpl() const;
  bool protected_mode() const { return virt.cr0 & cr0::PE; }
  bool virtual_8086() const { return protected_mode() && real().eflags & eflags::VM; }
  u32 flags() const;
  void set_flags(u32 value);
  u32 iopl() const { return (virt.eflags & eflags::IOPL) >> 12; }
  bool interrupts_enabled() const { return virt.eflags & eflags::IF; }
  u16 selector(Seg) const;             ///< as the guest would read it
  SegmentRegister segment(Seg) const;  ///< with the guest's own limit and DPL
  bool stack32() const { return real().seg[SS].big(); }

  // -- raising
  bool raise(u8 vector);
  bool raise(u8 vector, u32 error_code);

  // -- memory through the guest's own tables (guest_memory_access.cpp)
  bool read(LinearAddr, void* to, u32 bytes, bool user);
  bool write(LinearAddr, const void* from, u32 bytes, bool user);
  /// Later writes to the range will not fault.
  bool check_writable(LinearAddr, u32 bytes, bool user);
  template <class T>
  bool read(LinearAddr a, T& value, bool user) {
    return read(a, &value, sizeof value, user);
  }
  template <class T>
  bool write(LinearAddr a, const T& value, bool user) {
    return write(a, &value, sizeof value, user);
  }
  /// Segment, limit and rights checks as for the guest's own access.
  bool linear(Seg, u32 offset, u32 bytes, Access, LinearAddr& result);
  std::optional<GuestPhys> translate(LinearAddr) const;  ///< as supervisor, without side effects
  /// The monitor changed guest RAM: decoded code and shadows that depend on it follow.
  void memory_written(GuestPhys address, u64 bytes);
  /// Told of the same, if there is one: somebody else's shadow page tables (labs/).
  std::function<void(GuestPhys address, u64 bytes)> on_memory_written;
  /// Carries out the instruction at CS:EIP over devices and protected pages.
  Emulation emulate_memory_instruction();

  // -- the stack: values are pushed together or not at all, the first one deepest
  bool push(std::initializer_list<u32> values, bool operand32);
  bool peek_stack(std::span<u32> values, bool operand32);  ///< first the top
  void release_stack(u32 bytes);

  // -- segments (segments.cpp)
  /// `vector` and `external` shape the fault for a selector without a descriptor.
  bool read_descriptor(u16 selector, u8 vector, Descriptor&, LinearAddr& where, u32 external = 0);
  bool load_data_segment(Seg, u16 selector);  ///< MOV, POP, LDS...: not CS
  bool load_ldtr(u16 selector);
  bool load_tr(u16 selector);
  bool far_jump(u16 selector, u32 offset, bool operand32);
  bool far_call(u16 selector, u32 offset, bool operand32, u32 return_eip);
  bool far_return(bool operand32, u16 release_bytes);
  bool iret(bool operand32);
  /// The two halves of going to an inner ring, for a monitor that builds interrupt frames by itself (labs/):
  /// loads SS:ESP of the ring that `ss` names, then CS:EIP of the ring that SS has.
  bool load_inner_stack(u16 ss, u32 esp, u32 external = 0);
  bool enter_inner_code(u16 code, u32 eip);
  /// What SYSENTER and SYSEXIT load: flat code at `code_selector`, a flat stack at the next entry.
  void set_flat_segments(u16 code_selector, u32 ring);

  // -- control registers (guest.cpp)
  bool set_cr0(u32 value);
  void set_cr3(u32 value);
  bool set_cr4(u32 value);
  void flush_tlb() { flush_pending_ = true; }

  // -- ports: IOPL, and the I/O permission bitmap of the guest's own TSS (port_io.cpp)
  bool check_port(u16 port, u8 size);

  // -- events (reflect.cpp)
  /// Delivers through the guest's own IDT, as the guest's processor would. False: triple fault.
  bool deliver(Event event, u32 cr2);

  /// Just before the real processor runs: what must be pending is made effective.
  void prepare_entry();

 private:
  /// What an instruction that fails half-way must put back.
  struct Undo {
    CpuState real;
    u32 virtual_flags;
    u8 inner_ring;
  };
  Undo remember() const { return {real(), virt.eflags, inner_ring_}; }
  void undo(const Undo& u) {
    host.cpu.state() = u.real;
    virt.eflags = u.virtual_flags;
    inner_ring_ = u.inner_ring;
  }

  bool find(LinearAddr, Access, bool user, GuestPhys& result);
  void set_segment(Seg, const SegmentRegister& guest, u32 ring);
  /// Sets A in the guest's descriptor and offers it to the shadow tables.
  bool mark_accessed(u16 selector, Descriptor& d, LinearAddr where);
  bool enter_code(u16 selector, Descriptor d, LinearAddr where, u32 ring, u32 eip);
  bool switch_stack(u32 ring, u32 external);
  bool system_transfer(u16 selector, const Descriptor& d);
  bool read_return_code(u16 code, Descriptor& d, LinearAddr& where);
  bool return_outward(u16 code, const Descriptor&, LinearAddr where, u32 eip, u16 stack, u32 esp);
  bool to_virtual_8086();
  bool deliver_once(const Event& event);
  bool deliver_real_mode(const Event& event);
  bool has_cr4() const { return host.cpu.config().model >= CpuModel::Pentium; }
  void apply_control_registers();

  u8 inner_ring_ = 1;  ///< which of the guest's rings 1 and 2 real ring 2 stands for now
  bool flush_pending_ = false;
};

}  // namespace ringside
