// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/api.pb.h"
#include "runtime/error.hpp"
#include "runtime/task/task_state.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// How tasks and nodes look on a terminal. All of it is a function of its
// arguments: the time, too.

namespace coppice {

/// Unix time in milliseconds.
using unix_ms = int64_t;

/// Returns the Unix time now.
unix_ms now_ms();

/// Returns a phrase for *x*: "the node is gone"; empty if there is none.
std::string reason_text(proto::Reason x);

/// Reads the name of a state as a filter: "waiting", "timed-out", …
result<proto::TaskState> parse_state(std::string_view text);

/// Renders a duration in at most two units: "850ms", "4.2s", "3m 10s".
std::string render_duration(int64_t ms);

/// Renders how long ago *then* was; "-" if it is 0.
std::string render_age(unix_ms then, unix_ms now);

/// Renders *then* as a date in UTC.
std::string render_time(unix_ms then);

/// Renders a size: "512 B", "3.4 MiB".
std::string render_bytes(uint64_t bytes);

/// Renders *percent* for a sentence, rounded down so that only what is complete
/// is 100: "42%".
std::string short_percent(double percent);

/// Renders *percent* as `short_percent`, in four columns: " 42%".
std::string render_percent(double percent);

/// Renders a bar that is *width* columns wide, e.g. `[####......]`.
std::string render_bar(double percent, size_t width);

/// Returns how far *x* is: its last progress, or 100 once it succeeded.
double percent_of(const proto::Task& x);

/// Renders the table of `coppice tasks`.
std::string render_tasks(const std::vector<proto::Task>& xs, unix_ms now);

/// Renders the table of `coppice products`.
std::string render_products(const proto::ProductsReply& x);

/// Renders the table of `coppice shards`.
std::string render_shards(const proto::ShardsReply& x);

/// Renders the table of `coppice managers`.
std::string render_managers(const proto::ManagersReply& x);

/// Renders the table of `coppice token list`.
std::string render_tokens(const proto::TokensReply& x, unix_ms now);

/// Renders the table of `coppice nodes`.
std::string render_nodes(const proto::NodesReply& xs, unix_ms now);

/// Renders a regeneration: its target and end, its evidence, and its phases
/// with the time that each took.
std::string render_regeneration(const proto::RegenerationRow& x, unix_ms now);

/// Renders the tree of `coppice tree`.
std::string render_tree(const proto::TreeReply& x, unix_ms now);

/// Renders the table of `coppice service list`.
std::string render_services(const std::vector<proto::ServiceRow>& xs,
                            unix_ms now);

/// Renders all that is known of a service.
std::string render_service(const proto::ServiceRow& row, unix_ms now);

/// Says of a node that is drained what becomes of its attempts.
std::string drain_note(const proto::Node& x, unix_ms now);

/// Returns one line.
std::string render_event(const proto::Event& x);

/// Renders all that is known of a task, with attempts and spec.
std::string render_task(const proto::Task& x, unix_ms now);

/// Renders where a task stands in one sentence: "running on n1, attempt 2".
std::string render_standing(const proto::Task& x, unix_ms now);

/// Renders an error of a task: "exit_3: the command ended with exit status 3".
std::string render_error(const proto::TaskError& x);

/// Renders *words* so that a shell reads them as they are.
std::string shell_quoted(const std::vector<std::string>& words);

} // namespace coppice
