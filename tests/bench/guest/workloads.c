// Integer workloads of tests/bench. Their checksums are in compare.py.
#include "workloads.h"
static u32 seed;
static inline u32 rnd(void) {
  seed = seed * 1664525u + 1013904223u;
  return seed >> 8;
}

u32 w_alu(u32 n) { /* 8 instr / iteration, ALU only */
  u32 a = 1, b = 2, c = 0, d = 3;
  __asm__ volatile(
      "1:\n add %k1,%k0\n xor %k3,%k1\n lea 1(%k3,%k0,2),%k3\n rol $3,%k0\n sub %k1,%k3\n adc $0,%k2\n dec "
      "%k4\n jnz 1b"
      : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(n)::"cc");
  return a ^ b ^ c ^ d;
}
u32 w_tight(u32 n) {
  u32 r = n * 3;
  __asm__ volatile("1: dec %k0\n jnz 1b" : "+r"(n)::"cc");
  return r;
} /* 2 instr / iteration */

u32 w_sieve(u32 n) {
  u32 cnt = 0;
  u8 *f = arena;
  const u32 L = 1000000;
  while (n--) {
    cnt = 0;
    for (u32 i = 0; i <= L; i++) f[i] = 1;
    for (u32 i = 2; i * i <= L; i++)
      if (f[i])
        for (u32 j = i * i; j <= L; j += i) f[j] = 0;
    for (u32 i = 2; i <= L; i++) cnt += f[i];
  }
  return cnt;
}
u32 w_repmovs(u32 n) { /* per iteration: 64 KiB rep stosd + 64 KiB rep movsd */
  u32 *s = (u32 *)arena, *d = (u32 *)(arena + 0x40000);
  for (u32 k = 0; k < n; k++) {
    uptr c = 16384;
    void *p = s;
    __asm__ volatile("cld; rep stosl" : "+D"(p), "+c"(c) : "a"(k) : "memory");
    c = 16384;
    void *q = d;
    void *r = s;
    __asm__ volatile("rep movsl" : "+D"(q), "+S"(r), "+c"(c)::"memory");
  }
  return d[777] + d[16383] * 3;
}
u32 w_copyloop(u32 n) { /* explicit dword loops, same bytes */
  volatile u32 *s = (u32 *)arena;
  u32 *d = (u32 *)(arena + 0x40000);
  for (u32 k = 0; k < n; k++) {
    for (u32 i = 0; i < 16384; i++) s[i] = k;
    for (u32 i = 0; i < 16384; i++) d[i] = s[i];
  }
  return d[777] + d[16383] * 3;
}
u32 w_repsmall(u32 n) { /* 8..71 byte rep movsb, varying alignment */
  u32 h = 0;
  for (u32 k = 0; k < n; k++) {
    uptr c = 8 + (k & 63);
    void *q = arena + ((k * 7) & 0xfff);
    void *r = arena + 0x40000 + ((k * 13) & 0xfff);
    __asm__ volatile("rep movsb" : "+D"(q), "+S"(r), "+c"(c)::"memory");
    h += (u32)((u8 *)q - arena);
  }
  return h;
}
static void qs(int *a, int l, int r) {
  while (l < r) {
    int i = l, j = r, p = a[(l + r) >> 1];
    while (i <= j) {
      while (a[i] < p) i++;
      while (a[j] > p) j--;
      if (i <= j) {
        int t = a[i];
        a[i] = a[j];
        a[j] = t;
        i++;
        j--;
      }
    }
    if (j - l < r - i) {
      qs(a, l, j);
      l = i;
    } else {
      qs(a, i, r);
      r = j;
    }
  }
}
u32 w_sort(u32 n) {
  int *a = (int *)arena;
  u32 h = 0;
  seed = 12345;
  while (n--) {
    for (int i = 0; i < 8192; i++) a[i] = (int)rnd();
    qs(a, 0, 8191);
    for (int i = 1; i < 8192; i++) h += (a[i - 1] <= a[i]) * i;
    h ^= a[100];
  }
  return h;
}
static u32 crct[256];
u32 w_hash(u32 n) {
  u8 *b = arena;
  u32 *ht = (u32 *)(arena + 0x40000);
  u32 h = 0;
  seed = 7;
  for (u32 i = 0; i < 256; i++) {
    u32 c = i;
    for (int k = 0; k < 8; k++) c = (c >> 1) ^ ((c & 1) ? 0xEDB88320u : 0);
    crct[i] = c;
  }
  for (u32 i = 0; i < 16384; i++) b[i] = (u8)rnd();
  while (n--) {
    u32 c = ~0u;
    for (u32 i = 0; i < 16384; i++) c = crct[(c ^ b[i]) & 255] ^ (c >> 8);
    u32 f = 2166136261u;
    for (u32 i = 0; i < 16384; i++) f = (f ^ b[i]) * 16777619u;
    for (u32 i = 0; i < 4096; i++) ht[i] = 0;
    for (u32 i = 0; i < 3000; i++) {
      u32 k = (rnd() | 1), x = (k * 2654435761u) >> 20;
      while (ht[x] && ht[x] != k) x = (x + 1) & 4095;
      ht[x] = k;
      h += x;
    }
    h ^= c ^ f;
    b[n & 16383]++;
  }
  return h;
}
static u32 slen(const char *s) {
  const char *p = s;
  while (*p) p++;
  return (u32)(p - s);
}
static void scpy(char *d, const char *s) {
  while ((*d++ = *s++))
    ;
}
static int scmp(const char *a, const char *b) {
  while (*a && *a == *b) {
    a++;
    b++;
  }
  return (u8)*a - (u8)*b;
}
static char *utoa(u32 v, char *b) {
  char t[12];
  int i = 0;
  do {
    t[i++] = '0' + v % 10;
    v /= 10;
  } while (v);
  while (i) *b++ = t[--i];
  *b = 0;
  return b;
}
static u32 parse(const char *s) {
  u32 v = 0;
  for (;; s++) {
    char c = *s;
    if (c >= '0' && c <= '9')
      v = v * 10 + c - '0';
    else if (c >= 'a' && c <= 'z')
      v ^= c;
    else if (c == 0)
      return v;
    else
      v += 3;
  }
}
u32 w_str(u32 n) {
  char *b = (char *)arena, *c = (char *)arena + 4096, *t = (char *)arena + 8192;
  u32 h = 0;
  seed = 99;
  t[0] = 0;
  while (n--) {
    char *p = b;
    for (int i = 0; i < 24; i++) {
      p = utoa(rnd(), p);
      *p++ = (i & 3) ? 'x' : '-';
    }
    *p = 0;
    h += slen(b);
    scpy(c, b);
    h += (u32)scmp(b, c);
    for (char *q = c; *q; q++)
      if (*q >= 'a' && *q <= 'z') *q -= 32;
    h += (u32)scmp(b, c) + parse(b);
    h = (h << 5) | (h >> 27);
  }
  return h;
}
u32 w_matmul(u32 n) {
  int *a = (int *)arena, *b = a + 4096, *c = b + 4096;
  seed = 5;
  u32 h = 0;
  for (int i = 0; i < 4096; i++) {
    a[i] = (int)rnd() & 1023;
    b[i] = (int)rnd() & 1023;
  }
  while (n--) {
    for (int i = 0; i < 48; i++)
      for (int j = 0; j < 48; j++) {
        int s = 0;
        for (int k = 0; k < 48; k++) s += a[i * 48 + k] * b[k * 48 + j];
        c[i * 48 + j] = s;
      }
    h += c[n % 2304];
    a[n & 2047]++;
  }
  return h;
}
__attribute__((noinline)) static u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
__attribute__((noinline)) static u32 fibw(u32 n) { return fib(n); }
u32 w_fib(u32 n) {
  u32 h = 0;
  while (n--) h += fibw(22);
  return h;
}
/* bytecode VM with computed goto: indirect-jump heavy */
u32 w_vm(u32 n) {
  static const u8 prog[] = {0, 7, 1, 3, 2, 1, 3, 0, 5, 2, 4, 5, 6, 0, 2, 2, 7, 0, 1, 9, 3, 1, 8, 0};
  static void *const T[] = {&&o0, &&o1, &&o2, &&o3, &&o4, &&o5, &&o6, &&o7, &&o8};
  u32 A = 1, B = 2;
  const u8 *pc = prog;
  u32 *m = (u32 *)arena;
  m[0] = m[1] = m[2] = 0;
#define NX goto *T[pc[0]]
  NX;
o0:
  A += pc[1];
  pc += 2;
  NX;
o1:
  B ^= A * pc[1];
  pc += 2;
  NX;
o2:
  m[pc[1]] = A;
  pc += 2;
  NX;
o3:
  A -= m[pc[1] + 1];
  pc += 2;
  NX;
o4:
  B += pc[1];
  pc += 2;
  NX;
o5:
  A = (A << pc[1]) | (A >> 30);
  pc += 2;
  NX;
o6 : {
  u32 t = A;
  A = B;
  B = t;
}
  pc += 2;
  NX;
o7:
  if (A & 1) B++;
  pc += 2;
  NX;
o8:
  if (--n) {
    pc = prog;
    NX;
  }
  return A ^ B ^ m[1];
}
/* self-modifying: patch imm32 of "mov eax,imm32; ret" then call it */
u32 w_smc(u32 n) {
  u8 *c = arena + 0x100000;
  u32 h = 0;
  c[0] = 0xb8;
  c[5] = 0xc3;
  for (u32 i = 0; i < n; i++) {
    *(volatile u32 *)(c + 1) = i;
    __asm__ volatile("" ::: "memory");
    h += ((u32(*)(void))c)();
  }
  return h;
}
/* big code: 2048 generated functions x 16 instr (64-byte slots, 128 KiB code), called in pseudo-random order
 */
static u32 bigcode(u32 n, u32 F) {
  u8 *c = arena + 0x200000;
  u32 h = 0;
  for (u32 i = 0; i < F; i++) {
    u8 *p = c + i * 64;
    for (int k = 0; k < 7; k++) {
      *p++ = 0x05;
      *(u32 *)p = i * k + 1;
      p += 4; /* add eax,imm32 */
      *p++ = 0xc1;
      *p++ = 0xc0;
      *p++ = (u8)(1 + k);
    } /* rol eax,k+1 */
    *p++ = 0x90;
    *p++ = 0xc3;
  }
  u32 x = 1;
  while (n--) {
    for (u32 i = 0; i < F; i++) {
      x = (x * 5 + 1) & (F - 1);
      u8 *f = c + x * 64;
      __asm__ volatile("call *%1" : "+a"(h) : "r"(f) : "cc", "memory");
    }
  }
  return h;
}
u32 w_bigcode(u32 n) { return bigcode(n, 2048); }
u32 w_midcode(u32 n) { return bigcode(n, 512); }
