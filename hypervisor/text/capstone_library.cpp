#include "hypervisor/text/capstone_library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include "cpu/host_error.h"

namespace ringside {
namespace {

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (!function)
    throw HostError(fmt::format("Capstone lacks {}: {}. Reinstall its package.", name, dlerror()));
}

CapstoneLibrary load() {
  // The interface's number, of the headers that this was compiled with, is the number in the library's name.
  const std::string name = fmt::format("libcapstone.so.{}", CS_API_MAJOR);
  void* const library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    throw HostError(
        fmt::format("Capstone, which disassembles, cannot be opened: {}. Install the package libcapstone{}.",
                    dlerror(), CS_API_MAJOR));
  CapstoneLibrary capstone;
  find(library, "cs_open", capstone.open);
  find(library, "cs_close", capstone.close);
  find(library, "cs_disasm_iter", capstone.disasm_iter);
  find(library, "cs_malloc", capstone.malloc);
  find(library, "cs_free", capstone.free);
  link_map* map = nullptr;
  if (dlinfo(library, RTLD_DI_LINKMAP, &map) == 0) capstone.path = map->l_name;
  return capstone;  // never closed: it lives as long as the process
}

}  // namespace

const CapstoneLibrary& CapstoneLibrary::get() {
  static const CapstoneLibrary capstone = load();
  return capstone;
}

}  // namespace ringside
