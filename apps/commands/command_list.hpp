// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/commands/command.hpp"

// The commands, one file each. `command_table` lists them.

namespace coppice {

// -- for people and programs
// ---------------------------------------------------

extern const command run_command_info;
extern const command submit_command_info;
extern const command tasks_command_info;
extern const command task_command_info;
extern const command watch_command_info;
extern const command logs_command_info;
extern const command cancel_command_info;
extern const command retry_command_info;
extern const command explain_command_info;
extern const command nodes_command_info;
extern const command drain_command_info;
extern const command release_command_info;
extern const command forget_command_info;
extern const command regenerate_command_info;
extern const command regenerations_command_info;
extern const command events_command_info;
extern const command managers_command_info;
extern const command manager_command_info;
extern const command backup_command_info;
extern const command shards_command_info;
extern const command products_command_info;
extern const command product_command_info;
extern const command service_command_info;
extern const command token_command_info;
extern const command tree_command_info;
extern const command stop_command_info;

// -- for scripts inside a task
// -------------------------------------------------

extern const command progress_command_info;
extern const command stage_command_info;
extern const command checkpoint_command_info;
extern const command result_command_info;

} // namespace coppice
