// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/client.hpp"
#include "apps/commands/command.hpp"
#include "runtime/error.hpp"

#include <string>
#include <vector>

namespace coppice {

/// A command line that was understood.
struct invocation {
  const command* what = nullptr;
  /// Only its help text is wanted.
  bool help = false;
  client_options connection;
  action run;
};

/// Returns all commands but `node`, in the order in which help shows them.
const std::vector<command>& command_table();

/// Understands a command line: the name of a command and what follows.
/// @param args Without the name of the program.
/// @returns `invalid_argument` with one line that says what is wrong.
result<invocation> parse(const std::vector<std::string>& args);

/// Renders the help text of *x*.
std::string command_help(const command& x);

/// Renders the list of all commands, `node` included.
std::string command_overview();

/// Runs what the command line says and ends with the code for the process. The
/// process should end at once then: use `std::_Exit`, see `client`.
int run_command(int argc, char** argv);

} // namespace coppice
