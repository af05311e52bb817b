#include "ui/debugger/gdb_target.h"

#include <fmt/format.h>

#include <algorithm>

#include "cpu/host_error.h"
#include "ui/debugger/packet.h"

namespace ringside::debugger {
namespace {

using Kind = model::command::AddBreakpoint::Kind;

// gdb's numbering: 0-7 general, 8 EIP, 9 EFLAGS, 10-15 segments, 16-23 x87 (10 bytes), 24-31 x87 control,
// then ours.
constexpr unsigned kEip = 8, kEflags = 9, kSegments = 10, kX87 = 16, kX87Control = 24, kSystem = 32,
                   kRegisters = 36;
constexpr std::array<Seg, 6> kSegmentOrder{CS, SS, DS, ES, FS, GS};
constexpr u64 kSlice = 1'000'000;

constexpr std::string_view kTargetXml = R"(<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target>
  <architecture>i386</architecture>
  <feature name="org.gnu.gdb.i386.core">
    <reg name="eax" bitsize="32" type="int32"/><reg name="ecx" bitsize="32" type="int32"/>
    <reg name="edx" bitsize="32" type="int32"/><reg name="ebx" bitsize="32" type="int32"/>
    <reg name="esp" bitsize="32" type="data_ptr"/><reg name="ebp" bitsize="32" type="data_ptr"/>
    <reg name="esi" bitsize="32" type="int32"/><reg name="edi" bitsize="32" type="int32"/>
    <reg name="eip" bitsize="32" type="code_ptr"/><reg name="eflags" bitsize="32" type="int32"/>
    <reg name="cs" bitsize="32" type="int32"/><reg name="ss" bitsize="32" type="int32"/>
    <reg name="ds" bitsize="32" type="int32"/><reg name="es" bitsize="32" type="int32"/>
    <reg name="fs" bitsize="32" type="int32"/><reg name="gs" bitsize="32" type="int32"/>
    <reg name="st0" bitsize="80" type="i387_ext"/><reg name="st1" bitsize="80" type="i387_ext"/>
    <reg name="st2" bitsize="80" type="i387_ext"/><reg name="st3" bitsize="80" type="i387_ext"/>
    <reg name="st4" bitsize="80" type="i387_ext"/><reg name="st5" bitsize="80" type="i387_ext"/>
    <reg name="st6" bitsize="80" type="i387_ext"/><reg name="st7" bitsize="80" type="i387_ext"/>
    <reg name="fctrl" bitsize="32" type="int" group="float"/><reg name="fstat" bitsize="32" type="int" group="float"/>
    <reg name="ftag" bitsize="32" type="int" group="float"/><reg name="fiseg" bitsize="32" type="int" group="float"/>
    <reg name="fioff" bitsize="32" type="int" group="float"/><reg name="foseg" bitsize="32" type="int" group="float"/>
    <reg name="fooff" bitsize="32" type="int" group="float"/><reg name="fop" bitsize="32" type="int" group="float"/>
  </feature>
  <feature name="org.ringside.system">
    <reg name="cr0" bitsize="32" type="int32"/><reg name="cr2" bitsize="32" type="data_ptr"/>
    <reg name="cr3" bitsize="32" type="int32"/><reg name="cr4" bitsize="32" type="int32"/>
  </feature>
</target>
)";

std::string little_endian(u32 value) {
  return fmt::format("{:02x}{:02x}{:02x}{:02x}", value & 255, (value >> 8) & 255, (value >> 16) & 255,
                     value >> 24);
}

/// fctrl, fstat, ftag, fiseg, fioff, foseg, fooff, fop. gdb's tag word has two bits for each register.
u32 x87_control(const FpuState& f, unsigned number) {
  u32 tags = 0;
  for (unsigned n = 0; n < 8; ++n) tags |= (f.valid >> n & 1 ? 0u : 3u) << (2 * n);
  const std::array<u32, 8> all{f.control, f.status, tags, f.cs, f.instruction, f.ds, f.operand, f.opcode};
  return all[number];
}

std::string real80_hex(const Float80& r) {
  const std::string low = little_endian(static_cast<u32>(r.significand)),
                    high = little_endian(static_cast<u32>(r.significand >> 32));
  return low + high + little_endian(r.sign_exponent).substr(0, 4);
}

/// `fpu`: nullptr where the host's processor keeps it to itself.
std::string register_hex(const CpuState& s, const FpuState* fpu, unsigned number) {
  if (number < kEip) return little_endian(s.gpr[number]);
  if (number == kEip) return little_endian(s.eip);
  if (number == kEflags) return little_endian(s.eflags);
  if (number < kX87) return little_endian(s.seg[kSegmentOrder[number - kSegments]].selector);
  if (number < kX87Control)
    return fpu ? real80_hex(fpu->registers[fpu->physical(number - kX87)]) : std::string(20, 'x');
  if (number < kSystem)
    return fpu ? little_endian(x87_control(*fpu, number - kX87Control)) : std::string(8, 'x');
  const std::array<u32, 4> system{s.cr0, s.cr2, s.cr3, s.cr4};
  return little_endian(system[number - kSystem]);
}

/// No monitor keeps another: the unit holds the guest's registers in every mode but that of real hardware.
const FpuState* x87_of(VirtualMachine& vm) { return vm.mode() == Mode::Kvm ? nullptr : &vm.host().cpu.fpu(); }

std::optional<u32> value_of(std::string_view hex) {
  const auto bytes = from_hex(hex.substr(0, 8));
  if (!bytes || bytes->size() != 4) return std::nullopt;
  u32 value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= static_cast<u32>(static_cast<u8>((*bytes)[i])) << (8 * i);
  return value;
}

/// "addr,length" and perhaps ":..." behind it.
struct Range {
  u32 address = 0, length = 0;
  std::string_view rest;
};
std::optional<Range> parse_range(std::string_view text) {
  const std::size_t colon = text.find(':'), comma = text.find(',');
  if (comma == std::string_view::npos || comma > colon) return std::nullopt;
  const auto address = parse_hex(text.substr(0, comma));
  const auto length =
      parse_hex(text.substr(comma + 1, colon == std::string_view::npos ? colon : colon - comma - 1));
  if (!address || !length || *address > 0xFFFFFFFFull || *length > kLargestPacket / 2) return std::nullopt;
  return Range{static_cast<u32>(*address), static_cast<u32>(*length),
               colon == std::string_view::npos ? "" : text.substr(colon + 1)};
}

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

std::string GdbTarget::answer(std::string_view packet) {
  if (packet.empty()) return {};
  const std::string_view rest = packet.substr(1);
  switch (packet[0]) {
    case '?': return last_stop_;
    case 'g': return read_registers();
    case 'G': return write_registers(rest);
    case 'p': return read_register(rest);
    case 'P': return write_register(rest);
    case 'm': return read_memory(rest);
    case 'M': return write_memory(rest);
    case 'c': return last_stop_ = resume();
    case 's': return last_stop_ = step();
    case 'b':
      if (rest == "s") return last_stop_ = reverse_step();
      if (rest == "c") return last_stop_ = reverse_continue();
      return {};
    case 'Z': return breakpoint(rest, true);
    case 'z': return breakpoint(rest, false);
    case 'D': detached_ = true; return "OK";
    case 'k': killed_ = true; return {};
    case 'H': return "OK";
    case 'T': return "OK";
    case 'q': return query(rest);
    case 'v':
      if (rest == "Cont?") return "vCont;c;C;s;S";
      if (starts_with(rest, "Cont;c") || starts_with(rest, "Cont;C")) return last_stop_ = resume();
      if (starts_with(rest, "Cont;s") || starts_with(rest, "Cont;S")) return last_stop_ = step();
      return {};
    default: return {};
  }
}

std::string GdbTarget::query(std::string_view q) {
  if (starts_with(q, "Supported"))
    return fmt::format("PacketSize={:x};qXfer:features:read+;vContSupported+{}", kLargestPacket,
                       lane_.live() ? "" : ";ReverseStep+;ReverseContinue+");
  if (q == "Attached") return "1";
  if (q == "C") return "QC1";
  if (q == "fThreadInfo") return "m1";
  if (q == "sThreadInfo") return "l";
  constexpr std::string_view kXfer = "Xfer:features:read:target.xml:";
  if (starts_with(q, kXfer)) {
    const auto range = parse_range(q.substr(kXfer.size()));
    if (!range) return "E01";
    if (range->address >= kTargetXml.size()) return "l";
    const std::string_view part = kTargetXml.substr(range->address, range->length);
    return (range->address + part.size() < kTargetXml.size() ? "m" : "l") + std::string(part);
  }
  return {};
}

std::string GdbTarget::read_registers() {
  const CpuState s = lane_.vm()->monitor().virtual_state();
  const FpuState* const fpu = x87_of(*lane_.vm());
  std::string hex;
  for (unsigned i = 0; i < kRegisters; ++i) hex += register_hex(s, fpu, i);
  return hex;
}

std::string GdbTarget::write_registers(std::string_view hex) {
  for (unsigned i = 0; i <= kEflags; ++i) {
    const auto value = hex.size() >= 8 * (i + 1) ? value_of(hex.substr(8 * i)) : std::nullopt;
    if (!value) return "E01";
    lane_.set_register(i, *value);
  }
  return "OK";
}

std::string GdbTarget::read_register(std::string_view number) {
  const auto n = parse_hex(number);
  if (!n || *n >= kRegisters) return "E01";
  return register_hex(lane_.vm()->monitor().virtual_state(), x87_of(*lane_.vm()), static_cast<unsigned>(*n));
}

std::string GdbTarget::write_register(std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) return "E01";
  const auto number = parse_hex(assignment.substr(0, equals));
  const auto value = value_of(assignment.substr(equals + 1));
  if (!number || !value || *number >= kRegisters) return "E01";
  return lane_.set_register(static_cast<unsigned>(*number), *value) ? "OK" : "E01";
}

