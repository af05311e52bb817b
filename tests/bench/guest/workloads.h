// The integer workloads: each takes the number of iterations and returns a checksum.
#pragma once
typedef unsigned int u32;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned long uptr;
extern u8 *arena; /* 10 MiB scratch */
u32 w_alu(u32), w_tight(u32), w_sieve(u32), w_repmovs(u32), w_copyloop(u32), w_repsmall(u32), w_sort(u32),
    w_hash(u32), w_str(u32), w_matmul(u32), w_fib(u32), w_vm(u32), w_smc(u32), w_bigcode(u32), w_midcode(u32);
