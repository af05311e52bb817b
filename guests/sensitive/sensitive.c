/* sensitive: tries the instructions that stand between x86 and classic virtualization, in rings 0, 1 and 3,
 * and prints what became of each.
 *
 * Popek and Goldberg (1974): a machine can be virtualized by trap-and-emulate if every sensitive instruction
 * traps outside ring 0. On bare metal the first table shows that x86 fails this: 17 or 18 instructions,
 * depending on who counts, execute everywhere and tell or change what they should not. Run it under `trap`
 * with sensitive instructions leaking, and "ring 0" sees a machine that is not its own; with sensitive
 * instructions trapping, and it sees its own again. */
#include "guests/sensitive/probe.h"

#include "guests/common/pc.h"

/* probes.S */
void p_sgdt(void), p_sidt(void), p_sldt(void), p_smsw(void), p_pushf(void), p_popf(void), p_lar(void),
    p_lsl(void), p_verr(void), p_verw(void), p_pop(void), p_push(void), p_call(void), p_jmp(void),
    p_int(void), p_ret(void), p_str(void), p_mov(void), p_cli(void), p_sti(void), p_hlt(void), p_iret(void),
    p_lgdt(void), p_lidt(void), p_lldt(void), p_ltr(void), p_lmsw(void), p_clts(void), p_from_cr0(void),
    p_to_cr0(void), p_from_cr2(void), p_from_cr3(void), p_to_cr3(void), p_from_cr4(void), p_from_dr7(void),
    p_to_dr0(void), p_invlpg(void), p_wbinvd(void), p_rdmsr(void), p_wrmsr(void), p_in(void), p_out(void),
    p_cpuid(void), p_rdtsc(void), p_ud2(void), p_div(void);
void call_gate_target(void);

static const struct probe sensitive_probes[] = {
    {"SGDT", p_sgdt, SHOW_GDT},
    {"SIDT", p_sidt, SHOW_IDT},
    {"SLDT", p_sldt, SHOW_SELECTOR},
    {"SMSW", p_smsw, SHOW_MACHINE_STATUS},
    {"PUSHF", p_pushf, SHOW_FLAG},
    {"POPF (IF on)", p_popf, SHOW_NEW_FLAG},
    {"LAR", p_lar, SHOW_RIGHTS},
    {"LSL", p_lsl, SHOW_LIMIT},
    {"VERR", p_verr, SHOW_ZERO_FLAG},
    {"VERW", p_verw, SHOW_ZERO_FLAG},
    {"POP ES", p_pop, SHOW_NOTHING},
    {"PUSH CS", p_push, SHOW_SELECTOR},
    {"CALL gate", p_call, SHOW_CODE_SEGMENT},
    {"JMP far", p_jmp, SHOW_CODE_SEGMENT},
    {"INT 30h", p_int, SHOW_CODE_SEGMENT},
    {"RET far", p_ret, SHOW_CODE_SEGMENT},
    {"STR", p_str, SHOW_SELECTOR},
    {"MOV AX, SS", p_mov, SHOW_SELECTOR},
};
static const struct probe privileged_probes[] = {
    {"CLI", p_cli, SHOW_NEW_FLAG},
    {"STI", p_sti, SHOW_NEW_FLAG},
    {"HLT", p_hlt, SHOW_NOTHING},
    {"LGDT", p_lgdt, SHOW_NOTHING},
    {"LIDT", p_lidt, SHOW_NOTHING},
    {"LLDT", p_lldt, SHOW_NOTHING},
    {"LTR", p_ltr, SHOW_NOTHING},
    {"LMSW (TS on)", p_lmsw, SHOW_TASK_SWITCHED},
    {"CLTS", p_clts, SHOW_TASK_SWITCHED},
    {"MOV EAX, CR0", p_from_cr0, SHOW_MACHINE_STATUS},
    {"MOV CR0, EAX", p_to_cr0, SHOW_NOTHING},
    {"MOV EAX, CR2", p_from_cr2, SHOW_NOTHING},
    {"MOV EAX, CR3", p_from_cr3, SHOW_NOTHING},
    {"MOV CR3, EAX", p_to_cr3, SHOW_NOTHING},
    {"MOV EAX, CR4", p_from_cr4, SHOW_NOTHING},
    {"MOV EAX, DR7", p_from_dr7, SHOW_NOTHING},
    {"MOV DR0, EAX", p_to_dr0, SHOW_NOTHING},
    {"INVLPG", p_invlpg, SHOW_NOTHING},
    {"WBINVD", p_wbinvd, SHOW_NOTHING},
    {"RDMSR", p_rdmsr, SHOW_NOTHING},
    {"WRMSR", p_wrmsr, SHOW_NOTHING},
    {"IN AL, 80h", p_in, SHOW_NOTHING},
    {"OUT 80h, AL", p_out, SHOW_NOTHING},
};
static const struct probe other_probes[] = {
    {"IRET (IF on)", p_iret, SHOW_NEW_FLAG}, {"CPUID", p_cpuid, SHOW_NOTHING},
    {"RDTSC", p_rdtsc, SHOW_NOTHING},        {"UD2", p_ud2, SHOW_NOTHING},
    {"DIV by zero", p_div, SHOW_NOTHING},
};

