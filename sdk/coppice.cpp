// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "sdk/coppice.hpp"

#include "apps/program.hpp"
#include "runtime/duration.hpp"

#include <utility>

namespace coppice {

node_app& node_app::task(std::string name, task_function run,
                         const task_defaults& defaults) {
  task_kind x;
  x.run = std::move(run);
  x.info.set_name(std::move(name));
  x.info.set_exclusive(defaults.exclusive);
  auto& timeouts = *x.info.mutable_timeouts();
  if (defaults.total_timeout)
    *timeouts.mutable_total() = to_proto(*defaults.total_timeout);
  if (defaults.no_answer_timeout)
    *timeouts.mutable_no_answer() = to_proto(*defaults.no_answer_timeout);
  if (defaults.stall_timeout)
    *timeouts.mutable_stall() = to_proto(*defaults.stall_timeout);
  auto& retry = *x.info.mutable_retry();
  retry.set_attempts(defaults.attempts);
  if (defaults.backoff)
    *retry.mutable_backoff() = to_proto(*defaults.backoff);
  if (defaults.max_backoff)
    *retry.mutable_max_backoff() = to_proto(*defaults.max_backoff);
  for (auto& code : defaults.final_errors)
    retry.add_final_errors(code);
  kinds_.push_back(std::move(x));
  return *this;
}

int node_app::run(int argc, char** argv) {
  return run_program(argc, argv, {std::move(kinds_), std::move(services_)});
}

} // namespace coppice
