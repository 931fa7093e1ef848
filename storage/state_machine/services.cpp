// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The commands of the cluster group that are about services.

#include "runtime/service/service_rules.hpp"
#include "storage/service_tables.hpp"
#include "storage/state_machine/commands.hpp"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <set>

namespace coppice::state_machine {

namespace {

/// Whoever follows the services gets all of them at once.
constexpr size_t max_services = 1'000;

constexpr size_t max_address_bytes = 300;

constexpr size_t max_why_bytes = size_t{1} << 10;

/// What a command changes, and what it may not.
struct service_change {
  context ctx;
  const proto::ServiceCommand& command;
  proto::ServiceOutcome& outcome;
  proto::ServicesHead head;

  void refuse(ec code, std::string why) {
    set_error(*outcome.mutable_error(), code,
              "service " + command.name() + ": " + std::move(why));
  }

  /// Writes the row as the newest one.
  void write(proto::ServiceRow row) {
    *outcome.mutable_row() = write_service(ctx, head, std::move(row));
  }
};

bool is_same(const proto::ServiceSpec& x, const proto::ServiceSpec& y) {
  return google::protobuf::util::MessageDifferencer::Equals(x, y);
}

void create(service_change& x) {
  auto& ctx = x.ctx;
  auto shards = get_shards(ctx.view).size();
  if (x.command.shard() >= shards)
    return x.refuse(ec::invalid_argument,
                    "there is no shard " + std::to_string(x.command.shard())
                      + " for its journal; there are " + std::to_string(shards)
                      + ", counted from 0");
  if (get_services(ctx.view).size() >= max_services)
    return x.refuse(ec::overloaded, "there are " + std::to_string(max_services)
                                      + " services already; remove some");
  proto::ServiceRow row;
  *row.mutable_spec() = x.command.applied();
  x.head.set_last_number(x.head.last_number() + 1);
  row.set_number(x.head.last_number());
  row.set_revision(1);
  row.set_shard(x.command.shard());
  x.write(std::move(row));
}

/// Returns whether what runs can go on with the other spec.
bool is_scaled(proto::ServiceSpec x, const proto::ServiceSpec& y) {
  x.set_instances(y.instances());
  x.set_held(y.held());
  x.set_hold_requests(y.hold_requests());
  x.set_hold_bytes(y.hold_bytes());
  x.set_hold_ms(y.hold_ms());
  return is_same(x, y);
}

void apply_spec(service_change& x, std::optional<proto::ServiceRow> row) {
  auto& spec = x.command.applied();
  if (spec.name() != x.command.name())
    return x.refuse(ec::invalid_argument, "the spec is of another name");
  if (auto checked = check_service(spec); !checked)
    return x.refuse(checked.error().code, checked.error().message);
  if (!row)
    return create(x);
  if (row->removed())
    return x.refuse(ec::conflict, "it is being removed; try again when it is "
                                  "gone");
  if (row->spec().form() != spec.form())
    return x.refuse(ec::conflict, "a native service cannot become a process, "
                                  "nor the other way round; remove it first");
  if (is_same(row->spec(), spec)) {
    *x.outcome.mutable_row() = std::move(*row);
    return;
  }
  auto before = row->revision();
  row->set_revision(before + 1);
  if (is_scaled(row->spec(), spec))
    for (auto& place : *row->mutable_places())
      if (place.revision() == before)
        place.set_revision(row->revision());
  *row->mutable_spec() = spec;
  x.write(std::move(*row));
}

void remove(service_change& x, proto::ServiceRow row) {
  if (row.removed()) {
    *x.outcome.mutable_row() = std::move(row);
    return;
  }
  row.set_removed(true);
  x.write(std::move(row));
}

const proto::ServicePlace* find_place(const proto::ServiceRow& row,
                                      uint32_t instance) {
  for (auto& place : row.places())
    if (place.instance() == instance)
      return &place;
  return nullptr;
}

/// Returns whether *x* is where *before* was, in its epoch.
bool is_kept(const proto::ServicePlace& x, const proto::ServicePlace* before) {
  return before && x.epoch() == before->epoch() && x.node() == before->node()
         && x.incarnation() == before->incarnation();
}

bool is_sane(const proto::ServiceCommand::Places& xs) {
  std::set<uint32_t> seen;
  for (auto& x : xs.places())
    if (x.instance() >= max_service_instances
        || !seen.insert(x.instance()).second || x.node().size() > max_node_bytes
        || x.address().size() > max_address_bytes
        || x.why().size() > max_why_bytes)
      return false;
  return true;
}

void place(service_change& x, proto::ServiceRow row) {
  if (x.command.based_on() == 0 || !is_sane(x.command.placed()))
    return x.refuse(ec::invalid_argument,
                    "its places do not say what they are based on, or break a "
                    "limit");
  auto before = row;
  *row.mutable_places() = x.command.placed().places();
  for (auto& to : *row.mutable_places()) {
    auto* from = find_place(before, to.instance());
    auto kept = is_kept(to, from);
    if (!kept && to.epoch() != 0)
      return x.refuse(ec::conflict, "instance " + std::to_string(to.instance())
                                      + " is not in epoch "
                                      + std::to_string(to.epoch()));
    if (!kept) {
      x.head.set_version(x.head.version() + 1);
      to.set_epoch(x.head.version());
    }
    to.set_revision(kept ? std::min(to.revision(), from->revision())
                         : row.revision());
    auto stands = kept && to.status() == from->status();
    to.set_changed_ms(stands ? from->changed_ms() : x.ctx.now_ms);
  }
  x.write(std::move(row));
}

void erase(service_change& x, const proto::ServiceRow& row) {
  if (!row.removed() || row.places_size() > 0)
    return x.refuse(ec::conflict, "it has places still, or is not to be "
                                  "removed");
  x.head.set_version(x.head.version() + 1);
  put_services_head(x.ctx.view, x.head);
  erase_service(x.ctx.view, row.spec().name());
}

} // namespace

proto::ServiceRow write_service(context ctx, proto::ServicesHead head,
                                proto::ServiceRow row) {
  head.set_version(head.version() + 1);
  row.set_changed(head.version());
  put_services_head(ctx.view, head);
  put_service(ctx.view, row);
  return row;
}

void apply_service(context ctx, const proto::ServiceCommand& command,
                   proto::ServiceOutcome& outcome) {
  service_change x{ctx, command, outcome, get_services_head(ctx.view)};
  // Who follows the services is told version 1 as long as there is none.
  x.head.set_version(std::max<uint64_t>(x.head.version(), 1));
  if (auto checked = check_service_name(command.name()); !checked)
    return set_error(*outcome.mutable_error(), checked.error().code,
                     checked.error().message);
  auto row = get_service(ctx.view, command.name());
  if (command.based_on() != 0 && (!row || row->changed() != command.based_on()))
    return x.refuse(ec::conflict, "it has changed meanwhile");
  if (command.has_applied())
    return apply_spec(x, std::move(row));
  if (!row)
    return x.refuse(ec::not_found, "there is none of this name");
  switch (command.change_case()) {
    case proto::ServiceCommand::kRemoved:
      return remove(x, std::move(*row));
    case proto::ServiceCommand::kPlaced:
      return place(x, std::move(*row));
    case proto::ServiceCommand::kErased:
      return erase(x, *row);
    default:
      return x.refuse(ec::protocol_violation,
                      "this version does not know the change");
  }
}

} // namespace coppice::state_machine
