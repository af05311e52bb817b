// What reaches a lane from outside: typed text, and a debugger's changes of memory and registers.
#include "ui/model/lane.h"

#include <cstring>

#include "hypervisor/guest_debug.h"

namespace ringside::model {
namespace {

constexpr unsigned kEipNumber = 8, kEflagsNumber = 9;

}  // namespace

void Lane::type(const std::string& text) {
  if (!vm_ || vm_->ended()) return;
  accept({Input::Kind::Text, instructions(), 0, text});
  idle_ = false;
}

bool Lane::set_register(unsigned number, u32 value) {
  if (!vm_ || number > kEflagsNumber) return false;
  accept({Input::Kind::Register, instructions(), number,
          std::string(reinterpret_cast<const char*>(&value), sizeof value)});
  return true;
}

std::size_t Lane::peek(u32 address, std::span<u8> bytes) const {
  std::size_t n = 0;
  for (std::optional<MachinePhys> page; n < bytes.size(); ++n) {
    const LinearAddr at(address + static_cast<u32>(n));
    if (!page || at.offset() == 0) {
      page = vm_->monitor().translate(at);
      if (!page) break;
      page = page->page();
    }
    const u8* p = vm_->host().memory.at(*page + at.offset());
    if (!p) break;
    bytes[n] = *p;
  }
  return n;
}

bool Lane::poke(u32 address, std::span<const u8> bytes) {
  std::vector<u8> old(bytes.size());
  if (peek(address, old) != bytes.size()) return false;
  accept({Input::Kind::Memory, instructions(), address, std::string(bytes.begin(), bytes.end())});
  return true;
}

void Lane::accept(Input input) {
  // What comes now replaces the future that was replayed so far.
  inputs_.resize(delivered_);
  printed_.clear();
  history_.forget_after(input.instruction);
  inputs_.push_back(std::move(input));
  deliver_input();
}

void Lane::deliver_input() {
  while (delivered_ < inputs_.size() && inputs_[delivered_].instruction <= instructions())
    apply(inputs_[delivered_++]);
}

void Lane::apply(const Input& input) {
  switch (input.kind) {
    case Input::Kind::Text: vm_->host().machine.type(input.bytes); break;
    case Input::Kind::Memory:
      for (std::size_t i = 0; i < input.bytes.size(); ++i) {
        const auto at = vm_->monitor().translate(LinearAddr(input.where + static_cast<u32>(i)));
        if (!at) continue;
        *vm_->host().memory.at(*at) = static_cast<u8>(input.bytes[i]);
        vm_->host().cpu.memory_written(*at, 1);
      }
      break;
    case Input::Kind::Register: {
      u32 value;
      std::memcpy(&value, input.bytes.data(), sizeof value);
      CpuState& real = processor_registers(*vm_);
      constexpr u32 kSettable = eflags::kArithmetic | eflags::DF;
      if (input.where < kEipNumber)
        real.gpr[input.where] = value;
      else if (input.where == kEipNumber)
        real.eip = value;
      else
        real.eflags = (real.eflags & ~kSettable) | (value & kSettable);
    }
  }
}

}  // namespace ringside::model
