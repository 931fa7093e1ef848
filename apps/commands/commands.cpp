// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/commands.hpp"

#include "apps/commands/command_list.hpp"
#include "apps/commands/text.hpp"
#include "config/values.hpp"
#include "runtime/spelling.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>

namespace po = boost::program_options;

namespace coppice {

namespace {

constexpr const char* address_variable = "COPPICE_ADDRESS";

constexpr auto longest_patience = std::chrono::hours{24 * 365};

const char* exit_codes
  = "Exit codes: 0 success, 1 the work that was waited for failed, 2 usage, or "
    "a file of\n"
    "yours cannot be read, 3 no cluster reached, 4 refused by the cluster.\n";

po::options_description options_of(const command& x) {
  po::options_description result{"Options"};
  if (x.declare != nullptr)
    x.declare(result);
  if (x.remote)
    result.add_options()("connect,c", text_value("HOST:PORT[,...]"),
                         "one or several managers of the cluster (default: "
                         "$COPPICE_ADDRESS, or 127.0.0.1:7401)")(
      "patience", text_value("TIME"),
      "how long to try to reach it at first (default 4s); later, and when it "
      "restarts, at least 60s");
  result.add_options()("help,h", "show this text");
  return result;
}

const command* find_command(const std::string& name) {
  auto& table = command_table();
  auto i = std::find_if(table.begin(), table.end(),
                        [&](const command& x) { return name == x.name; });
  return i != table.end() ? &*i : nullptr;
}

error unknown_command(const std::string& name) {
  std::vector<std::string> names{"node", "restore", "help", "--version"};
  for (auto& x : command_table())
    names.emplace_back(x.name);
  auto text = "there is no command " + quote(name);
  if (name.starts_with("-"))
    text += "; options follow the command, as in 'coppice tasks --json'";
  else if (auto similar = nearest(name, names); !similar.empty())
    text += "; did you mean '" + similar + "'?";
  return usage_error(text);
}

result<> read_connection(const arguments& args, client_options& result) {
  std::string source = "--connect";
  auto text = args.text("connect");
  if (!args.has("connect")) {
    auto* value = std::getenv(address_variable);
    if (value == nullptr || *value == '\0')
      value = nullptr;
    source = address_variable;
    text = value != nullptr ? value : to_string(result.address);
  }
  auto addresses = parse_host_ports(text);
  if (!addresses)
    return usage_error(source + ": " + addresses.error().message);
  if (addresses.value().empty())
    return usage_error(source + ": " + quote(text) + " names no manager");
  result.address = addresses.value().front();
  result.others.assign(addresses.value().begin() + 1, addresses.value().end());
  auto patience = args.duration("patience", std::chrono::milliseconds{100},
                                longest_patience);
  if (!patience)
    return patience.error();
  if (patience.value()) {
    result.patience = *patience.value();
    result.persistence = std::max(result.persistence, result.patience);
  }
  return ok();
}

/// Asks the terminal behind *fd*, if it is one.
screen screen_of(int fd) {
  screen result;
  auto* term = std::getenv("TERM");
  winsize size{};
  result.is_terminal
    = isatty(fd) == 1 && (term == nullptr || std::strcmp(term, "dumb") != 0);
  if (result.is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
      && size.ws_row > 0) {
    result.columns = size.ws_col;
    result.rows = size.ws_row;
  }
  return result;
}

exit_code run_invocation(const invocation& x) {
  context ctx{x.connection, std::cout, std::cerr};
  ctx.out_screen = [] { return screen_of(STDOUT_FILENO); };
  ctx.err_screen = [] { return screen_of(STDERR_FILENO); };
  auto code = x.run(ctx);
  std::cout.flush();
  if (!std::cout) {
    ctx.complain("cannot write the output");
    code = exit_code::usage;
  }
  // CAF joins its threads, and one may hang in a connect. Nothing is lost:
  // requests were answered or given up.
  std::cerr.flush();
  std::_Exit(static_cast<int>(code));
}

exit_code report_usage(const error& x, const std::vector<std::string>& args) {
  auto known = !args.empty() && find_command(args[0]) != nullptr;
  std::cerr << "coppice: " << (known ? args[0] + ": " : "") << x.message
            << (x.message.ends_with('?') ? " See" : "; see") << " 'coppice "
            << (known ? args[0] + " " : "") << "--help'" << std::endl;
  return exit_code::usage;
}

} // namespace

const std::vector<command>& command_table() {
  static const std::vector<command> table{
    run_command_info,     submit_command_info,     tasks_command_info,
    task_command_info,    watch_command_info,      logs_command_info,
    cancel_command_info,  retry_command_info,      explain_command_info,
    nodes_command_info,   tree_command_info,       drain_command_info,
    release_command_info, regenerate_command_info, regenerations_command_info,
    forget_command_info,  events_command_info,     managers_command_info,
    manager_command_info, shards_command_info,     products_command_info,
    product_command_info, service_command_info,    token_command_info,
    backup_command_info,  stop_command_info,       progress_command_info,
    stage_command_info,   checkpoint_command_info, result_command_info,
  };
  return table;
}

result<invocation> parse(const std::vector<std::string>& args) {
  if (args.empty())
    return usage_error("the command is missing");
  invocation result;
  result.what = find_command(args[0]);
  if (result.what == nullptr)
    return unknown_command(args[0]);
  auto words
    = parse_arguments({args.begin() + 1, args.end()}, options_of(*result.what),
                      result.what->takes_command);
  if (!words)
    return words.error();
  if (words.value().has("help")) {
    result.help = true;
    return result;
  }
  if (result.what->remote)
    if (auto okay = read_connection(words.value(), result.connection); !okay)
      return okay.error();
  auto run = result.what->prepare(words.value());
  if (!run)
    return run.error();
  result.run = run.value();
  return result;
}

std::string command_help(const command& x) {
  std::ostringstream out;
  out << "coppice " << x.name << " - " << x.brief << "\n\n"
      << "Usage: coppice " << x.name << " " << x.synopsis << "\n\n"
      << x.text << "\n"
      << options_of(x) << "\n"
      << exit_codes;
  return out.str();
}

std::string command_overview() {
  std::ostringstream out;
  auto list = [&out](bool remote) {
    for (auto& x : command_table())
      if (x.remote == remote)
        out << "  " << pad(x.name, 12) << x.brief << "\n";
  };
  out << "coppice - a cluster runtime for long-running work\n\n"
      << "Usage: coppice COMMAND [options]\n\n"
      << "  " << pad("node", 12) << "start a node from its config file\n"
      << "  " << pad("restore", 12)
      << "make the data folder of a node from a backup\n\n"
      << "Commands for a running cluster:\n";
  list(true);
  out << "\nCommands for scripts that run as a task:\n";
  list(false);
  out << "\n'coppice COMMAND --help' explains a command.\n" << exit_codes;
  return out.str();
}

int run_command(int argc, char** argv) {
  std::vector<std::string> args(argv + std::min(argc, 1), argv + argc);
  auto code = exit_code::success;
  auto wants_help
    = !args.empty()
      && (args[0] == "help" || args[0] == "--help" || args[0] == "-h");
  if (wants_help && args.size() > 1) {
    args = {args[1], "--help"};
    wants_help = false;
  }
  if (wants_help) {
    std::cout << command_overview();
  } else if (auto x = parse(args); !x) {
    code = report_usage(x.error(), args);
  } else if (x.value().help) {
    std::cout << command_help(*x.value().what);
  } else {
    code = run_invocation(x.value());
  }
  return static_cast<int>(code);
}

} // namespace coppice
