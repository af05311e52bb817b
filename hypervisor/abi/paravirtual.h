/* The paravirtual machine, as its guest sees it: hypercalls, start-up state, shared pages, rings.
 *
 * C and assembler both include this file; it is the only thing that guests/ sees of the monitor. The design is that of
 * Xen's 32-bit interface (Barham et al., SOSP 2003), reduced to what one uniprocessor guest needs.
 *
 * The guest kernel runs in ring 1, its users in ring 3, paging always on. All page tables hold *machine* addresses and
 * are read-only to the guest; it changes them by hypercall. Linear addresses from RS_MONITOR_BASE up are the
 * monitor's. Hardware interrupts are always enabled; the guest's own "interrupt flag" is shared_info.upcall_mask.
 *
 * Start: ring 1, the four selectors below loaded, ESI and ESP as rs_start_info says, upcall_mask 1, event_mask 0, no
 * trap table, no callback.
 *
 * Frames. Faults and upcalls arrive like hardware's interrupts: EIP, CS, EFLAGS (and ESP, SS, on the stack of
 * RS_HC_STACK_SWITCH, if ring 3 was interrupted); faults that have an error code push it last. CS shows the true ring
 * (RPL 1 or 3). EFLAGS bit 9 is the virtual flag, !upcall_mask; a hardware gate (direct INT n) pushes it as 1, which
 * is what it is in ring 3.
 *
 * Events. Before the guest runs on, after any hypercall, fault or event, the monitor makes the upcall if
 * upcall_pending is set and upcall_mask is clear; the upcall sets upcall_mask to 1. Clearing upcall_mask is a plain
 * store that nobody sees: the guest then looks at upcall_pending and makes some hypercall if it is set
 * (RS_HC_VERSION does nothing else). In the upcall the guest first clears upcall_pending, then takes the bits of
 * event_pending.
 *
 * Going back. To ring 3 with nothing pending the guest clears upcall_mask and uses a plain IRET, which is no trap; an
 * upcall that slips in between finds a ring-1 frame and returns to that IRET. Every other return is RS_HC_IRET: *jump*
 * (do not call) to its stub with EIP, CS, EFLAGS[, ESP, SS] on the stack; the stub pushes EAX and enters the monitor.
 *
 * Page tables are two-level, 4 KiB pages. A page becomes a page table when it is pinned, or when a directory that is
 * being pinned points to it; before, it is ordinary memory that the guest fills by plain stores. At that moment no
 * mapping of it may be writable and each entry must be one that RS_HC_MMU_UPDATE would take: P, RW, US, PWT, PCD, A, D
 * and bits 9-11 are free, PS and G are refused, the frame must be the guest's own, and a page-table frame may only be
 * mapped read-only. Entries that are not present may hold anything. Entry 1023 of a directory is the monitor's, which
 * fills it in at pinning; the guest ignores what it reads there.
 * A page table stays one until it is unpinned and no directory points to it. The monitor flushes the TLB where its
 * own safety needs it; all other flushing is the guest's. Refusals: -RS_EPERM a frame or entry that is not the guest's,
 * -RS_EBUSY a frame that is in use as something else, -RS_EINVAL anything else.
 *
 * Pointers that a hypercall takes are linear addresses below RS_MONITOR_BASE, read and written with ring 1's rights in
 * the current page tables; -RS_EFAULT otherwise. An operation that is refused changes nothing.
 */
#ifndef RINGSIDE_ABI_PARAVIRTUAL_H
#define RINGSIDE_ABI_PARAVIRTUAL_H

#define RS_MONITOR_BASE 0xFFC00000 /* linear addresses from here up belong to the monitor */

/* The monitor's area starts with the machine-to-guest table, which ring 1 may read; segments end where the table's
 * space ends. The rest of the area is out of the guest's reach. */
#define RS_SEGMENT_END 0xFFF00000

