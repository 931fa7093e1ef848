// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/state_machine/commands.hpp"

namespace coppice::state_machine {

namespace {

/// More than the name of any host.
constexpr size_t max_address_bytes = 300;

} // namespace

void apply_manager(context ctx, const proto::ManagerRow& command,
                   proto::ManagerOutcome& outcome) {
  if (command.name().empty() || command.name().size() > max_node_bytes
      || command.address().size() > max_address_bytes)
    return set_error(*outcome.mutable_error(), ec::invalid_argument,
                     "the name or the address of a manager is too long");
  put_manager(ctx.view, command);
}

} // namespace coppice::state_machine
