// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/program.hpp"

#include "apps/commands/commands.hpp"
#include "apps/node_command.hpp"
#include "apps/restore_command.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace coppice {

int run_program(int argc, char** argv, node_code code) {
  std::string_view word = argc > 1 ? argv[1] : "";
  if (word == "node")
    return run_node_command({argv + 2, argv + argc}, std::move(code));
  if (word == "restore")
    return run_restore_command({argv + 2, argv + argc});
  if (word == "--version") {
    std::puts("coppice " COPPICE_VERSION);
    return 0;
  }
  if (word.empty() || word == "--help" || word == "-h"
      || (word == "help" && argc == 2)) {
    std::fputs(command_overview().c_str(), word.empty() ? stderr : stdout);
    return word.empty() ? 2 : 0;
  }
  auto end = run_command(argc, argv);
  // Not through the destructors of the actor system: they wait for a peer that
  // may hang.
  std::fflush(nullptr);
  std::_Exit(end);
}

} // namespace coppice
