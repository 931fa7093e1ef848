// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/cluster.pb.h"

#include <filesystem>
#include <vector>

namespace coppice {

/// Ends of attempts that a worker came to but could tell no manager, in case it
/// is stopped or killed before it can. Its next incarnation says them with its
/// hello: else the tasks would pay for a crash that was none, and results would
/// be lost.
using last_words = std::vector<proto::FinishCommand::Item>;

/// Leaves *xs* in a data folder, in place of what is there; as many as a hello
/// has room for. What cannot be written is lost, as after a crash.
void leave_last_words(const std::filesystem::path& data_dir,
                      const last_words& xs);

/// Returns what an earlier incarnation has left. It stays there: who dies
/// before a manager knows it has to leave it to the next one.
last_words read_last_words(const std::filesystem::path& data_dir);

/// Removes what was left: a manager knows it. Said once more it would be
/// refused, as the end of an attempt that is over.
void forget_last_words(const std::filesystem::path& data_dir);

} // namespace coppice
