// What the processor itself counts, for the cost model. Plain data; the monitor reads differences.
#pragma once

#include "cpu/address.h"

namespace ringside {

struct CpuCounters {
  u64 instructions = 0;  ///< retired; one per REP iteration is *not* counted, one per instruction is
  u64 rep_iterations = 0;
  u64 tlb_misses = 0;
  u64 walk_references = 0;    ///< memory references made by all walks, guest and nested dimension
  u64 nested_references = 0;  ///< the part of walk_references that was made in the nested dimension
  u64 walk_cache_hits = 0;    ///< the part that a modelled page-walk cache answered
  u64 exceptions = 0;         ///< delivered through the IDT by the processor, page faults excluded
  u64 page_faults = 0;
  u64 software_interrupts = 0;  ///< INT n, INT3, INTO delivered by the processor
  u64 external_interrupts = 0;  ///< delivered by the processor
  u64 irets = 0;
  u64 sysenters = 0;
  u64 port_reads = 0,
      port_writes = 0;  ///< instructions that the processor carried out on the bus, REP counting as one
  u64 string_port_elements = 0;  ///< what INS and OUTS moved
  u64 mmio_accesses = 0;
  u64 cr3_writes = 0;
  u64 invlpgs = 0;
  u64 task_switches = 0;
};

}  // namespace ringside