std::string GdbTarget::read_memory(std::string_view text) {
  const auto range = parse_range(text);
  if (!range) return "E01";
  std::string bytes(range->length, '\0');
  const std::size_t n = lane_.peek(range->address, {reinterpret_cast<u8*>(bytes.data()), bytes.size()});
  if (n == 0 && range->length) return "E14";
  return to_hex(std::string_view(bytes).substr(0, n));
}

std::string GdbTarget::write_memory(std::string_view text) {
  const auto range = parse_range(text);
  const auto bytes = range ? from_hex(range->rest) : std::nullopt;
  if (!bytes || bytes->size() != range->length) return "E01";
  return lane_.poke(range->address, {reinterpret_cast<const u8*>(bytes->data()), bytes->size()}) ? "OK"
                                                                                                 : "E14";
}

std::string GdbTarget::breakpoint(std::string_view packet, bool insert) {
  // type,addr,kind
  if (packet.size() < 3 || packet[1] != ',') return "E01";
  const auto range = parse_range(packet.substr(2));
  if (!range) return "E01";
  model::command::AddBreakpoint what;
  switch (packet[0]) {
    case '0':
    case '1': what = {Kind::Address, range->address}; break;
    case '2': what = {Kind::Memory, range->address, std::max(1u, range->length), false}; break;
    case '3':
    case '4': what = {Kind::Memory, range->address, std::max(1u, range->length), true}; break;
    default: return {};
  }
  std::vector<model::Breakpoint> all = breakpoints_;
  std::erase_if(all, [&](const model::Breakpoint& b) { return b.what == what; });
  if (insert) all.push_back({next_id_++, what});
  try {
    lane_.set_breakpoints(all);
  } catch (const HostError&) {  // mode kvm: the host's processor cannot watch this
    return "E16";
  }
  breakpoints_ = std::move(all);
  return "OK";
}

