// The whole program behind main(): parses the command line, runs a command, turns errors into exit statuses.
#pragma once

namespace ringside::cli {

/// 0 the guest ended well, 1 it reported failure, 2 usage or host error, 3 it died, 4 its budget ran out.
int program(int argc, const char* const* argv);

}  // namespace ringside::cli
