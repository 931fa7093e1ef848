// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The commands of the cluster group: who the managers are, which shards there
// are, and which products they have.

#include "runtime/task/spec_check.hpp"
#include "storage/state_machine/commands.hpp"

#include <algorithm>

namespace coppice::state_machine {

namespace {

/// More than the name of any host.
constexpr size_t max_address_bytes = 300;

/// More than any group has members.
constexpr int max_founders = 64;

proto::ProductRow new_product(context ctx,
                              const proto::ProductCommand& command) {
  proto::ProductRow x;
  x.set_name(command.name());
  x.set_number(next_product_number(ctx.view));
  x.add_shards(command.shard());
  return x;
}

} // namespace

void apply_manager(context ctx, const proto::ManagerRow& command,
                   proto::ManagerOutcome& outcome) {
  if (command.name().empty() || command.name().size() > max_node_bytes
      || command.address().size() > max_address_bytes)
    return set_error(*outcome.mutable_error(), ec::invalid_argument,
                     "the name or the address of a manager is too long");
  put_manager(ctx.view, command);
}

void apply_shard(context ctx, const proto::ShardRow& command,
                 proto::ShardOutcome& outcome) {
  auto known = static_cast<uint32_t>(get_shards(ctx.view).size());
  if (command.number() < known)
    return; // A repetition.
  if (command.number() != known || command.founders_size() == 0
      || command.founders_size() > max_founders)
    return set_error(*outcome.mutable_error(), ec::invalid_argument,
                     "shard " + std::to_string(command.number())
                       + " is not the next one, or nobody is to begin it");
  put_shard(ctx.view, command);
}

void apply_product(context ctx, const proto::ProductCommand& command,
                   proto::ProductOutcome& outcome) {
  if (command.name().empty() || command.name().size() > max_product_bytes)
    return set_error(*outcome.mutable_error(), ec::invalid_argument,
                     "the name of a product has 1 to "
                       + std::to_string(max_product_bytes) + " bytes");
  auto shards = get_shards(ctx.view).size();
  if (command.shard() >= shards)
    return set_error(*outcome.mutable_error(), ec::invalid_argument,
                     "there is no shard " + std::to_string(command.shard())
                       + "; there are " + std::to_string(shards)
                       + ", counted from 0");
  auto number = find_product(ctx.view, command.name());
  auto known = number ? get_product(ctx.view, *number) : std::nullopt;
  auto row = known ? std::move(*known) : new_product(ctx, command);
  auto moves
    = command.rebind() && row.shards(row.shards_size() - 1) != command.shard();
  if (moves)
    row.add_shards(command.shard());
  if (moves || !number)
    put_product(ctx.view, row);
  *outcome.mutable_product() = std::move(row);
}

} // namespace coppice::state_machine
