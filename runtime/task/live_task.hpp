// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/task.pb.h"
#include "runtime/task/lease_book.hpp"

namespace coppice {

/// Adds to a task, as the tables know it, what only its leader's memory knows
/// of the current attempt: that it runs, and how far it is.
/// @param held What the lease book knows of that attempt; null if nothing.
void merge_live(const lease_book::held* held, proto::Task& x);

} // namespace coppice
