// IN and OUT.
#include "cpu/execute/choose.h"
#include "cpu/execute/cold.h"
#include "cpu/execute/debug.h"
#include "cpu/execute/select.h"

namespace ringside {

namespace {

template <bool by_register>
u16 port_number(const Insn& i, const Core& c) {
  return by_register ? get_register<u16>(&c, EDX) : static_cast<u16>(i.imm);
}

template <class T, bool by_register>
bool in(Insn& i, Core& c) {
  const u16 port = port_number<by_register>(i, c);
  if (!check_io(c, port, sizeof(T), true, false, false, {}, static_cast<u8>(i.length()))) return false;
  c.counters.port_reads++;
  note_port_access(c, port, sizeof(T));
  set_register<T>(&c, EAX, static_cast<T>(c.bus.port_in(port, sizeof(T))));
  return true;
}

template <class T, bool by_register>
bool out(Insn& i, Core& c) {
  const u16 port = port_number<by_register>(i, c);
  if (!check_io(c, port, sizeof(T), false, false, false, {}, static_cast<u8>(i.length()))) return false;
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
