#include "hypervisor/accounting/exit_reason.h"

#include <array>
#include <cassert>

namespace ringside {
namespace {

using R = ExitReason;
using T = ExitTopic;

// The columns: reason, name, what it is, why it happens under trap / para / hvm (empty: it does not), what
// the monitor does, where to read on. Names are those of `perf kvm stat` where hardware has the exit.
constexpr std::array<ExitReasonInfo, static_cast<std::size_t>(R::kCount)> kReasons{{
    {R::ExceptionOrNmi, "EXCEPTION_NMI", "The guest raised an exception that the monitor asked to see.", "",
     "",
     "The exception's bit is set in the exception bitmap of the VMCS. With nested paging the monitor needs "
     "no page fault and sets no bit, so this is rare; with shadow paging under VT-x every page fault comes "
     "here.",
     "Decides whether the fault is its own business (a missing shadow entry) or the guest's; the latter is "
     "injected back with the VM-entry interruption field.",
     "SDM vol. 3, 26.2 (other causes of VM exits) and 25.6.3 (exception bitmap)", T::SystemCalls},

    {R::ExternalInterrupt, "EXTERNAL_INTERRUPT",
     "A device of the host asked for attention while the guest was running.",
     "The monitor owns the real interrupt-descriptor table, so a device interrupt enters the monitor and not "
     "the guest.",
     "Interrupts belong to the hypervisor. It turns them into events for the guest: a bit in the shared page "
     "and, unless the guest masks events, an upcall.",
     "The control 'external-interrupt exiting' is on: otherwise a guest with interrupts off could keep the "
     "host from its own devices.",
     "Lets the device models act; if that raises the guest's virtual interrupt line, delivers the guest's "
     "vector now, or remembers it until the guest enables interrupts.",
     "SDM vol. 3, 25.6.1 (pin-based controls) and 26.2", T::Interrupts},

    {R::TripleFault, "TRIPLE_FAULT",
     "An exception struck while the processor was delivering a double fault: a real machine would reset.",
     "The monitor tried to deliver an exception to the guest's own handlers and failed three times over.",
     "The guest has registered no usable handler for a fault inside its fault handler.",
     "The processor leaves instead of shutting down, so that only the guest dies.",
     "Ends the guest and reports where it was.", "SDM vol. 3, 6.15 (double fault) and 26.2", T::Errors},

    {R::InterruptWindow, "INTERRUPT_WINDOW", "The guest has just become able to take an interrupt.", "", "",
     "An interrupt was waiting while the guest had IF=0. The monitor cannot see STI or POPF any more, so it "
     "asked, through 'interrupt-window exiting', to be called when the window opens.",
     "Injects the waiting interrupt and takes the request back.",
     "SDM vol. 3, 25.6.2 (interrupt-window exiting) and 26.2", T::Interrupts},

    {R::TaskSwitch, "TASK_SWITCH",
     "The guest tried a hardware task switch: a far jump, call, IRET or interrupt through a task.",
     "Task-state segments are the monitor's in ring 0; a switch by the guest faults.", "",
     "VT-x cannot switch tasks in non-root operation; the exit is unconditional.",
     "Would have to save and load both task-state segments in software.",
     "SDM vol. 3, 26.4.2 (treatment of task switches)", T::Instructions},

    {R::Cpuid, "CPUID", "The guest asked the processor what it is.", "", "",
     "CPUID exits unconditionally under VT-x. (Outside VT-x it neither traps nor can be made to on old "
     "processors: a classic monitor cannot hide anything from it.)",
     "Answers with the processor that this virtual machine is meant to have.",
     "SDM vol. 3, 26.1.2 (instructions that cause VM exits unconditionally)", T::Instructions},

    {R::Hlt, "HLT", "The guest has nothing to do and waits for an interrupt.",
     "HLT is privileged, so in ring 1 it raises #GP.", "",
     "The control 'HLT exiting' is on; otherwise an idle guest would hold the processor.",
     "Gives the processor away until an interrupt for this guest arrives; here: lets simulated time pass.",
     "SDM vol. 3, 26.1.3; vol. 2, HLT", T::Interrupts},

    {R::Invlpg, "INVLPG",
     "The guest dropped one page's translation because it has changed a page-table entry.",
     "INVLPG is privileged, so in ring 1 it raises #GP. To a monitor with shadow tables it is the news that "
     "the guest's entry has changed.",
     "",
     "Only if the monitor shadows page tables ('INVLPG exiting'). With nested paging the guest owns its "
     "translations, and the exit is gone.",
     "Removes the page from the shadow tables; the next access fills it again from the guest's entry.",
     "SDM vol. 3, 4.10.4 (invalidation of TLBs) and 26.1.3", T::PageTables},

    {R::Rdtsc, "RDTSC", "The guest read the time-stamp counter.",
     "The monitor sets CR4.TSD, so that RDTSC faults outside ring 0: the real counter would show the guest "
     "the time that its neighbours used.",
     "The monitor sets CR4.TSD, as for an unmodified guest.",
     "The control 'RDTSC exiting' is on. Usually it is off, and the VMCS field TSC offset does the job "
     "without an exit.",
     "Answers with the guest's own clock.", "SDM vol. 3, 17.17 (time-stamp counter) and 26.1.3",
     T::Instructions},

    {R::Vmcall, "VMCALL", "The guest called its monitor on purpose: a hypercall under hardware assistance.",
     "", "", "VMCALL exits unconditionally; the number is in EAX by agreement of guest and monitor.",
     "Carries out the request and returns the result in EAX.",
     "SDM vol. 3, 26.1.2; vol. 3, chapter 31 (VMCALL)", T::Instructions},

    {R::CrAccess, "CR_ACCESS", "The guest read or wrote a control register: CR0, CR3 or CR4.",
     "MOV to and from control registers, CLTS and LMSW are privileged, so in ring 1 they raise #GP. CR3 "
     "holds the monitor's shadow root; the guest's own value lives in the monitor.",
     "",
     "The guest/host masks of the VMCS own the bit that is being changed, or CR3 exiting is on (shadow "
     "paging). With nested paging a CR3 write, and so a guest's context switch, does not exit.",
     "Gives the guest the value that it believes in; a new CR3 selects or rebuilds the shadow tables, a "
     "change of PG, WP or PE changes how they are built.",
     "SDM vol. 3, 2.5 (control registers), 25.6.6 (masks and shadows), 26.1.3", T::PageTables},

    {R::MovDr, "DR_ACCESS", "The guest read or wrote a debug register.",
     "MOV DR is privileged, so in ring 1 it raises #GP.",
     "Debug registers are privileged; a paravirtual kernel in ring 1 meets #GP like any other.",
     "The control 'MOV-DR exiting' is on.", "Keeps the guest's debug registers apart from the real ones.",
     "SDM vol. 3, 17.2 (debug registers) and 26.1.3", T::Instructions},

    {R::IoInstruction, "IO_INSTRUCTION", "The guest executed IN, OUT, INS or OUTS: it talks to a device.",
     "The real IOPL is 0, so in ring 1 and 3 port I/O raises #GP unless the TSS bitmap permits the port, and "
     "the monitor permits none.",
     "The guest's drivers use rings; a stray port access raises #GP as under trap.",
     "'Unconditional I/O exiting' is on, or the port's bit in the I/O bitmaps is set. The exit qualification "
     "already names port, size and direction: nothing has to be decoded.",
     "Calls the device model with port, size and value, and moves the result into the guest's register or "
     "memory. In many monitors the model is a process of its own, which makes this one of the dearest exits.",
     "SDM vol. 1, Input/Output (protected-mode I/O); vol. 3, 26.1.3 and table 28-5", T::Devices},

    {R::Rdmsr, "MSR_READ", "The guest read a model-specific register.",
     "RDMSR is privileged, so in ring 1 it raises #GP.", "RDMSR is privileged, so in ring 1 it raises #GP.",
     "There is no MSR bitmap, or it says so.",
     "Answers for the registers that the virtual processor has, and raises #GP for the others.",
     "SDM vol. 4; vol. 3, 26.1.3", T::Instructions},

    {R::Wrmsr, "MSR_WRITE", "The guest wrote a model-specific register.",
     "WRMSR is privileged, so in ring 1 it raises #GP.", "WRMSR is privileged, so in ring 1 it raises #GP.",
     "There is no MSR bitmap, or it says so.",
     "Keeps the value for the guest if its processor has the register, and raises #GP if not.",
     "SDM vol. 4; vol. 3, 26.1.3", T::Instructions},

    {R::Pause, "PAUSE_INSTRUCTION", "The guest spins on a lock and says so.", "", "",
     "The control 'PAUSE exiting' is on, to catch a guest that waits for a lock whose holder is not running.",
     "Lets something else run.", "SDM vol. 3, 26.1.3", T::Instructions},

    {R::Wbinvd, "WBINVD", "The guest wants the caches written back.",
     "WBINVD and INVD are privileged, so in ring 1 they raise #GP.",
     "WBINVD and INVD are privileged, so in ring 1 they raise #GP.", "The control 'WBINVD exiting' is on.",
     "Nothing: caches are coherent here, and a guest must not slow down its neighbours.",
     "SDM vol. 3, 26.1.3", T::Instructions},

    {R::DescriptorTable, "GDTR_IDTR", "The guest loaded or stored GDTR, IDTR, LDTR or TR.",
     "LGDT, LIDT, LLDT and LTR are privileged; SGDT, SIDT, SLDT and STR are not, and tell the guest the "
     "monitor's values unless the processor makes them trap.",
     "",
     "The control 'descriptor-table exiting' is on. Usually it is off: the guest has these registers for "
     "itself.",
     "Remembers the guest's table and takes its descriptors over into the real one, lowered to the guest's "
     "ring.",
     "SDM vol. 3, 2.4 (memory-management registers) and 26.1.3", T::Instructions},

    {R::EptViolation, "EPT_VIOLATION",
     "The nested page tables do not permit an access to guest-physical memory.", "", "",
     "The page is touched for the first time and the monitor has not given it a frame yet, or it withheld a "
     "right to watch the page.",
     "Maps the guest-physical page to a machine frame and lets the guest repeat the instruction. The guest's "
     "own page faults do not come here: it handles them without any exit.",
     "SDM vol. 3, 29.3.3.2 and table 28-7 (exit qualification)", T::PageTables},

    {R::EptMisconfiguration, "EPT_MISCONFIG",
     "A nested page-table entry holds a combination that the processor does not allow.", "", "",
     "An error of the monitor; or on purpose: KVM marks memory-mapped devices so, because it is a fast exit.",
     "Ends the guest: here no entry is misconfigured on purpose.", "SDM vol. 3, 29.3.3.1", T::Errors},

    {R::InvalidGuestState, "INVALID_STATE",
     "The processor refused to enter the guest: its state is inconsistent.", "", "",
     "The VM entry checks every register of the guest-state area, and one did not pass.",
     "Ends the guest and names the check.", "SDM vol. 3, 27.3.1 (checks on the guest-state area) and 27.8",
     T::Errors},

    {R::Mmio, "MMIO", "The guest touched a device through memory, the VGA text screen for example.",
     "The shadow tables leave device pages out, so that every access faults.",
     "The monitor maps no device page for the guest, so that an access faults.",
     "The nested tables leave device pages out. Unlike a port exit, the qualification does not say what the "
     "instruction was: it has to be fetched and decoded.",
     "Decodes the instruction, calls the device model, completes the instruction and skips it. For a ring "
     "device the access is a notification or an acknowledgement, and one of them serves any number of "
     "requests; a device that is passed through is mapped at its first touch and then never exits.",
     "SDM vol. 3, 29.3.3.2; virtio 1.2, 4.2; Adams and Agesen 2006, section 4", T::Devices},

    {R::PrivilegedInstruction, "PRIVILEGED_INSTR",
     "An instruction that only ring 0 may execute, tried by a kernel that now lives in ring 1.",
     "CLI, STI, IRET to a more privileged state and their like raise #GP outside ring 0. This is "
     "trap-and-emulate: the fault gives the monitor control, and it does to the virtual machine what the "
     "instruction would have done to the real one.",
     "The paravirtual kernel was rebuilt to avoid them; what is left faults as under trap.", "",
     "Decodes the instruction at EIP, carries it out on the virtual processor (the virtual interrupt flag, "
     "for CLI and STI), and skips it.",
     "SDM vol. 3, 5.9 (privileged instructions); Popek and Goldberg 1974", T::Instructions},

    {R::SensitiveInstruction, "SENSITIVE_INSTR",
     "An instruction that depends on or changes privileged state and yet does not trap on a real x86.",
     "The processor runs with --sensitive trap, a hypothetical x86 that satisfies Popek and Goldberg. With "
     "--sensitive leak these execute silently and do the wrong thing: POPF drops IF, SGDT shows the "
     "monitor's table, PUSH CS shows ring 1.",
     "", "",
     "Carries it out on the virtual state: POPF sets the virtual interrupt flag, SMSW shows the guest's own "
     "CR0.",
     "Robin and Irvine 2000; Popek and Goldberg 1974, theorem 1", T::Instructions},

    {R::Syscall, "SYSCALL", "A process of the guest called its kernel with INT n.",
     "The interrupt table in force is the monitor's, so the call enters the monitor first. It cannot give "
     "the guest's gate to the hardware without making ring 0 of the guest real.",
     "The vector was not registered as a gate straight into ring 1, so the monitor has to bounce it.", "",
     "Looks the vector up in the guest's own table, builds the frame on the guest kernel's stack, and "
     "continues there in ring 1.",
     "SDM vol. 3, 6.12 (exception and interrupt handling); Adams and Agesen 2006, section 3", T::SystemCalls},

    {R::GuestException, "GUEST_EXCEPTION",
     "An exception that the guest caused and its kernel must handle, such as a division by zero.",
     "All exceptions enter the monitor, which owns the interrupt table. This one is the guest's own.",
     "All exceptions enter the hypervisor first, which bounces them to the handler that the guest "
     "registered.",
     "",
     "Builds the exception frame on the guest kernel's stack and continues at its handler: one more trip "
     "than the hardware would make.",
     "SDM vol. 3, 6.12 and 6.15", T::SystemCalls},

    {R::ShadowPageFault, "SHADOW_PAGE_FAULT",
     "A hidden page fault: the guest's tables permit the access, the shadow tables did not have it yet.",
     "The processor walks the monitor's shadow tables. They are filled on demand: each page costs one fault "
     "the first time, and again whenever the guest switches or edits its tables. The guest never notices.",
     "", "",
     "Walks the guest's tables in software, sets accessed and dirty there, writes the translation to machine "
     "memory into the shadow, and repeats the instruction.",
     "Adams and Agesen 2006, section 2.4; Waldspurger 2002", T::PageTables},

    {R::ShadowPageTableWrite, "SHADOW_PT_WRITE",
     "The guest wrote to one of its page tables, which the monitor keeps write-protected.",
     "Shadow tables are a copy. To keep the copy true, the monitor traces its source: the page tables of the "
     "guest are read-only for the guest, and a write faults.",
     "", "", "Emulates the write and drops or updates the shadow entries that came from it.",
     "Adams and Agesen 2006, section 2.4 (tracing faults)", T::PageTables},

    {R::TruePageFault, "TRUE_PAGE_FAULT",
     "A page fault that the guest's own tables ask for: demand paging, copy on write, or an error.",
     "Every page fault enters the monitor. It has walked the guest's tables and found that they deny the "
     "access.",
     "Page faults enter the hypervisor first; the guest's tables are the real ones, so it need not walk "
     "anything.",
     "",
     "Sets the guest's CR2, builds the frame with the guest's error code, and continues at the guest's "
     "handler.",
     "SDM vol. 3, 4.7 (page-fault exceptions)", T::PageFaults},

    {R::Hypercall, "HYPERCALL",
     "The guest asked its hypervisor for a service: a trap table, a descriptor, a timer.", "",
     "What ring 1 may not do, the paravirtual kernel asks for, through the hypercall page.",
     "A paravirtual driver in a hardware-assisted guest calls through the same page, which holds VMCALL "
     "there.",
     "Checks every argument as a kernel checks those of a system call, carries the request out, returns a "
     "result or an error number.",
     "Barham et al. 2003, section 3; hypervisor/abi/paravirtual.h", T::Instructions},

    {R::HypercallMmuUpdate, "HYPERCALL_MMU",
     "The guest asked for changes of its page tables, or for a new address space.", "",
     "Page tables hold machine addresses and are read-only for the guest, so that it cannot map what is not "
     "its own. Many updates can travel in one call: fork pays one trip for hundreds of entries.",
     "",
     "Validates each entry (does the frame belong to this guest? is it a page table that must stay "
     "read-only?) and writes it. The processor then uses the guest's tables directly: no shadow.",
     "Barham et al. 2003, section 3.3.3 (virtual address translation)", T::PageTables},

    {R::HypercallEventChannel, "HYPERCALL_EVENT",
     "The guest rang a doorbell: there is something in a shared ring for a device.", "",
     "Paravirtual devices take requests from shared memory. One notification covers all requests that are "
     "waiting, where an emulated disk needs several port accesses for each.",
     "", "Takes the requests from the ring, checks them, hands them to the device.",
     "Barham et al. 2003, section 3.2 (control transfer and data transfer)", T::Devices},

    {R::HypercallIret, "HYPERCALL_IRET",
     "The guest kernel returns from an interrupt, exception or system call.", "",
     "IRET in ring 1 cannot restore the virtual interrupt flag, and cannot do so together with the return in "
     "one step. So the guest asks for both.",
     "",
     "Takes the frame from the guest's stack, forces privilege and flags to what the guest may have, "
     "delivers events that became possible, and returns.",
     "Barham et al. 2003, section 3.2; hypervisor/abi/paravirtual.h", T::Interrupts},

    {R::Unmodelled, "UNMODELLED",
     "The guest executed an instruction that exists but that this simulator does not model.",
     "The same in every mode: it is a limit of Ringside, not of the technique.",
     "The same in every mode: it is a limit of Ringside, not of the technique.",
     "The same in every mode: it is a limit of Ringside, not of the technique.",
     "Ends the guest and names the instruction and its address.", "cpu/README.md", T::Errors},
}};

constexpr bool in_enum_order() {
  for (std::size_t i = 0; i < kReasons.size(); ++i)
    if (kReasons[i].reason != static_cast<R>(i)) return false;
  return true;
}
static_assert(in_enum_order(), "one row per reason, in the order of the enumeration");

}  // namespace

std::span<const ExitReasonInfo> exit_reasons() { return kReasons; }

std::string_view name(ExitTopic topic) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(T::kCount)> kNames{
      "page tables", "page faults", "devices", "interrupts", "system calls", "instructions", "errors"};
  return kNames[static_cast<std::size_t>(topic)];
}

const ExitReasonInfo& info(ExitReason reason) {
  assert(reason < ExitReason::kCount);
  return kReasons[static_cast<std::size_t>(reason)];
}

}  // namespace ringside
