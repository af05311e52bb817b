// Random integer code, run by the simulated processor and by Unicorn. What Unicorn is known to get wrong is
// the table below, and nothing else is forgiven.
#include "tests/cpu/differential.h"

#if RINGSIDE_HAVE_UNICORN && defined(__linux__)
#include <sys/mman.h>
#include <sys/wait.h>
#include <unicorn/unicorn.h>
#include <unistd.h>

#include <map>

using namespace ringside;
using namespace ringside::test;

namespace {

constexpr u32 kDied = 0x2000, kRefused = 0x2001;

/// Unicorn in a child process, since some instructions kill it. Parent and child share the trial's memory.
class UnicornJudge {
 public:
  UnicornJudge() {
    void* p = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(p != MAP_FAILED);
    shared_ = static_cast<Shared*>(p);
    start();
  }
  ~UnicornJudge() {
    stop();
    munmap(shared_, sizeof(Shared));
  }

  TrialResult run(const Trial& t, const u8* code, u32 bytes) {
    shared_->state = t.start;
    shared_->bytes = bytes;
    std::memcpy(shared_->code, code, bytes);
    std::memcpy(shared_->data, t.data.data(), kPageSize);
    std::memcpy(shared_->stack, t.stack.data(), kPageSize);
    TrialResult r;
    char token = 'r';
    const bool alive = write(to_child_, &token, 1) == 1 && read(from_child_, &token, 1) == 1;
    r.state = shared_->state;
    r.data.assign(shared_->data, shared_->data + kPageSize);
    r.stack.assign(shared_->stack, shared_->stack + kPageSize);
    if (!alive) {
      stop();
      start();
      r.state.vector = kDied;
    }
    return r;
  }

 private:
  struct Shared {
    JudgedState state;
    u32 bytes;
    u8 code[kPageSize], data[kPageSize], stack[kPageSize];
  };