/* Selectors that the monitor's GDT holds at start; flat up to RS_SEGMENT_END. Entries 1-15 are the guest's to change.
 * At entry CS, DS, ES and SS are the kernel's, FS and GS null. */
#define RS_KERNEL_CS 0x09
#define RS_KERNEL_DS 0x11
#define RS_USER_CS 0x1B
#define RS_USER_DS 0x23

/* ELF notes that make an image paravirtual: section .note.ringside, name "Ringside", 4-byte values. */
#define RS_NOTE_ENTRY 1          /* linear address of the paravirtual entry point */
#define RS_NOTE_VIRT_BASE 2      /* linear address of guest-physical 0 in the initial page tables */
#define RS_NOTE_HYPERCALL_PAGE 3 /* linear address of the page that the monitor fills with hypercall stubs */
#define RS_NOTE_FEATURES 4       /* reserved, 0 */

/* Hypercall n: call hypercall_page + n * 32 with EBX, ECX, EDX the arguments; EAX returns a value, or -errno.
 * All other registers are preserved. Only ring 1 may call; INT 82h in ring 3 is #GP. An unknown n is -RS_ENOSYS.
 *
 * A batch is worked off in order. It returns how many operations were done; if that is less than `count` the next one
 * was refused. If the first one is refused, its -errno is returned. (A batch that validates more than some million
 * entries may also be cut short; simply continue after what was done.) */
#define RS_HC_STUB_BYTES 32
#define RS_HC_SET_TRAP_TABLE 0    /* (struct rs_trap *table), ends at a row with eip 0; other vectors stay as they are */
#define RS_HC_STACK_SWITCH 1      /* (ss, esp): the ring-1 stack used when ring 3 is interrupted */
#define RS_HC_UPDATE_DESCRIPTOR 2 /* (index, low, high): one GDT entry. Not present, or: code (not conforming) or data (not
                                     expand-down), DPL >= 1; the limit is cut at RS_SEGMENT_END */
#define RS_HC_MMU_UPDATE 3        /* (struct rs_mmu_update *, count <= 2048): a batch */
#define RS_HC_UPDATE_VA_MAPPING 4 /* (linear, pte, RS_UVMF_*): the PTE that maps `linear` in the current tables */
#define RS_HC_MMUEXT_OP 5         /* (struct rs_mmuext_op *, count <= 2048): a batch */
#define RS_HC_SET_CALLBACK 6      /* (eip): the event upcall, in RS_KERNEL_CS */
#define RS_HC_SCHED_OP 7          /* (RS_SCHED_*, argument) */
#define RS_HC_EVENT_SEND 8        /* (port) */
#define RS_HC_SET_TIMER 9         /* (period in microseconds): periodic RS_EVENT_TIMER; 0 stops, else >= RS_TIMER_MIN */
#define RS_HC_CONSOLE_WRITE 10    /* (text, bytes <= 4096): unbuffered, for early messages and panics */
#define RS_HC_IRET 11             /* stack: eax, eip, cs, eflags[, esp, ss]; EFLAGS.IF sets upcall_mask = !IF; jump to it.
                                     IOPL, VM and NT are ignored; a frame that cannot be returned to ends the guest */
#define RS_HC_MULTICALL 12        /* (struct rs_multicall *, count <= 2048): a batch of calls, each with its result; goes on
                                     after refused ones. Not in it: MULTICALL, IRET, SCHED_OP (-RS_EINVAL) */
#define RS_HC_VERSION 13          /* returns RS_ABI_VERSION */
#define RS_HC_COUNT 14
#define RS_ABI_VERSION 1
#define RS_BATCH_MAX 2048
#define RS_TIMER_MIN 100 /* microseconds */

#define RS_SCHED_YIELD 0
#define RS_SCHED_BLOCK 1    /* sets upcall_mask = 0 and waits for an event; returns after its upcall */
#define RS_SCHED_SHUTDOWN 2 /* argument: exit status of the guest, 0 = success, at most 255 */

