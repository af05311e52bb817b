// The words of each command on the command line.
#pragma once

#include <functional>
#include <span>

namespace CLI {
class App;
}

namespace ringside::cli {

/// The whole command line, for a command that hands it on to another program.
struct Words {
  int argc;
  const char* const* argv;
};

/// Runs a command as its options say; returns the exit status.
using Action = std::function<int()>;

struct Command {
  const char* name;
  const char* help;
  Action (*declare)(CLI::App& command, const Words&);  ///< adds its options; they live as long as the result
};

/// In the order in which the help lists them.
std::span<const Command> commands();

}  // namespace ringside::cli