  void start() {
    int there[2], back[2];
    REQUIRE(pipe(there) == 0);
    REQUIRE(pipe(back) == 0);
    child_ = fork();
    if (child_ == 0) {
      close(there[1]);
      close(back[0]);
      serve(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    to_child_ = there[1];
    from_child_ = back[0];
  }
  void stop() {
    close(to_child_);
    close(from_child_);
    waitpid(child_, nullptr, 0);
  }

  static void on_exception(uc_engine* uc, u32 number, void* vector) {
    *static_cast<u32*>(vector) = number;
    uc_emu_stop(uc);
  }

  [[noreturn]] void serve(int in, int out) {
    static constexpr int kGpr[] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
                                   UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};
    uc_engine* uc = nullptr;
    if (uc_open(UC_ARCH_X86, UC_MODE_32, &uc)) _exit(3);
    for (u32 page : {RandomCode::kCode, RandomCode::kData, RandomCode::kStack})
      if (uc_mem_map(uc, page, kPageSize, UC_PROT_ALL)) _exit(3);
    u32 vector = 0;
    uc_hook hook;
    if (uc_hook_add(uc, &hook, UC_HOOK_INTR, reinterpret_cast<void*>(on_exception), &vector, 1, 0)) _exit(3);
    uc_context* fresh =
        nullptr;  // it remembers the last exception, and would make a double fault of the next
    if (uc_context_alloc(uc, &fresh) || uc_context_save(uc, fresh)) _exit(3);
    for (char token; read(in, &token, 1) == 1;) {
      Shared& s = *shared_;
      uc_context_restore(uc, fresh);
      uc_mem_write(uc, RandomCode::kCode, s.code, s.bytes);
      uc_mem_write(uc, RandomCode::kData, s.data, kPageSize);
      uc_mem_write(uc, RandomCode::kStack, s.stack, kPageSize);
      uc_ctl_remove_cache(uc, RandomCode::kCode, RandomCode::kCode + kPageSize);
      for (u32 i = 0; i < 8; i++) uc_reg_write(uc, kGpr[i], &s.state.gpr[i]);
      uc_reg_write(uc, UC_X86_REG_EFLAGS, &s.state.eflags);
      vector = JudgedState::kEnd;
      const uc_err error = uc_emu_start(uc, RandomCode::kCode, RandomCode::kCode + s.bytes, 0, 100000);
      s.state.vector = error && vector == JudgedState::kEnd ? kRefused + error : vector;
      for (u32 i = 0; i < 8; i++) uc_reg_read(uc, kGpr[i], &s.state.gpr[i]);
      uc_reg_read(uc, UC_X86_REG_EFLAGS, &s.state.eflags);
      uc_reg_read(uc, UC_X86_REG_EIP, &s.state.eip);
      uc_mem_read(uc, RandomCode::kData, s.data, kPageSize);
      uc_mem_read(uc, RandomCode::kStack, s.stack, kPageSize);
      if (write(out, &token, 1) != 1) break;
    }
    _exit(0);
  }

  Shared* shared_ = nullptr;
  pid_t child_ = -1;
  int to_child_ = -1, from_child_ = -1;
};

/// The unit's last instruction with that opcode byte, prefixes aside: is there one at all?
bool contains(const std::vector<u8>& unit, std::initializer_list<u8> opcodes) {
  return std::any_of(unit.begin(), unit.end(),
                     [&](u8 b) { return std::find(opcodes.begin(), opcodes.end(), b) != opcodes.end(); });
}

struct Fault {
  const char* what;
  bool (*applies)(const std::vector<u8>& unit, const TrialResult& ours, const std::string& difference);
};
const Fault kUnicornFaults[] = {
    {"IDIV of the smallest number by -1 kills its process",
     [](const std::vector<u8>& unit, const TrialResult& ours, const std::string& difference) {
       return contains(unit, {0xF6, 0xF7}) && ours.state.vector == vector::DE &&
              difference.find("unicorn 2000") != std::string::npos;
     }},
    {"ENTER leaves another EBP",
     [](const std::vector<u8>& unit, const TrialResult&, const std::string& difference) {
       return contains(unit, {0xC8}) &&
              (difference.rfind("ebp ", 0) == 0 || difference.rfind("esp ", 0) == 0 ||
               difference.rfind("stack+", 0) == 0);
     }},
};

u64 compare_with_unicorn(u64 seed, u64 instructions, std::map<std::string, u64>& forgiven) {
  UnicornJudge unicorn;
  return compare(
      "unicorn", [&](const Trial& t, const u8* code, u32 bytes) { return unicorn.run(t, code, bytes); }, seed,
      instructions,
      [&](const std::vector<u8>& unit, const TrialResult& ours, const std::string& difference) {
        for (const Fault& f : kUnicornFaults)
          if (f.applies(unit, ours, difference)) {
            forgiven[f.what]++;
            return true;
          }
        return false;
      });
}

}  // namespace

TEST_CASE("random integer code agrees with Unicorn", "[unicorn][oracle]") {
  std::map<std::string, u64> forgiven;
  const u64 agreed = compare_with_unicorn(20240608, 10'000'000, forgiven);
  for (const auto& [what, trials] : forgiven) UNSCOPED_INFO(what << ": " << trials << " trials");
  CHECK(agreed >= 10'000'000);
}

TEST_CASE("a hundred million random instructions agree with Unicorn", "[.long]") {
  std::map<std::string, u64> forgiven;
  for (u64 seed = 1; seed <= 10; seed++) {
    const u64 agreed = compare_with_unicorn(seed, 10'000'000, forgiven);
    WARN("seed " << seed << ": " << agreed << " random instructions agree with Unicorn");
  }
}

#else
TEST_CASE("random integer code agrees with Unicorn", "[unicorn][oracle]") {
  RINGSIDE_SKIP("Unicorn is not installed");
}
#endif
