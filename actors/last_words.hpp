// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/cluster.pb.h"

#include <filesystem>
#include <vector>

namespace coppice {

/// Ends of attempts that a worker came to but could tell no manager before it
/// was stopped. Its next incarnation says them with its hello: else the tasks
/// would pay for a crash that was none, and results would be lost.
using last_words = std::vector<proto::FinishCommand::Item>;

/// Leaves *xs* in a data folder, in place of what is there; as many as a hello
/// has room for. What cannot be written is lost, as after a crash.
void leave_last_words(const std::filesystem::path& data_dir,
                      const last_words& xs);

/// Returns what an earlier incarnation has left, and removes it.
last_words take_last_words(const std::filesystem::path& data_dir);

} // namespace coppice
