#include "tests/cpu/native_judge.h"

#include "tests/cpu/random_code.h"

#if defined(__x86_64__) && defined(__linux__)
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstring>

// Copied to a low address, where 32-bit code can find its way back. The block at 0x012F0000 holds the
// registers (0-28), EFLAGS (32), the far pointer to the code (40), and the 64-bit stack pointer meanwhile
// (48).
asm(R"(
  .pushsection .text
ringside_judge_enter:
  push %rbx
  push %rbp
  push %r12
  push %r13
  push %r14
  push %r15
  movq %rsp, 0x012F0030
  movl $0x2B, %eax
  movl %eax, %ds
  movl %eax, %es
  movl 0x012F0020, %eax
  push %rax
  popfq
  movl 0x012F0000, %eax
  movl 0x012F0004, %ecx
  movl 0x012F0008, %edx
  movl 0x012F000C, %ebx
  movl 0x012F0014, %ebp
  movl 0x012F0018, %esi
  movl 0x012F001C, %edi
  movl 0x012F0010, %esp
  ljmpl *0x012F0028
ringside_judge_leave:
  movl %eax, 0x012F0000
  movl %ecx, 0x012F0004
  movl %edx, 0x012F0008
  movl %ebx, 0x012F000C
  movl %esp, 0x012F0010
  movl %ebp, 0x012F0014
  movl %esi, 0x012F0018
  movl %edi, 0x012F001C
  movq 0x012F0030, %rsp
  pushfq
  pop %rax
  movl %eax, 0x012F0020
  cld
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbp
  pop %rbx
  ret
ringside_judge_end:
  .popsection
)");
extern "C" const unsigned char ringside_judge_enter[], ringside_judge_leave[], ringside_judge_end[];

namespace ringside::test {
namespace {

constexpr u32 kBlock = 0x012F0000, kStub = 0x012F1000;
constexpr u16 kCode32 = 0x23, kCode64 = 0x33;

struct Block {
  u32 gpr[8];
  u32 eflags, unused;
  u32 target;
  u16 selector, unused2;
  u64 stack;
  u32 vector, eip;
};
Block& block() { return *reinterpret_cast<Block*>(static_cast<std::uintptr_t>(kBlock)); }
u32 leave_address() { return kStub + static_cast<u32>(ringside_judge_leave - ringside_judge_enter); }

/// A fault in the 32-bit code: note it and go on at `leave` with the registers as they are.
void on_fault(int, siginfo_t*, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const u64 rip = static_cast<u64>(registers[REG_RIP]);
  if (rip < RandomCode::kCode || rip >= RandomCode::kCode + RandomCode::kRegion) _exit(3);
  block().vector = static_cast<u32>(registers[REG_TRAPNO]);
  block().eip = static_cast<u32>(rip);
  registers[REG_RIP] = leave_address();
  registers[REG_CSGSFS] = (registers[REG_CSGSFS] & ~0xFFFFll) | kCode64;
}

[[noreturn]] void serve(int in, int out) {
  static char stack[1 << 16];
  stack_t alternate{};
  alternate.ss_sp = stack;
  alternate.ss_size = sizeof stack;
  sigaltstack(&alternate, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (int s : {SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGTRAP}) sigaction(s, &action, nullptr);
  const auto enter = reinterpret_cast<void (*)()>(static_cast<std::uintptr_t>(kStub));
  for (char token; read(in, &token, 1) == 1;) {
    block().vector = JudgedState::kEnd;
    alarm(10);
    enter();
    if (write(out, &token, 1) != 1) break;
  }
  _exit(0);
}

}  // namespace

std::unique_ptr<NativeJudge> NativeJudge::start() {
  void* wanted = reinterpret_cast<void*>(static_cast<std::uintptr_t>(RandomCode::kCode));
  void* memory = mmap(wanted, RandomCode::kRegion, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  std::unique_ptr<NativeJudge> judge(new NativeJudge);
  judge->memory_ = static_cast<u8*>(memory);
  std::memcpy(judge->memory_ + (kStub - RandomCode::kCode), ringside_judge_enter,
              static_cast<std::size_t>(ringside_judge_end - ringside_judge_enter));
  int there[2], back[2];
  if (pipe(there) || pipe(back)) return nullptr;
  judge->child_ = fork();
  if (judge->child_ == 0) {
    close(there[1]);
    close(back[0]);
    serve(there[0], back[1]);
  }
  close(there[0]);
  close(back[1]);
  judge->to_child_ = there[1];
  judge->from_child_ = back[0];
  JudgedState probe;  // does the host let us at all?
  probe.gpr[4] = RandomCode::kStackMiddle;
  judge->memory_[0] = 0x40;  // INC EAX
  if (!judge->run(probe, 1) || probe.gpr[0] != 1) return nullptr;
  return judge;
}

NativeJudge::~NativeJudge() {
  if (to_child_ >= 0) close(to_child_);
  if (from_child_ >= 0) close(from_child_);
  if (child_ > 0) waitpid(child_, nullptr, 0);
  if (memory_) munmap(memory_, RandomCode::kRegion);
}

bool NativeJudge::run(JudgedState& state, u32 code_bytes) {
  u8* end = memory_ + code_bytes;  // JMP FAR 0033:leave
  const u32 leave = leave_address();
  end[0] = 0xEA;
  std::memcpy(end + 1, &leave, 4);
  std::memcpy(end + 5, &kCode64, 2);
  Block& shared = block();
  std::copy(state.gpr.begin(), state.gpr.end(), shared.gpr);
  shared.eflags = state.eflags;
  shared.target = RandomCode::kCode;
  shared.selector = kCode32;
  char token = 'r';
  if (write(to_child_, &token, 1) != 1 || read(from_child_, &token, 1) != 1) return false;
  std::copy(shared.gpr, shared.gpr + 8, state.gpr.begin());
  state.eflags = shared.eflags;
  state.vector = shared.vector;
  state.eip = shared.eip;
  return true;
}

}  // namespace ringside::test

#else

namespace ringside::test {
std::unique_ptr<NativeJudge> NativeJudge::start() { return nullptr; }
NativeJudge::~NativeJudge() = default;
bool NativeJudge::run(JudgedState&, u32) { return false; }
}  // namespace ringside::test

#endif