uint8_t probe_memory[16];
struct table_register probe_gdtr, probe_idtr;

enum { RINGS = 3, STACK_BYTES = 4096, CR0_TASK_SWITCHED = 8, EFLAGS_IF = 0x200, EFLAGS_ZF = 0x40 };
static const uint8_t rings[RINGS] = {0, 1, 3};
static const uint16_t code_selectors[RINGS] = {SELECTOR_CODE0, SELECTOR_CODE1, SELECTOR_CODE3};
static const uint16_t data_selectors[RINGS] = {SELECTOR_DATA0, SELECTOR_DATA1, SELECTOR_DATA3};

static uint64_t gdt[9], idt[VECTOR_DONE + 1];
static struct task_state tss;
static uint8_t trap_stack[STACK_BYTES], outer_stacks[RINGS][STACK_BYTES];

static uint32_t read_cr0(void) {
  uint32_t value;
  asm volatile("mov %%cr0, %0" : "=r"(value));
  return value;
}
static void write_cr0(uint32_t value) { asm volatile("mov %0, %%cr0" : : "r"(value)); }

/* Puts back everything that a probe may have changed. CR0's task-switched flag is on at the start of each:
 * something to recognise our own CR0 by. */
static void set_up(void) {
  gdt[SELECTOR_TSS / 8] = system_segment((uint32_t)&tss, sizeof tss - 1, ACCESS_TSS); /* LTR marks it busy */
  asm volatile("cli");
  asm volatile("lgdt %0" : : "m"(probe_gdtr));
  asm volatile("lidt %0" : : "m"(probe_idtr));
  asm volatile("lldt %w0" : : "r"(0));
  write_cr0(read_cr0() | CR0_TASK_SWITCHED);
}

