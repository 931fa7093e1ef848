// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/service/native_service.hpp"
#include "runtime/task/task_context.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// The public interface of libcoppice: a node that runs code of yours.
///
/// ```cpp
/// int main(int argc, char** argv) {
///   coppice::node_app app;
///   app.task("resize", [](coppice::task_context& context) {
///     context.progress(50, "half of it");
///     return coppice::task_result{"done"};
///   });
///   return app.run(argc, argv);
/// }
/// ```
namespace coppice {

/// What holds for the tasks of a kind where their specs say nothing.
struct task_defaults {
  /// From the first lease to the end, over all attempts.
  std::optional<std::chrono::milliseconds> total_timeout;
  /// A worker that is silent for longer has lost the attempt.
  std::optional<std::chrono::milliseconds> no_answer_timeout;
  /// An attempt whose progress stands still for longer is stopped.
  std::optional<std::chrono::milliseconds> stall_timeout;
  /// Attempts that may start.
  uint32_t attempts = 3;
  /// The pause before the second attempt; it doubles for each further one.
  std::optional<std::chrono::milliseconds> backoff;
  std::optional<std::chrono::milliseconds> max_backoff;
  /// Codes of a `task_failure` after which no further attempt makes sense.
  std::vector<std::string> final_errors;
  /// Two attempts of a task never overlap, not even on a node that is cut off.
  bool exclusive = false;
};

/// A program that is a node, and the client of one, with task kinds of its own
/// beside the built-in ones.
class node_app {
public:
  // -- modifiers --------------------------------------------------------------

  /// Adds a kind of tasks.
  /// @param name What the field `kind` of a spec names: 1 to 64 bytes of
  ///             `A-Za-z0-9._-`.
  /// @param run Runs an attempt, in a thread of its own.
  node_app& task(std::string name, task_function run,
                 const task_defaults& defaults = {});

  /// Adds a class of native services, see `native_service`.
  /// @tparam Service Derived from it; made without arguments.
  /// @param name What `class`, or the name, of a service names: 1 to 64 bytes
  ///             of `A-Za-z0-9._-`.
  template <class Service>
  node_app& service(std::string name) {
    services_[std::move(name)] = [] { return std::make_unique<Service>(); };
    return *this;
  }

  /// Runs the command line: `node` starts a node, anything else is a client's
  /// command. Call it once, from `main`, before any thread is started.
  /// @returns The exit code of the process.
  int run(int argc, char** argv);

  // -- properties -------------------------------------------------------------

  const std::vector<task_kind>& kinds() const {
    return kinds_;
  }

private:
  // -- member variables -------------------------------------------------------

  std::vector<task_kind> kinds_;

  service_classes services_;
};

} // namespace coppice
