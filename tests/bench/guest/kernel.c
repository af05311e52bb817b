// The bare-metal image of tests/bench: sets up segments, gates and page tables, runs the workloads that its
// configuration asks for, and reports each on port E9h: "S<letter>", then "E<letter> <iterations> <checksum>
// <ticks>". It leaves through port F4h, or Bochs's shutdown port.
#include "workloads.h"
u8 *arena = (u8 *)0x200000;
struct cfg {
  u32 magic, mask, out, r, n[32];
};
extern volatile struct cfg cfg;
static inline void outb(u16 p, u8 v) { __asm__ volatile("outb %0,%1" ::"a"(v), "Nd"(p)); }
static inline u8 inb(u16 p) {
  u8 v;
  __asm__ volatile("inb %1,%0" : "=a"(v) : "Nd"(p));
  return v;
}
static void pc(char c) {
  if (cfg.out & 1) outb(0xe9, c);
  if (cfg.out & 2) outb(0x3f8, c);
}
static void ps(const char *s) {
  while (*s) pc(*s++);
}
static void ph(u32 v) {
  for (int i = 28; i >= 0; i -= 4) pc("0123456789abcdef"[(v >> i) & 15]);
}
u32 saved_esp, cnt;
u32 tss[26];
volatile u32 *pf_pte;
static u32 gdt[12];
static u32 idt[256 * 2];
void load_gdt(void *);
void run_user(void (*)(void), u32);
void int80(void), int81(void), gp_h(void), pf_h(void), u_int80(void), u_cli(void), u_alu(void);
struct __attribute__((packed)) dt {
  u16 l;
  void *b;
};
static void gate(int v, void (*f)(void), int dpl) {
  u32 a = (u32)f;
  idt[v * 2] = (8u << 16) | (a & 0xffff);
  idt[v * 2 + 1] = (a & 0xffff0000u) | 0x8e00 | (dpl << 13);
}
static void setup(void) {
  gdt[2] = 0xffff;
  gdt[3] = 0x00cf9a00;
  gdt[4] = 0xffff;
  gdt[5] = 0x00cf9200;
  gdt[6] = 0xffff;
  gdt[7] = 0x00cffa00;
  gdt[8] = 0xffff;
  gdt[9] = 0x00cff200;
  u32 t = (u32)tss;
  gdt[10] = ((t & 0xffff) << 16) | 103;
  gdt[11] = ((t >> 16) & 0xff) | 0x8900 | (t & 0xff000000u);
  tss[2] = 0x10;
  tss[25] = 104 << 16;
  struct dt g = {sizeof gdt - 1, gdt};
  load_gdt(&g);
}
static void setup2(void) { /* IDT + TR (not needed by the plain workloads) */
  gate(0x80, int80, 3);
  gate(0x81, int81, 3);
  gate(13, gp_h, 0);
  gate(14, pf_h, 0);
  struct dt d = {sizeof idt - 1, idt};
  __asm__ volatile("lidt %0\n ltr %w1" ::"m"(d), "r"(0x28));
}
#define PD ((volatile u32 *)0xd00000)
#define PT ((volatile u32 *)0xd01000)
static void pg_on(void) {
  for (int i = 0; i < 1024; i++) PD[i] = 0;
  for (u32 i = 0; i < 16; i++) PD[i] = (0xd01000 + i * 4096) | 7;
  for (u32 i = 0; i < 4096; i++) PT[i] = (i << 12) | 7;
  for (u32 i = 4096; i < 16384; i++) PT[i] = ((0x400 + (i & 2047)) << 12) | 7;
  __asm__ volatile(
      "mov %0,%%cr3\n mov %%cr0,%%eax\n or $0x80000000,%%eax\n mov %%eax,%%cr0\n jmp 1f\n1:" ::"r"(PD)
      : "eax", "memory");
}
static void pg_off(void) {
  __asm__ volatile("mov %%cr0,%%eax\n and $0x7fffffff,%%eax\n mov %%eax,%%cr0\n jmp 1f\n1:" ::
                       : "eax", "memory");
}
static u32 k_pgsieve(u32 n) {
  pg_on();
  u32 r = w_sieve(n);
  pg_off();
  return r;
}
static u32 k_tlb(u32 n) {
  pg_on();
  u32 h = 0, x = 1;
  while (n--) {
    for (u32 i = 0; i < 8192; i++) {
      x = (x * 5 + 1) & 8191;
      h += (*(volatile u32 *)(0x2000000 + x * 4096 + ((x & 63) << 6)) & 0) + x + i;
    }
  }
  pg_off();
  return h;
}
static u32 k_invlpg(u32 n) {
  pg_on();
  u32 h = 0;
  volatile u32 *a = (u32 *)0x400000;
  a[0] = 0x11;
  a[1024] = 0x22;
  for (u32 i = 0; i < n; i++) {
    PT[0x800] = ((0x400 + (i & 1)) << 12) | 7;
    __asm__ volatile("invlpg (%0)" ::"r"(0x800000) : "memory");
    h += *(volatile u32 *)0x800000;
  }
  pg_off();
  return h;
}
static u32 k_int80(u32 n) {
  cnt = 0;
  run_user(u_int80, n);
  return cnt;
}
static u32 k_cli(u32 n) {
  cnt = 0;
  run_user(u_cli, n);
  return cnt;
}
static u32 k_ualu(u32 n) {
  run_user(u_alu, n);
  return n;
}
static u32 k_pf(u32 n) {
  pg_on();
  cnt = 0;
  pf_pte = &PT[0x800];
  u32 h = 0;
  *(volatile u32 *)0x800000 = 5;
  for (u32 i = 0; i < n; i++) {
    PT[0x800] &= ~1u;
    __asm__ volatile("invlpg (%0)" ::"r"(0x800000) : "memory");
    h += *(volatile u32 *)0x800000;
  }
  pg_off();
  return h + cnt;
}
static u32 k_out(u32 n) {
  u32 i = n;
  __asm__ volatile("1: outb %%al,%%dx\n dec %0\n jnz 1b" : "+r"(i) : "a"(0), "d"(0x80));
  return n;
}
static u32 k_in(u32 n) {
  u32 i = n;
  u32 a = 0;
  __asm__ volatile("1: inb %%dx,%%al\n dec %0\n jnz 1b" : "+r"(i), "+a"(a) : "d"(0x84));
  return n;
}
static void rd(u32 *lo, u32 *hi) { __asm__ volatile("rdtsc" : "=a"(*lo), "=d"(*hi)); }
static const struct {
  char id;
  u32 (*f)(u32);
  u32 n;
  u8 k;
} W[] = {
    {'a', w_alu, 12000000, 0}, {'b', w_tight, 50000000, 0}, {'c', w_sieve, 12, 0},
    {'d', w_repmovs, 3000, 0}, {'e', w_copyloop, 700, 0},   {'f', w_repsmall, 1000000, 0},
    {'g', w_sort, 50, 0},      {'h', w_hash, 300, 0},       {'i', w_str, 4000, 0},
    {'j', w_matmul, 100, 0},   {'k', w_fib, 200, 0},        {'l', w_vm, 2000000, 0},
    {'m', w_smc, 1000000, 0},  {'n', w_bigcode, 1500, 0},   {'o', k_pgsieve, 12, 1},
    {'p', k_tlb, 1500, 1},     {'q', k_invlpg, 1000000, 1}, {'r', k_int80, 1000000, 1},
    {'s', k_cli, 1000000, 1},  {'t', k_pf, 500000, 1},      {'u', k_out, 1000000, 0},
    {'v', k_in, 1000000, 0},   {'w', k_ualu, 12000000, 1},  {'x', w_midcode, 6000, 0},
};
void kmain(void) {
  pc('R');
  pc('\n');
  setup();
  int did = 0;
  for (u32 i = 0; i < sizeof W / sizeof *W; i++) {
    if (!((cfg.mask >> i) & 1)) continue;
    if (W[i].k && !did) {
      setup2();
      did = 1;
    }
    u32 n = cfg.n[i] ? cfg.n[i] : W[i].n;
    pc('S');
    pc(W[i].id);
    pc('\n');
    u32 l0, h0, l1, h1;
    rd(&l0, &h0);
    u32 r = W[i].f(n);
    rd(&l1, &h1);
    u32 dl = l1 - l0, dh = h1 - h0 - (l1 < l0);
    pc('E');
    pc(W[i].id);
    pc(' ');
    ph(n);
    pc(' ');
    ph(r);
    pc(' ');
    ph(dh);
    ph(dl);
    pc('\n');
  }
  ps("Z\n");
  outb(0xf4, 0);
  for (const char *s = "Shutdown"; *s; s++) outb(0x8900, *s);
}
