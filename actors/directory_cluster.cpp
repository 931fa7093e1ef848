// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the DIRECTORY that knows the cluster group.

#include "actors/directory.hpp"
#include "actors/replies.hpp"
#include "runtime/access/token_rules.hpp"
#include "runtime/group_name.hpp"
#include "runtime/health/node_overview.hpp"
#include "runtime/health/regeneration/regeneration_rules.hpp"
#include "runtime/log.hpp"
#include "storage/node_list_rows.hpp"
#include "storage/regeneration_tables.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

void describe(const proto::ProductRow& row, proto::Product& out) {
  out.set_name(row.name());
  out.set_number(row.number());
  *out.mutable_shards() = row.shards();
}

} // namespace

bool directory_state::read_cluster(
  const std::function<void(const table_view&)>& f) const {
  auto own = leads.find(cluster_group);
  if (own == leads.end() || !own->second.store)
    return false;
  auto read = own->second.store->read(
    [&](const table_view& view, uint64_t) { f(view); });
  if (!read)
    log::error("{} cannot read the cluster group: {}", name,
               to_string(read.error()));
  return read.has_value();
}

uint32_t directory_state::shard_count() const {
  uint32_t result = 0;
  read_cluster([&](const table_view& view) {
    result = static_cast<uint32_t>(get_shards(view).size());
  });
  return result;
}

proto::Reply directory_state::products(const proto::ProductsRequest& x) const {
  proto::Reply reply;
  auto& out = *reply.mutable_products();
  auto add = [&](const std::optional<proto::ProductRow>& row) {
    if (row)
      describe(*row, *out.add_products());
  };
  auto read = read_cluster([&](const table_view& view) {
    for (auto number : x.numbers())
      add(get_product(view, number));
    for (auto& product : x.names())
      if (auto number = find_product(view, product))
        add(get_product(view, *number));
    if (x.numbers_size() == 0 && x.names_size() == 0)
      for (auto& row : get_products(view))
        add(row);
  });
  return read ? reply : not_leader(cluster_group);
}

