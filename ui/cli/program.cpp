#include "ui/cli/program.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <new>

#include "cpu/host_error.h"
#include "hypervisor/text/suggest.h"
#include "ui/cli/arguments.h"
#include "ui/cli/declarations.h"
#include "ui/cli/tables.h"

namespace ringside::cli {
namespace {

constexpr int kUsageOrHostError = 2;

constexpr const char* kFooter =
    "Exit status: 0 the guest ended well, 1 it reported failure, 2 usage or host error, 3 it died (triple "
    "fault, stuck "
    "halted),\n4 its budget ran out. QEMU's words work too: -m, -kernel, -initrd, -append, -hda, -cpu.";

/// What was not expected, with a suggestion from the names that the command knows.
std::string unexpected(const CLI::App& app, const std::string& argument) {
  std::vector<std::string> names;
  const CLI::App* command = &app;
  if (!app.get_subcommands().empty()) command = app.get_subcommands().front();
  if (argument.rfind('-', 0) == 0) {
    for (const CLI::Option* option : command->get_options())
      for (const std::string& long_name : option->get_lnames()) names.push_back("--" + long_name);
  } else if (command == &app) {
    for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  } else {
    return fmt::format("'{}' is one argument too many (see ringside {} --help)", argument,
                       command->get_name());
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  return unknown_name(command == &app && argument.rfind('-', 0) != 0 ? "command" : "option", argument, known);
}

int report_error(std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  fmt::print(stderr, "ringside: error: {}\n", printable(message));
  return kUsageOrHostError;
}

}  // namespace

int program(int argc, const char* const* argv) {
  CLI::App app(
      "Ringside: one guest kernel under every technique of x86 virtualization, every trap counted and "
      "priced.",
      "ringside");
  app.footer(kFooter);
  app.set_version_flag("--version", "ringside 0.1");
  app.require_subcommand(0, 1);

  // A command's options are declared when it is named: most of what a short run would do otherwise is
  // declaring options of other commands.
  Action action;
  for (const Command& row : commands()) {
    CLI::App* const command = app.add_subcommand(row.name, row.help);
    command->preparse_callback([&action, &row, command, words = Words{argc, argv}](std::size_t) {
      action = row.declare(*command, words);
    });
  }

  try {
    std::vector<std::string> arguments = long_options(argc, argv);
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(std::move(arguments));
    if (action) return action();
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ExtrasError&) {
    return report_error(
        unexpected(app, app.remaining(true).empty() ? std::string() : app.remaining(true).front()));
  } catch (const CLI::ParseError& error) {
    return report_error(error.what());
  } catch (const HostError& error) {
    return report_error(error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return report_error(error.what());
  } catch (const std::bad_alloc&) {
    return report_error("this host has no memory left for that");
  }
}

}  // namespace ringside::cli
