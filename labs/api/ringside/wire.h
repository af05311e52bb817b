// The conversation between Ringside and a monitor that runs as a process of its own: frames over one socket.
//
// Ringside sends an Exit; the monitor may make any number of Calls, each answered by a Reply, and ends with
// Done. A frame that makes no sense ends the conversation. Both sides are on one host, so integers are as the
// host has them.
#pragma once

#include "ringside/lab.h"

namespace ringside::lab {

inline constexpr int kSocket = 3;           ///< the monitor's end
inline constexpr u32 kMostBytes = 4096;     ///< of a call's or a reply's payload
inline constexpr u32 kMagic = 0x31444952u;  ///< "RID1"

enum class Message : u32 { Exit, Call, Reply, Done };

enum class Hook : u32 {
  Emulate,
  Reflect,
  Interrupt,  // trap.h
  Start,
  Io,
  Hlt,
  Cpuid,
  Vmcall,
  EptViolation,
  ExternalInterrupt,
  InterruptWindow,  // vmx.h, events.h
  PageFault,
  PagingChanged,
  Invlpg,
  Written,    // shadow.h
  Hypercall,  // para.h
  Notify,
  DeviceReset,  // ring.h
};

enum class Call : u32 {
  Read,
  Write,
  ReadPhysical,
  WritePhysical,
  In,
  Out,
  InterruptPending,
  Acknowledge,
  Now,
  Print,
  SetCr,
  Invalidate,
  SwitchStack,
  Jump,
  AllocateFrame,
  ReleaseFrame,
  ToMachine,
  ReadEntry,
  WriteEntry,
  SetEptRoot,
  SetRoot,
  FlushTlb,
  Trace,
  Inject,
  RequestWindow,
  SetTimer,
  CyclesPerSecond,
  HostCpuid,
  FrameType,
  CheckTable,
  ConsoleRing,
  Block,
  PowerOff,
  Standard,
  RingQueue,
  DiskRead,
  DiskWrite,
  Interrupt,
  DriverBroken,
};

struct Frame {
  u32 magic;
  Message message;
  u32 code;  ///< Hook, Call, or Outcome::Next
  u32 a[9];  ///< arguments, or results
  Cpu cpu;
  u32 bytes;  ///< of the payload that follows
};

/// What the hooks' classes take apart.
struct Exit {
  Hook hook;
  const u32* a;
};

}  // namespace ringside::lab
