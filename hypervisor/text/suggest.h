// "Unknown guest 'kernal'. Did you mean 'kernel'?": one wording for every name that a user can mistype.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ringside {

/// The message for a name that is none of `known`: with the nearest one if it is near, and the list.
std::string unknown_name(std::string_view kind, std::string_view given, std::span<const std::string_view> known);

}  // namespace ringside
