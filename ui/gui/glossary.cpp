// What the words on the screen mean.
#include <array>

#include "ui/gui/widgets.h"

namespace ringside::gui {
namespace {

struct GlossaryRow {
  std::string_view word, text;
};

constexpr std::array kGlossary{
    // techniques
    GlossaryRow{"native",
                "The baseline: the guest owns the simulated machine in ring 0. No monitor, no exits."},
    GlossaryRow{
        "trap",
        "Trap-and-emulate: the guest kernel runs in ring 1; what is privileged faults into the monitor, "
        "which emulates it. The page tables in use are shadows that the monitor keeps."},
    GlossaryRow{
        "para",
        "Paravirtualization: the guest kernel knows of its monitor and calls it (hypercalls). Its page "
        "tables are used directly, each change validated."},
    GlossaryRow{
        "hvm",
        "Hardware assistance (VT-x, simulated): the guest owns rings 0-3 in non-root mode; the VMCS says "
        "what exits. Nested paging (EPT) translates guest-physical addresses."},
    GlossaryRow{"kvm", "The same monitor on the host's real /dev/kvm."},
    GlossaryRow{
        "overhead",
        "Busy cycles relative to native: of the whole run once both have ended well, per guest "
        "instruction until then. Idle time is left out. Modelled from counted events, never measured."},
    GlossaryRow{"guest", "Cycles of the guest's own instructions."},
    GlossaryRow{"tlb", "Cycles of page walks after TLB misses. Nested paging makes each walk longer."},
    GlossaryRow{
        "delivery",
        "Cycles that the processor spends delivering exceptions and interrupts and returning from them."},
    GlossaryRow{"switches", "World switches: leaving the guest for the monitor and coming back."},
    GlossaryRow{"monitor", "The monitor's own work: decoding, emulating, keeping shadow or nested tables."},
    GlossaryRow{"devices", "Device models, and the way to the process that holds them."},
    GlossaryRow{"idle", "The guest waits for an interrupt."},
    GlossaryRow{"exits", "Times the processor left the guest for the monitor."},
    GlossaryRow{"real", "What the processor really holds while this guest runs."},
    GlossaryRow{"virtual", "What the guest believes that its registers hold."},
    GlossaryRow{
        "silent",
        "A sensitive instruction that did not trap: it ran outside ring 0 and did something else than the "
        "guest meant. This is why x86 could not be virtualized classically."},
    GlossaryRow{"lockstep",
                "All modes advance to the same guest instruction. Off: only the focused mode moves."},
    GlossaryRow{
        "profile",
        "Prices in cycles for counted events, from published measurements of one generation of processors."},
    // what exits are about
    GlossaryRow{"page tables",
                "Exits for the guest's page tables and address spaces: CR3, INVLPG, table writes, filling "
                "shadow or nested tables."},
    GlossaryRow{"page faults",
                "Page faults that belong to the guest and pass through the monitor on their way to it."},
    GlossaryRow{"device I/O", "Exits for devices: port accesses, memory-mapped registers, rings."},
    GlossaryRow{"interrupts", "Device interrupts, waiting for one (HLT), returning from one."},
    GlossaryRow{
        "system calls",
        "System calls and exceptions of the guest's programs, bounced into its kernel by the monitor."},
    GlossaryRow{"instructions", "Privileged and sensitive instructions that are none of the other topics."},
    GlossaryRow{"errors", "Exits that end a guest, or that this monitor does not model."},
    // columns
    GlossaryRow{"address", "Linear address of the instruction, in the guest's current address space."},
    GlossaryRow{"bytes", "The instruction's encoding."},
    GlossaryRow{"at", "When it happened: how many guest instructions had been executed before."},
    GlossaryRow{"instruction", "The instruction at that address."},
    GlossaryRow{
        "note",
        "● has caused an exit in this run; ▲ sensitive and silent; or the function that begins here."},
    GlossaryRow{"exit", "Why the processor left the guest. Where VMX has a name for it, it is VMX's."},
    GlossaryRow{"eip", "Where the guest was when it left."},
    GlossaryRow{"cycles", "Modelled cycles under the chosen prices. Never measured."},
    GlossaryRow{"step",
                "What was done for this exit, each with a price. Point at a step for the price's source."},
    GlossaryRow{"times", "How often in this exit."},
    GlossaryRow{"paid under", "The part of the cost bar that these cycles belong to."},
    GlossaryRow{"page", "Linear address of a page in the guest's current address space."},
    GlossaryRow{"guest's entry",
                "The last entry of the guest's own tables: frame, P present, W writable, U user, A accessed, "
                "D dirty."},
    GlossaryRow{"shadow entry", "The entry of the monitor's shadow table, which the processor really uses."},
    GlossaryRow{"nested entry",
                "The EPT entry that translates the guest-physical page: machine frame, R W X rights."},
    GlossaryRow{"why", "Why the entries are as they are."},
    // devices
    GlossaryRow{"8259 master", "The interrupt controller: lines 0-7 (timer, keyboard, cascade, serial...)."},
    GlossaryRow{"8259 slave", "The second interrupt controller: lines 8-15 (clock, disk...)."},
    GlossaryRow{"requested", "A bit for each line that asks for an interrupt (IRR)."},
    GlossaryRow{"in service", "A bit for each interrupt that the guest has taken and not ended yet (ISR)."},
    GlossaryRow{"masked", "A bit for each line that the guest does not want to hear of (IMR)."},
    GlossaryRow{"vectors from", "Line 0 arrives as this interrupt vector; the others follow."},
    GlossaryRow{
        "local APIC",
        "The processor's own interrupt controller, at FEE00000h, with a timer; a kernel switches it on "
        "if the MP tables tell it of one."},
    GlossaryRow{"state", "8259 only: virtual wire, the APIC lets the 8259's interrupts through."},
    GlossaryRow{"next vector", "The highest vector that waits in the IRR."},
    GlossaryRow{"serving", "The highest vector that the guest has taken and not ended yet (ISR)."},
    GlossaryRow{"task priority", "Vectors of this class and below wait (TPR)."},
    GlossaryRow{"timer counts", "From this initial count down to 0, by the machine's clock, divided."},
    GlossaryRow{"I/O APIC", "Takes the devices' lines to the local APIC, at FEC00000h."},
    GlossaryRow{"pins unmasked", "Lines that the guest wants to hear of this way."},
    GlossaryRow{"8254 timer", "Channel 0 of the interval timer: its ticks are interrupt line 0."},
    GlossaryRow{"period", "Simulated time between two ticks."},
    GlossaryRow{"mode", "2: a tick each period; 3: a square wave; 0: one tick, then none."},
    GlossaryRow{"16550 serial", "The serial port at 3F8h, line 4: a console."},
    GlossaryRow{"interrupts on",
                "Which events of the serial port interrupt: data, ready to send, line, modem."},
    GlossaryRow{"bytes waiting", "Typed, and not read by the guest yet."},
    GlossaryRow{"IDE disk",
                "The disk at 1F0h, line 14, with programmed I/O: every word passes through a port."},
    GlossaryRow{"last command", "What the guest asked for last: 20h read sectors, 30h write, ECh identify."},
    GlossaryRow{"sector", "The sector register, the lowest byte of the address on the disk."},
    GlossaryRow{"keyboard", "The PS/2 controller at 60h and 64h, line 1."},
    // registers
    GlossaryRow{"EIP", "Address of the next instruction, in the code segment."},
    GlossaryRow{
        "EFLAGS",
        "Flags. IF, the interrupt flag, and IOPL are virtual under a monitor that runs the guest in ring 1."},
    GlossaryRow{"CPL", "Current privilege level, the ring: 0 may do all, 3 the least."},
    GlossaryRow{"EAX", "General register."},
    GlossaryRow{"EBX", "General register."},
    GlossaryRow{"ECX",
                "General register; "
                "counts for REP."},
    GlossaryRow{"EDX", "General register."},
    GlossaryRow{"ESI", "General register; source of string instructions."},
    GlossaryRow{"EDI", "General register; destination of string instructions."},
    GlossaryRow{"EBP", "General register; frame pointer."},
    GlossaryRow{"ESP", "Stack pointer."},
    GlossaryRow{"CR0", "Control register 0: PE protected mode, PG paging, WP, and more."},
    GlossaryRow{"CR2", "The address of the last page fault."},
    GlossaryRow{
        "CR3",
        "Physical address of the page directory. Under shadow paging the real one points to the shadow."},
    GlossaryRow{"CR4", "Control register 4: PSE large pages, PAE, and more."},
    GlossaryRow{"ES", "Segment register: selector and descriptor privilege level."},
    GlossaryRow{"CS", "Code segment. Its low two bits are the privilege level: ring 1 shows here."},
    GlossaryRow{"SS", "Stack segment."},
    GlossaryRow{"DS", "Data segment."},
    GlossaryRow{"FS", "Segment register."},
    GlossaryRow{"GS", "Segment register."},
    GlossaryRow{"TR", "Task register: the TSS, which holds the stacks of the inner rings."},
    GlossaryRow{"GDTR",
                "Where the global descriptor table lies. A monitor has the real one point to its own."},
    GlossaryRow{"IDTR",
                "Where the interrupt descriptor table lies. A monitor has the real one point to its own."},
};

}  // namespace

std::string_view glossary(std::string_view word) {
  for (const GlossaryRow& row : kGlossary)
    if (row.word == word) return row.text;
  return {};
}

}  // namespace ringside::gui