std::string GdbTarget::stop_reply() const {
  if (lane_.ended())
    return lane_.vm()->ending() == Ending::Died
               ? "X0b"
               : fmt::format("W{:02x}", static_cast<unsigned>(lane_.vm()->ending()));
  const auto& stop = lane_.vm()->debug_stop();
  using Why = exits::DebugStop::Why;
  if (stop && stop->why == Why::WriteWatch) return fmt::format("T05watch:{:x};", stop->address.value);
  if (stop && stop->why == Why::ReadWatch) return fmt::format("T05awatch:{:x};", stop->address.value);
  return "S05";
}

std::string GdbTarget::resume() {
  while (!lane_.ended()) {
    if (lane_.run(kSlice)) break;
    if (interrupted_()) return "S02";
  }
  return stop_reply();
}

std::string GdbTarget::step() {
  if (lane_.ended()) return stop_reply();
  lane_.step(1);
  return lane_.ended() ? stop_reply() : "S05";
}

std::string GdbTarget::reverse_step() {
  if (lane_.instructions() == 0) return "T05replaylog:begin;";
  lane_.seek(lane_.instructions() - 1);
  return "S05";
}

std::string GdbTarget::reverse_continue() {
  return lane_.back_to_breakpoint(interrupted_) ? "S05" : "T05replaylog:begin;";
}

}  // namespace ringside::debugger