#define RS_UVMF_NONE 0
#define RS_UVMF_INVLPG 1
#define RS_UVMF_TLB_FLUSH 2

#define RS_MMUEXT_PIN_L1 0
#define RS_MMUEXT_PIN_L2 1
#define RS_MMUEXT_UNPIN 2       /* -RS_EBUSY for the directory in use */
#define RS_MMUEXT_NEW_BASEPTR 3 /* of a pinned directory; flushes the TLB */
#define RS_MMUEXT_TLB_FLUSH 4
#define RS_MMUEXT_INVLPG 5

#define RS_EVENT_TIMER 0   /* to the guest */
#define RS_EVENT_CONSOLE 1 /* to the guest: input arrived; to the monitor: output waits */
#define RS_EVENT_DISK 2    /* to the guest: responses; to the monitor: requests */
#define RS_EVENT_NET 3     /* to the guest: frames arrived; to the monitor: frames to send, or buffers after none were left */
#define RS_EVENT_COUNT 4

#define RS_EPERM 1
#define RS_EIO 5
#define RS_EFAULT 14
#define RS_EBUSY 16
#define RS_EINVAL 22
#define RS_ENOSYS 38

#ifndef __ASSEMBLER__
#include <stdint.h>

/* flags: bits 0-1 the least privileged ring that may use it by INT n; bit 2: mask events on entry.
 * A vector >= 32 whose row has flags bit 2 clear is installed as a hardware gate straight into ring 1: INT n then costs
 * no monitor entry, and upcall_mask stays as it is.
 * cs: a ring-1 code segment of the GDT. Vectors 82h and E0h-FFh are the monitor's (-RS_EINVAL).
 * Through any other row the monitor builds the frame. The stack must be 32-bit and writable, and a fault must have a
 * row; otherwise the guest is ended. Privileged instructions and I/O raise #GP; CPUID and RDTSC work. */
#define RS_TRAP_MASK_EVENTS 4
struct rs_trap {
  uint8_t vector, flags;
  uint16_t cs;
  uint32_t eip;
};

/* address: machine address of the entry. Low two bits: 0. */
struct rs_mmu_update {
  uint32_t address, value;
};

struct rs_mmuext_op {
  uint32_t command;
  uint32_t argument; /* a machine frame number, or a linear address for INVLPG */
};

struct rs_multicall {
  uint32_t operation, arguments[3];
  int32_t result;
};

/* One page, written by both sides; plain for ever. Interrupt frames that the monitor builds hold the virtual IF in EFLAGS
 * bit 9. */
struct rs_shared_info {
  uint8_t upcall_pending; /* set with the event of an unmasked port; the guest clears */
  uint8_t upcall_mask;    /* 1 = events are held off (so at start); the guest's CLI is a store here */
  uint16_t reserved;
  uint32_t event_pending; /* bit per port; the guest clears */
  uint32_t event_mask;    /* bit per port; 1 = this port raises no upcall */
  uint32_t cr2;           /* of the last page fault delivered */
  uint64_t system_time_ns; /* when the last event was delivered */
  uint64_t ticks;         /* timer periods that have elapsed */
};

/* One page; ESI holds its linear address at entry. ESP is valid: a bootstrap stack of one page. The pages that follow the
 * image (start info, shared info, rings, stack, frame list, page tables) lie below first_free_page. Initial entries have
 * P, W, A, D in page tables, U too in directories; only the paging structures themselves are mapped without W. */
