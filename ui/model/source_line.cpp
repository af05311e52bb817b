#include "ui/model/source_line.h"

#include <fmt/format.h>

namespace ringside::model {

std::string source_line(const SourceLine& where) {
  const std::string_view path = where.file_name();
  const std::size_t folder = path.rfind("hypervisor/");
  if (path.empty() || where.line() == 0) return {};
  return fmt::format("{}:{}", folder == std::string_view::npos ? path : path.substr(folder), where.line());
}

std::string function_name(const SourceLine& where) {
  constexpr std::string_view kOurs = "ringside::", kUnnamed = "{anonymous}::";
  std::string_view name = where.function_name();
  name = name.substr(0, name.find('('));
  if (const std::size_t space = name.rfind(' '); space != std::string_view::npos)
    name.remove_prefix(space + 1);
  if (name.substr(0, kOurs.size()) == kOurs) name.remove_prefix(kOurs.size());
  std::string text(name);
  if (const std::size_t at = text.find(kUnnamed); at != std::string::npos) text.erase(at, kUnnamed.size());
  return text;
}

}  // namespace ringside::model
