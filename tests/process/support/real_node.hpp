// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/client.hpp"
#include "tests/process/support/node_place.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coppice::test {

/// Longer than anything takes that works, on a slow machine.
inline constexpr auto patience = std::chrono::seconds{60};

/// Looks at *condition* until it holds, for a bounded time.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = patience);

/// A folder that goes away with the test.
class temp_folder {
public:
  temp_folder();
  ~temp_folder();
  temp_folder(const temp_folder&) = delete;
  temp_folder& operator=(const temp_folder&) = delete;

  const std::filesystem::path& path() const {
    return path_;
  }

private:
  std::filesystem::path path_;
};

/// Returns a port on loopback that nobody listens on.
uint16_t free_port();

/// What a command of the real binary said.
struct command_result {
  int code = -1;
  std::string out;
  std::string err;
};

/// Runs the real `coppice` and waits for it.
/// @param input What it reads from its standard input.
command_result run_coppice(const std::vector<std::string>& args,
                           const std::string& input = {});

/// Runs any program and waits for it.
command_result run_program(const std::vector<std::string>& argv,
                           const std::string& input = {});

/// A real node: keeper, launcher and node process, from a config file.
class real_node {
public:
  /// @param folder Where its data, config file and log go.
  /// @param settings Options beside id, data folder and port.
  /// @param binary The program; `coppice` or one with kinds of its own.
  /// @param place The network that it is in.
  real_node(const std::filesystem::path& folder, std::string name,
            std::map<std::string, std::string> settings = {},
            std::string binary = COPPICE_BINARY, node_place place = {});

  /// Kills everything that is left of it.
  ~real_node();

  real_node(const real_node&) = delete;
  real_node& operator=(const real_node&) = delete;

  /// Adds a line to its config file.
  void set(const std::string& key, const std::string& value);

  /// Adds to the environment of the keeper and all below it, from its next
  /// start on.
  void set_environment(const std::string& key, const std::string& value);

  /// Starts the keeper.
  void start();

  /// Ends the keeper with SIGTERM.
  /// @returns Its exit code, or -1 if it did not end.
  int stop();

  /// Waits until the keeper ends.
  /// @returns Its exit code, or -1 if it does not end.
  int wait();

  /// Sends *signal* to the node process.
  /// @returns Its process id, or nothing if there was none.
  std::optional<pid_t> signal_node(int signal);

  /// Kills keeper and node together, at once.
  void kill_both();

  /// Returns the process id of the node process, if there is one.
  std::optional<pid_t> node_pid() const;

  pid_t keeper_pid() const {
    return keeper_;
  }

  const std::string& name() const {
    return name_;
  }

  uint16_t port() const {
    return port_;
  }

  const std::string& host() const {
    return place_.host;
  }

  host_port listens_at() const {
    return {host(), port_};
  }

  std::string address() const {
    return to_string(listens_at());
  }

  const std::filesystem::path& data() const {
    return data_;
  }

  /// Returns what keeper and node have logged so far.
  std::string log() const;

private:
  std::filesystem::path folder_;
  std::filesystem::path data_;
  std::string name_;
  std::string binary_;
  node_place place_;
  std::vector<std::string> environment_;
  uint16_t port_;
  pid_t keeper_ = -1;
};

/// Returns a client of *node* that does not give up while the node starts.
/// @param others Further managers of its cluster.
std::unique_ptr<client> connect(const real_node& node,
                                std::vector<host_port> others = {});

/// Asks, and fails the test if there is no answer.
proto::Reply ask(client& c, const proto::Request& x);

/// Submits *specs* until they are acknowledged.
/// @returns Their ids.
std::vector<std::string> submit(client& c,
                                const std::vector<proto::TaskSpec>& specs);

/// Returns a task with everything that is known of it.
proto::Task get_task(client& c, const std::string& id);

/// Waits until the task has ended, and returns it.
proto::Task await_end(client& c, const std::string& id);

/// Returns what the information centre says of the node *name*; empty if it
/// does not know it.
proto::Node find_node(client& c, const std::string& name);

/// Returns whether tasks can be given to *x*.
bool takes_tasks(const proto::Node& x);

/// Returns whether the task has ended.
bool has_ended(const proto::Task& x);

/// Returns the text of a file, or nothing if it is not there.
std::string read_file(const std::filesystem::path& file);

} // namespace coppice::test
