/* The instructions, one each. They run in ring 0, 1 or 3 with interrupts off. EAX is what they found. */
#include "guests/sensitive/probe.h"

.macro probe name
  .global \name
\name:
.endm
.macro done
  int $VECTOR_DONE
.endm

  .text
/* ---- sensitive, and yet unprivileged: Robin & Irvine, USENIX Security 2000 */
probe p_sgdt
  sgdt probe_memory
  done
probe p_sidt
  sidt probe_memory
  done
probe p_sldt
  sldt %eax
  done
probe p_smsw
  smsw %eax
  done
probe p_pushf
  pushf
  pop %eax
  done
probe p_popf                         /* asks for interrupts on */
  push $0x202
  popf
  done
probe p_lar                          /* about ring 0's data segment */
  mov $SELECTOR_DATA0, %ecx
  lar %ecx, %eax
  done
probe p_lsl
  mov $SELECTOR_DATA0, %ecx
  lsl %ecx, %eax
  done
probe p_verr
  mov $SELECTOR_DATA0, %ecx
  verr %cx
  done
probe p_verw
  mov $SELECTOR_DATA0, %ecx
  verw %cx
  done
probe p_pop                          /* ring 0's data segment into ES */
  push $SELECTOR_DATA0
  pop %es
  done
probe p_push
  push %cs
  pop %eax
  done
probe p_call                         /* through a gate to ring 0 */
  lcall $SELECTOR_CALL_GATE, $0
  done
probe p_jmp                          /* to ring 0's code segment */
  ljmp $SELECTOR_CODE0, $1f
1:
  done
probe p_int                          /* INT 30h: how every probe ends */
  done
probe p_ret                          /* to ring 0's code segment */
  push $SELECTOR_CODE0
  push $1f
  lret
1:
  done
probe p_str
  str %eax
  done
probe p_mov
  mov %ss, %eax
  done

  .global call_gate_target
call_gate_target:
  done

/* ---- privileged */
probe p_cli
  cli
  done
probe p_sti
  sti
  done
probe p_hlt                          /* with interrupts on and a timer running, or it would be for ever */
  hlt
  done
probe p_lgdt
  lgdt probe_gdtr
  done
probe p_lidt
  lidt probe_idtr
  done
probe p_lldt
  lldt %ax
  done
probe p_ltr
  mov $SELECTOR_TSS, %ecx
  ltr %cx
  done
probe p_lmsw                         /* sets the task-switched flag */
  mov $0x9, %ecx
  lmsw %cx
  done
probe p_clts
  clts
  done
probe p_from_cr0
  mov %cr0, %eax
  done
probe p_to_cr0
  mov %cr0, %eax
  mov %eax, %cr0
  done
probe p_from_cr2
  mov %cr2, %eax
  done
probe p_from_cr3
  mov %cr3, %eax
  done
probe p_to_cr3
  mov %eax, %cr3
  done
probe p_from_cr4
  mov %cr4, %eax
  done
probe p_from_dr7
  mov %dr7, %eax
  done
probe p_to_dr0
  mov %eax, %dr0
  done
probe p_invlpg
  invlpg probe_memory
  done
probe p_wbinvd
  wbinvd
  done
probe p_rdmsr                        /* SYSENTER's code segment: harmless */
  mov $0x174, %ecx
  rdmsr
  done
probe p_wrmsr
  mov $0x174, %ecx
  xor %edx, %edx
  wrmsr
  done
probe p_in
  in $0x80, %al
  done
probe p_out
  out %al, $0x80
  done
/* ---- others, for comparison */
probe p_iret                         /* to where it is, asking for interrupts on */
  push $0x202
  push %cs
  push $1f
  iret
1:
  done
probe p_cpuid
  cpuid
  done
probe p_rdtsc
  rdtsc
  done
probe p_ud2
  ud2
  done
probe p_div
  xor %ecx, %ecx
  div %ecx
  done
