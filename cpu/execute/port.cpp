// IN and OUT.
#include "cpu/execute/choose.h"
#include "cpu/execute/cold.h"
#include "cpu/execute/debug.h"
#include "cpu/execute/select.h"
#include "cpu/flags_access.h"

namespace ringside {

namespace {

template <bool by_register>
u16 port_number(const Insn& i, const Core& c) {
  return by_register ? get_register<u16>(&c, EDX) : static_cast<u16>(i.imm);
}

/// What check_io() would say, at once where neither privilege nor a monitor stands in the way.
template <class T>
bool permitted(const Insn& i, Core& c, u16 port, bool in) {
  const bool free = !c.non_root() && !(c.s.protected_mode() && (c.s.virtual_8086() || c.s.cpl() > iopl(c.s)));
  return free || check_io(c, port, sizeof(T), in, false, false, {}, static_cast<u8>(i.length()));
}

template <class T, bool by_register>
bool in(Insn& i, Core& c) {
  const u16 port = port_number<by_register>(i, c);
  if (!permitted<T>(i, c, port, true)) return false;
  c.counters.port_reads++;
  note_port_access(c, port, sizeof(T));
  set_register<T>(&c, EAX, static_cast<T>(c.bus.port_in(port, sizeof(T))));
  return true;
}

template <class T, bool by_register>
bool out(Insn& i, Core& c) {
  const u16 port = port_number<by_register>(i, c);
  if (!permitted<T>(i, c, port, false)) return false;
  c.counters.port_writes++;
  note_port_access(c, port, sizeof(T));
  c.bus.port_out(port, get_register<T>(&c, EAX), sizeof(T));
  return true;
}

}  // namespace

Handler select_in(const Decoded& d) {
  return for_size(
      d.size, [&]<class T>() -> Handler { return d.row->argument ? cold<in<T, true>> : cold<in<T, false>>; });
}

Handler select_out(const Decoded& d) {
  return for_size(d.size, [&]<class T>() -> Handler {
    return d.row->argument ? cold<out<T, true>> : cold<out<T, false>>;
  });
}

}  // namespace ringside