static void build_tables(void) {
  gdt[SELECTOR_CODE0 / 8] = flat_segment(ACCESS_CODE);
  gdt[SELECTOR_DATA0 / 8] = flat_segment(ACCESS_DATA);
  gdt[SELECTOR_CODE1 / 8] = flat_segment(ACCESS_CODE | 1 << 5);
  gdt[SELECTOR_DATA1 / 8] = flat_segment(ACCESS_DATA | 1 << 5);
  gdt[SELECTOR_CODE3 / 8] = flat_segment(ACCESS_CODE | 3 << 5);
  gdt[SELECTOR_DATA3 / 8] = flat_segment(ACCESS_DATA | 3 << 5);
  gdt[SELECTOR_CALL_GATE / 8] = gate(SELECTOR_CODE0, (uint32_t)call_gate_target, ACCESS_CALL_GATE | 3 << 5);
  for (uint32_t i = 0; i <= VECTOR_DONE; i++)
    idt[i] = gate(SELECTOR_CODE0, trap_stubs[i], ACCESS_INTERRUPT_GATE);
  idt[VECTOR_DONE] |= (uint64_t)3 << 45; /* DPL 3 */
  tss.esp0 = (uint32_t)(trap_stack + STACK_BYTES);
  tss.ss0 = SELECTOR_DATA0;
  tss.io_map = sizeof tss; /* no I/O permission bitmap */
  probe_gdtr = (struct table_register){sizeof gdt - 1, (uint32_t)gdt};
  probe_idtr = (struct table_register){sizeof idt - 1, (uint32_t)idt};
  set_up();
  asm volatile("ljmp %0, $1f\n1: mov %1, %%ds\n mov %1, %%es\n mov %1, %%ss"
               :
               : "i"(SELECTOR_CODE0), "r"(SELECTOR_DATA0)
               : "memory");
  asm volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

/* Interrupt line 0 wakes HLT; all other lines, and it at all other times, stay masked. */
static void start_interrupt_controller(void) {
  out8(RS_PORT_PIC_MASTER, 0x11);
  out8(RS_PORT_PIC_MASTER + 1, VECTOR_TIMER);
  out8(RS_PORT_PIC_MASTER + 1, 1 << 2);
  out8(RS_PORT_PIC_MASTER + 1, 1);
  out8(RS_PORT_PIC_MASTER + 1, 0xFF);
  out8(RS_PORT_PIC_SLAVE + 1, 0xFF);
  out8(RS_PORT_PIT_COMMAND, 0x34); /* channel 0, both bytes, periodic */
  out8(RS_PORT_PIT_CHANNEL0, RS_PIT_HZ / 1000 & 0xFF);
  out8(RS_PORT_PIT_CHANNEL0, RS_PIT_HZ / 1000 >> 8);
}
static void let_timer_through(bool yes) { out8(RS_PORT_PIC_MASTER + 1, yes ? 0xFE : 0xFF); }

static const char *exception_name(uint32_t vector) {
  static const char *const names[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
                                      "#DF", "9",   "#TS", "#NP", "#SS", "#GP", "#PF"};
  return vector < sizeof names / sizeof *names ? names[vector] : "an interrupt";
}

static void format(char *to, size_t room, const char *text, ...) {
  va_list values;
  va_start(values, text);
  format_list(to, room, text, values);
  va_end(values);
}

static bool is_own(const struct table_register *own) { return memcmp(probe_memory, own, sizeof *own) == 0; }

/* What a probe that came to its end has seen or done. */
static void describe(char *to, size_t room, const struct outcome *outcome, enum shown shown) {
  bool visible = outcome->eflags & EFLAGS_ZF;
  switch (shown) {
    case SHOW_NOTHING: text_copy(to, "executed", room); break;
    case SHOW_SELECTOR: format(to, room, "saw %04x", outcome->eax & 0xFFFF); break;
    case SHOW_CODE_SEGMENT: format(to, room, "now in %04x", outcome->cs & 0xFFFF); break;
    case SHOW_FLAG: format(to, room, "saw IF=%d", (outcome->eax & EFLAGS_IF) != 0); break;
    case SHOW_NEW_FLAG: format(to, room, "now IF=%d", (outcome->eflags & EFLAGS_IF) != 0); break;
    case SHOW_RIGHTS: format(to, room, visible ? "saw DPL %u" : "saw nothing", outcome->eax >> 13 & 3); break;
    case SHOW_LIMIT: format(to, room, visible ? "saw %x" : "saw nothing", outcome->eax); break;
    case SHOW_ZERO_FLAG: text_copy(to, visible ? "says yes" : "says no", room); break;
    case SHOW_GDT: text_copy(to, is_own(&probe_gdtr) ? "saw its own" : "saw another's", room); break;
    case SHOW_IDT: text_copy(to, is_own(&probe_idtr) ? "saw its own" : "saw another's", room); break;
    case SHOW_MACHINE_STATUS: format(to, room, "saw TS=%d", (outcome->eax & CR0_TASK_SWITCHED) != 0); break;
    case SHOW_TASK_SWITCHED: format(to, room, "now TS=%d", (read_cr0() & CR0_TASK_SWITCHED) != 0); break;
  }
}

/* Runs all probes in all rings and prints a line for each; counts[ring] of them executed. */
static void table(const char *title, const struct probe *probes, unsigned n, unsigned counts[RINGS]) {
  print("\n%-16s %-14s %-14s %s\n", title, "ring 0", "ring 1", "ring 3");
  for (const struct probe *probe = probes; probe < probes + n; probe++) {
    print("%-16s", probe->name);
    for (int i = 0; i < RINGS; i++) {
      char text[40];
      bool halts = probe->code == p_hlt;
      set_up();
      if (halts) let_timer_through(true);
      const struct outcome *outcome =
          probe_run(probe->code, code_selectors[i], data_selectors[i],
                    (uint32_t)(outer_stacks[i] + STACK_BYTES), halts ? EFLAGS_IF : 0);
      if (halts) let_timer_through(false);
      if (outcome->vector == VECTOR_DONE) {
        describe(text, sizeof text, outcome, probe->shown);
        counts[i]++;
      } else {
        format(text, sizeof text, outcome->error_code ? "%s(%04x)" : "%s", exception_name(outcome->vector),
               outcome->error_code);
      }
      print(i + 1 < RINGS ? " %-14s" : " %s\n", text);
    }
  }
}

#define COUNT(list) (sizeof(list) / sizeof *(list))

int main(void) {
  unsigned sensitive[RINGS] = {0}, privileged[RINGS] = {0}, other[RINGS] = {0};
  start_interrupt_controller();
  build_tables();
  print("What happens to sensitive instructions. IF is 0 and TS is 1 when each begins.\n");
  table("SENSITIVE", sensitive_probes, COUNT(sensitive_probes), sensitive);
  table("PRIVILEGED", privileged_probes, COUNT(privileged_probes), privileged);
  table("OTHERS", other_probes, COUNT(other_probes), other);
  print("\n");
  for (int i = 0; i < RINGS; i++)
    print("In ring %u, %u of %u sensitive and %u of %u privileged instructions executed.\n", rings[i],
          sensitive[i], COUNT(sensitive_probes), privileged[i], COUNT(privileged_probes));
  return 0;
}