#define RS_START_MAGIC "ringside-pv-1"
struct rs_start_info {
  char magic[16];
  uint32_t ram_pages;       /* guest-physical RAM, all mapped from RS_NOTE_VIRT_BASE up */
  uint32_t page_directory;  /* linear address of the initial page directory */
  uint32_t page_table_pages; /* how many pages from there on are paging structures, pinned and read-only */
  uint32_t first_free_page; /* guest-physical frame number from which on RAM is unused */
  uint32_t frame_list;      /* linear address of uint32_t[ram_pages]: guest frame -> machine frame */
  uint32_t machine_to_guest; /* linear address, in the monitor's area but readable, of uint32_t[]: the inverse */
  uint32_t machine_frames;  /* number of entries of machine_to_guest */
  uint32_t shared_info;     /* linear addresses, each of one page, writable */
  uint32_t console_ring;
  uint32_t disk_ring;
  uint32_t disk_sectors; /* 0 = no disk */
  char command_line[512];
  uint32_t net_ring;   /* linear address, 0 = no network card */
  uint8_t station[6]; /* its address */
  uint16_t reserved;
};

/* Free-running indices; used modulo the array size. Output: the guest produces and sends RS_EVENT_CONSOLE, and the
 * monitor has taken all of it when that hypercall returns; more than sizeof out produced is -RS_EINVAL. Input:
 * RS_EVENT_CONSOLE arrives when there is some. */
struct rs_console_ring {
  char in[1024], out[2048];
  uint32_t in_consumer, in_producer;   /* the guest consumes, the monitor produces */
  uint32_t out_consumer, out_producer; /* the monitor consumes, the guest produces */
};

#define RS_DISK_READ 0
#define RS_DISK_WRITE 1
#define RS_DISK_FLUSH 2
#define RS_DISK_SEGMENTS 11
#define RS_DISK_RING_SIZE 16
struct rs_disk_segment {
  uint32_t machine_frame; /* the guest's own; for a read not one that is a page table (-RS_EPERM) */
  uint8_t first_sector, last_sector; /* inclusive, 0-7 within the page */
  uint16_t reserved;
};
struct rs_disk_request {
  uint32_t id;
  uint8_t operation, segments;
  uint16_t reserved;
  uint32_t sector;
  struct rs_disk_segment segment[RS_DISK_SEGMENTS];
};
struct rs_disk_response {
  uint32_t id;
  int32_t status; /* 0 or -errno */
};
/* The guest produces requests and sends RS_EVENT_DISK if request_event asks for it; the monitor answers in `response`.
 * Either side asks to be told as soon as the other's producer passes a value, by storing that value in the *_event
 * index: "old producer < event <= new producer" (modulo 2^32) means notify. Both start at 1 with producers at 0.
 * The monitor has served all requests, in order, when RS_HC_EVENT_SEND returns; more requests than the ring holds is
 * -RS_EINVAL. */
struct rs_disk_ring {
  uint32_t request_producer, request_event;
  uint32_t response_producer, response_event;
  struct rs_disk_response response[RS_DISK_RING_SIZE];
  struct rs_disk_request request[RS_DISK_RING_SIZE];
};

#define RS_NET_RING_SIZE 64
struct rs_net_buffer {
  uint32_t machine_frame; /* the guest's own; to receive into not one that is a page table (-RS_EPERM) */
  uint16_t offset, bytes; /* within the page */
};
/* The guest produces frames to send, and buffers to receive into; the monitor consumes both in order. It has sent all
 * frames when RS_HC_EVENT_SEND returns; one that is refused is skipped, and the call returns why. Of a buffer that a
 * frame came into `bytes` is the frame's length; 0: it was refused. RS_EVENT_NET tells the guest as *_event ask for it, see
 * the disk ring. A frame for which there is no buffer waits outside, within bounds; the monitor then sets `starved`, and
 * the guest sends RS_EVENT_NET once there are buffers. The first RS_EVENT_NET is also what makes the card listen. */
struct rs_net_ring {
  uint32_t send_producer, send_consumer;
  uint32_t receive_producer, receive_consumer, receive_event;
  uint32_t starved;
  struct rs_net_buffer send[RS_NET_RING_SIZE], receive[RS_NET_RING_SIZE];
};
#endif /* __ASSEMBLER__ */
#endif