proto::Reply directory_state::events(const proto::EventsRequest& x) const {
  proto::Reply reply;
  auto& out = *reply.mutable_events();
  auto limit = x.limit() == 0 ? 100 : std::min(x.limit(), 1'000u);
  auto read = read_cluster([&](const table_view& view) {
    for (auto& event : get_events(view, x.after(), limit))
      *out.add_events() = std::move(event);
  });
  return read ? reply : not_leader(cluster_group);
}

void directory_state::bind(const lead_info& to, const proto::BindRequest& x,
                           reply_handler f) {
  proto::Command command;
  auto& product = *command.mutable_product();
  product.set_name(x.product());
  product.set_shard(x.shard());
  product.set_rebind(!x.keep());
  auto known = shard_count();
  // A moment after the first start; who asks tries it again.
  if (known < options.shards && (x.keep() || x.shard() >= known)) {
    auto reply = refusal(ec::not_leader,
                         "shard " + std::to_string(known) + " is being made");
    return f(reply);
  }
  if (x.keep())
    product.set_shard(first_shard(x.product(), known));
  self->request(to.replicator, caf::infinite, std::move(command))
    .then(
      [f](const proto::Outcome& outcome) {
        proto::Reply reply;
        if (outcome.has_error())
          *reply.mutable_error() = outcome.error();
        else if (outcome.product().has_error())
          *reply.mutable_error() = outcome.product().error();
        else
          describe(outcome.product().product(),
                   *reply.mutable_bind()->mutable_product());
        f(reply);
      },
      [f](const caf::error& err) {
        auto reply = refusal(to_error(unknown_outcome(err)));
        f(reply);
      });
}

proto::Reply directory_state::tokens() const {
  proto::Reply reply;
  auto& out = *reply.mutable_tokens();
  auto read = read_cluster([&](const table_view& view) {
    for (auto& row : get_tokens(view))
      *out.add_tokens() = std::move(row);
  });
  return read ? reply : not_leader(cluster_group);
}

void directory_state::change_token(const lead_info& to,
                                   const proto::TokenRequest& x,
                                   reply_handler f) {
  if (auto okay = check_token_change(x.change()); !okay) {
    auto reply = refusal(okay.error());
    return f(reply);
  }
  proto::Command command;
  *command.mutable_token() = x.change();
  self->request(to.replicator, caf::infinite, std::move(command))
    .then(
      [f](const proto::Outcome& outcome) {
        proto::Reply reply;
        if (outcome.has_error())
          *reply.mutable_error() = outcome.error();
        else if (outcome.token().has_error())
          *reply.mutable_error() = outcome.token().error();
        else
          reply.mutable_token();
        f(reply);
      },
      [f](const caf::error& err) {
        auto reply = refusal(to_error(unknown_outcome(err)));
        f(reply);
      });
}

proto::Reply
directory_state::regenerations(const proto::RegenerationsRequest& x) const {
  proto::Reply reply;
  auto& out = *reply.mutable_regenerations();
  auto limit
    = static_cast<int>(x.limit() == 0 ? 20 : std::min(x.limit(), 1'000u));
  auto read = read_cluster([&](const table_view& view) {
    auto all = get_regenerations(view);
    *out.mutable_counts() = count_regenerations(all);
    for (auto i = all.rbegin();
         i != all.rend() && out.regenerations_size() < limit; ++i)
      if (x.of().empty() || i->node() == x.of() || i->service() == x.of())
        *out.add_regenerations() = std::move(*i);
  });
  return read ? reply : not_leader(cluster_group);
}

proto::Reply directory_state::read_own(const proto::Request& x) const {
  if (x.has_events())
    return events(x.events());
  if (x.has_regenerations())
    return regenerations(x.regenerations());
  return x.has_tokens() ? tokens() : products(x.products());
}

void directory_state::ask_cluster(const lead_info& to, proto::Request x,
                                  reply_handler f) {
  switch (x.kind_case()) {
    case proto::Request::kManagers:
    case proto::Request::kManager:
    case proto::Request::kBackup:
      return deliver(to.replicator, std::move(x), std::move(f));
    case proto::Request::kBind:
      return bind(to, x.bind(), std::move(f));
    // It proves the lead itself where that is needed.
    case proto::Request::kServices:
    case proto::Request::kService:
      return deliver(to.placer, std::move(x), std::move(f));
    case proto::Request::kVitals:
    case proto::Request::kRegenerate:
      return deliver(to.regenerator, std::move(x), std::move(f));
    case proto::Request::kToken:
      return change_token(to, x.token(), std::move(f));
    case proto::Request::kNodes:
    case proto::Request::kProducts:
    case proto::Request::kEvents:
    case proto::Request::kTokens:
    case proto::Request::kRegenerations:
    case proto::Request::kDrain:
    case proto::Request::kRelease:
    case proto::Request::kForgetNode:
    case proto::Request::kTree:
      break;
    default: {
      auto reply = refusal(ec::protocol_violation,
                           "the cluster group does not know this request");
      return f(reply);
    }
  }
  auto lost = when_lost(x, f);
  self->request(to.replicator, answer_timeout, atom::barrier::value)
    .then(
      [this, x, f](const proto::Outcome& barrier) {
        auto& centre = leads[cluster_group].centre;
        auto leads_still = !barrier.has_error() && centre;
        auto is_own = x.has_products() || x.has_events() || x.has_tokens()
                      || x.has_regenerations();
        if (leads_still && !is_own)
          return deliver(centre, x, f);
        auto reply = leads_still ? read_own(x) : not_leader(cluster_group);
        f(reply);
      },
      lost);
}

void directory_state::list_nodes(const reply_handler& f) {
  proto::Request wanted;
  wanted.mutable_nodes();
  auto finish = [this, wanted, f](proto::Reply list) {
    ask_all(all_shards(), wanted, merge_nodes,
            [f, list = std::move(list)](proto::Reply& work) mutable {
              auto reply = node_overview(std::move(list), std::move(work));
              f(reply);
            });
  };
  ask(cluster_group, wanted, [this, wanted, finish](proto::Reply& reply) {
    if (!reply.has_error() || !monitor)
      return finish(std::move(reply));
    auto why
      = "No information centre answers: " + reply.error().message() + ".";
    deliver(monitor, wanted, [why, finish](proto::Reply& own) {
      own.mutable_nodes()->add_notes(why);
      finish(std::move(own));
    });
  });
}

void directory_state::show_tree(proto::Request& x, const reply_handler& f) {
  auto node = x.tree().node().empty() ? options.node : x.tree().node();
  auto answer = [node, f](proto::Reply& reply) {
    if (reply.has_tree()) {
      reply.mutable_tree()->set_node(node);
      reply.mutable_tree()->mutable_root()->set_name("node");
    }
    f(reply);
  };
  if (node != options.node)
    return ask(cluster_group, std::move(x), answer);
  if (options.parts)
    return deliver(options.parts, std::move(x), answer);
  auto reply = refusal(ec::not_found,
                       "nobody supervises the parts of node " + options.node);
  f(reply);
}

proto::Reply directory_state::backup_groups() const {
  auto n = shard_count();
  if (n == 0)
    return not_leader(cluster_group);
  proto::Reply reply;
  auto& out = *reply.mutable_backup();
  out.set_node(options.node);
  for (uint32_t i = 0; i < n; ++i)
    out.add_groups(shard_group(i));
  // Last, so that it knows the product of every task that the others have.
  out.add_groups(cluster_group);
  return reply;
}

proto::Reply directory_state::shards() const {
  std::string address;
  read_cluster([&](const table_view& view) {
    for (auto& row : get_managers(view))
      if (row.name() == options.node)
        address = row.address();
  });
  proto::Reply reply;
  auto& out = *reply.mutable_shards();
  for (auto& [group, own] : leads) {
    auto& x = *out.add_shards();
    x.set_group(group);
    x.set_term(own.term);
    auto other = leaders.find(group);
    if (own.leads) {
      x.set_leader(options.node);
      x.set_address(address);
    } else if (other != leaders.end()) {
      x.set_leader(other->second.node);
      x.set_address(other->second.address);
    }
  }
  return reply;
}

} // namespace coppice
