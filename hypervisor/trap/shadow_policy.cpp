#include "hypervisor/trap/shadow_policy.h"

#include <algorithm>

#include "cpu/host_error.h"
#include "hypervisor/text/suggest.h"

namespace ringside {

const ShadowPolicy& parse_shadow_policy(std::string_view name) {
  std::array<std::string_view, kShadowPolicies.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    names[i] = kShadowPolicies[i].name;
    if (names[i] == name) return kShadowPolicies[i];
  }
  throw HostError(unknown_name("shadow-paging policy", name, names));
}

}  // namespace ringside
