/* What a paravirtual guest and its monitor have agreed on: the part of Ringside's interface
 * (hypervisor/abi/paravirtual.h) that lab 05 needs, with the same numbers. C and C++ both include it.
 *
 * Hypercall n: the instructions at hypercall_page + n * 32 are called with EBX, ECX, EDX the arguments; EAX
 * returns a value, or -errno; all other registers keep theirs. Pointers are linear addresses below
 * MONITOR_BASE, and must be mapped for ring 1 (and writable, where the monitor writes): else -HC_EFAULT. What
 * is refused changes nothing. */
#ifndef RINGSIDE_LAB_HYPERCALLS_H
#define RINGSIDE_LAB_HYPERCALLS_H

#ifdef __cplusplus
#include <cstddef>

#include "ringside/lab.h"
namespace ringside::lab {
#else
#include <lab.h> /* the guest's, in guest/ */
#endif

enum hypercall_number {
  HC_SET_TRAP_TABLE = 0,
  HC_STACK_SWITCH = 1,
  HC_UPDATE_DESCRIPTOR = 2,
  HC_MMU_UPDATE = 3,        /* (struct mmu_update *, count <= 2048): a batch */
  HC_UPDATE_VA_MAPPING = 4, /* (linear, value, UVMF_*): the entry that maps `linear` in the current tables */
  HC_MMUEXT_OP = 5,         /* pins and unpins tables, loads CR3 */
  HC_SET_CALLBACK = 6,      /* (eip): where events arrive */
  HC_SCHED_OP = 7,          /* (SCHED_*, argument) */
  HC_EVENT_SEND = 8,        /* (EVENT_*) */
  HC_SET_TIMER = 9,         /* (microseconds): periodic EVENT_TIMER; 0 stops it, else at least 100 */
  HC_CONSOLE_WRITE = 10,    /* (text, bytes <= 4096): returns 0 */
  HC_IRET = 11,
  HC_MULTICALL = 12, /* (struct multicall *, count <= 2048): a batch of calls, each with its own result */
  HC_VERSION = 13,   /* returns 1, and does nothing else */
  HC_COUNT = 14
};

enum { BATCH_MAX = 2048, HYPERCALL_BYTES = 32 };
enum { SCHED_YIELD, SCHED_BLOCK, SCHED_SHUTDOWN /* argument: the guest's exit status, at most 255 */ };
enum { EVENT_TIMER, EVENT_CONSOLE, EVENT_DISK };
enum { UVMF_NONE, UVMF_INVLPG, UVMF_TLB_FLUSH };
enum { HC_EPERM = 1, HC_EFAULT = 14, HC_EBUSY = 16, HC_EINVAL = 22, HC_ENOSYS = 38 }; /* returned negated */

/* An update of one page-table entry: its machine address (a multiple of 4), and its new value. */
struct mmu_update {
  u32 address, value;
};
struct multicall {
  u32 operation, arguments[3];
  int result;
};

/* The page that both sides write. The guest's interrupt flag is a byte in it. */
struct shared_info {
  u8 upcall_pending; /* an event waits; the guest clears it */
  u8 upcall_mask;    /* 1: events are held off. An upcall sets it */
  u16 reserved;
  u32 event_pending; /* a bit for each port; the guest clears them */
  u32 event_mask, cr2;
  u64 system_time_ns;
  u64 ticks; /* timer periods since the start: several may go by before an event is delivered */
};

/* Output: the guest writes characters and out_producer, then HC_EVENT_SEND(EVENT_CONSOLE); the monitor takes
 * all of them and writes out_consumer. Free-running indices, used modulo the array's size; more than sizeof
 * out is -HC_EINVAL. */
struct console_ring {
  char in[1024], out[2048];
  u32 in_consumer, in_producer;
  u32 out_consumer, out_producer;
};

#ifdef __cplusplus
inline constexpr u32 kMonitorBase = 0xFFC00000; /* linear addresses from here up are the monitor's */
}
#endif
#endif
