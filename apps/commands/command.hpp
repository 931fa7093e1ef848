// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/client.hpp"
#include "apps/commands/arguments.hpp"
#include "runtime/error.hpp"

#include <functional>
#include <memory>
#include <ostream>
#include <string>

namespace coppice {

/// What a command's process ends with.
enum class exit_code : int {
  success = 0,
  /// The work that was waited for failed.
  work_failed = 1,
  usage = 2,
  /// Nobody answered, or somebody who is no Coppice manager.
  no_cluster = 3,
  /// The cluster said no.
  refused = 4,
};

/// What the option `--stale` does.
inline constexpr auto stale_help
  = "ask the manager at hand what it knows, and not the leader: when there is "
    "none";

/// A terminal, or what stands in for one.
struct screen {
  bool is_terminal = false;
  size_t columns = 80;
  size_t rows = 24;
};

/// Asked for each frame: people change the size of their terminals.
using screen_probe = std::function<screen()>;

/// What a command works with while it runs.
class context {
public:
  context(client_options how, std::ostream& output, std::ostream& errors)
    : out(output),
      err(errors),
      how_(std::move(how)) {
    // nop
  }

  /// Returns the client, which connects when it is first asked.
  client& cluster();

  /// Asks the cluster. Says what is wrong and sets *code* if there is no answer
  /// or it is a refusal; then the answer is no use.
  /// @returns whether *reply* is set.
  bool ask(proto::Request request, proto::Reply& reply, exit_code& code);

  /// Says that nobody answered, and what can be done.
  /// @returns `exit_code::no_cluster`.
  exit_code complain_of_silence(const error& why);

  /// Says how old an answer is that may be old.
  void note_age(const proto::Reply& reply);

  /// Says what went wrong, in one line.
  void complain(const std::string& what);

  std::ostream& out;
  std::ostream& err;
  screen_probe out_screen = [] { return screen{}; };
  screen_probe err_screen = [] { return screen{}; };

private:
  client_options how_;
  std::unique_ptr<client> client_;
};

/// What a command line comes to.
using action = std::function<exit_code(context&)>;

/// One command: how it is called, explained, understood. The table of all is in
/// `commands.hpp`.
struct command {
  const char* name;
  /// A phrase for the list of commands.
  const char* brief;
  /// What follows the name, e.g. "[options] ID...".
  const char* synopsis;
  /// Paragraphs and examples for the help text.
  const char* text;
  /// Declares the options but those that all commands have; may be null.
  void (*declare)(boost::program_options::options_description&);
  /// Understands the arguments.
  result<action> (*prepare)(const arguments&);
  /// Speaks to a cluster; otherwise it is for scripts inside a task.
  bool remote = true;
  /// What follows `--` is a command of its own.
  bool takes_command = false;
};

} // namespace coppice
