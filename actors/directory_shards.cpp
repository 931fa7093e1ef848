// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the DIRECTORY that passes requests on to the shards.

#include "actors/directory.hpp"
#include "actors/replies.hpp"
#include "runtime/group_name.hpp"
#include "runtime/spelling.hpp"
#include "runtime/task/request_rules.hpp"
#include "storage/task_tables.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

using product_map = std::map<uint32_t, proto::ProductRow>;

std::optional<uint32_t> find_shard(const product_map& known,
                                   const task_id& id) {
  auto product = known.find(id.product);
  if (product == known.end())
    return std::nullopt;
  return shard_of(product->second, id.epoch);
}

/// Writes down what another manager said of products.
void learn(product_map& known, const proto::ProductsReply& said) {
  for (auto& x : said.products()) {
    auto& row = known[x.number()];
    row.set_name(x.name());
    row.set_number(x.number());
    *row.mutable_shards() = x.shards();
  }
}

} // namespace

struct directory_state::gathering {
  std::vector<proto::Reply> answers;
  size_t open = 0;
};

void directory_state::route(proto::Request& x, const reply_handler& f) {
  if (x.stale() && !x.has_list() && !x.has_get() && !x.has_managers()) {
    auto reply
      = refusal(ec::invalid_argument,
                "only tasks and managers can be read from any manager");
    return f(reply);
  }
  switch (x.kind_case()) {
    case proto::Request::kSubmit:
      return submit(*x.mutable_submit(), f);
    case proto::Request::kGet:
    case proto::Request::kCancel:
    case proto::Request::kRetry:
    case proto::Request::kExplain:
    case proto::Request::kLog:
    case proto::Request::kClientLease:
      return route_ids(x, f);
    case proto::Request::kList:
      return route_list(x, f);
    case proto::Request::kNodes:
      return list_nodes(f);
    case proto::Request::kRelease:
      return release(x, f);
    case proto::Request::kLeaseTasks:
      return lease_tasks(x.lease_tasks(), f);
    case proto::Request::kManagers:
      return route_named(x.managers().of_group(), x, f);
    case proto::Request::kManager:
      return route_named(x.manager().of_group(), x, f);
    case proto::Request::kBackup: {
      if (!x.backup().group().empty())
        return route_named(x.backup().group(), x, f);
      auto reply = backup_groups();
      return f(reply);
    }
    case proto::Request::kTree:
      return show_tree(x, f);
    case proto::Request::kProducts:
    case proto::Request::kBind:
    case proto::Request::kDrain:
    case proto::Request::kForgetNode:
    case proto::Request::kEvents:
    case proto::Request::kServices:
    case proto::Request::kService:
    case proto::Request::kTokens:
    case proto::Request::kToken:
    case proto::Request::kRegenerate:
    case proto::Request::kRegenerations:
    case proto::Request::kVitals:
      return ask(cluster_group, std::move(x), f);
    case proto::Request::kJournal:
      return ask(shard_group(x.journal().shard()), std::move(x), f);
    case proto::Request::kShards: {
      auto reply = options.is_manager ? shards() : not_leader(cluster_group);
      return f(reply);
    }
    default: {
      auto reply
        = refusal(ec::protocol_violation,
                  "this version of Coppice does not know this request");
      return f(reply);
    }
  }
}

void directory_state::route_named(const std::string& named, proto::Request& x,
                                  const reply_handler& f) {
  auto group = named.empty() ? std::string{cluster_group} : named;
  auto own = leads.find(group);
  // Who does not know the shards (yet) does not know either that it is none.
  auto shards = shard_count();
  auto is_group = group == cluster_group || own != leads.end();
  for (uint32_t i = 0; i < shards && !is_group; ++i)
    is_group = group == shard_group(i);
  if (shards > 0 && !is_group) {
    auto reply = refusal(ec::not_found, "there is no group " + in_quotes(group)
                                          + "; 'coppice shards' lists them");
    return f(reply);
  }
  ask(group, std::move(x), f);
}

// -- tasks by id --------------------------------------------------------------

void directory_state::route_ids(proto::Request& x, const reply_handler& f) {
  auto ids = ids_of(x);
  product_map known;
  proto::Request wanted;
  auto& missing = *wanted.mutable_products();
  auto read = read_cluster([&](const table_view& view) {
    for (auto& text : ids)
      if (auto id = parse_task_id(text)) {
        auto number = id.value().product;
        if (auto row = get_product(view, number); row && !known.count(number))
          known.emplace(number, std::move(*row));
        if (!find_shard(known, id.value()))
          missing.add_numbers(number);
      }
  });
  if (!read) {
    auto reply = not_leader(cluster_group);
    return f(reply);
  }
  if (missing.numbers_size() == 0 || x.stale())
    return ask_parts(std::move(x), known, f);
  // This manager's tables may be a little behind.
  ask(cluster_group, std::move(wanted),
      [this, x, known, f](proto::Reply& reply) mutable {
        if (reply.has_error())
          return f(reply);
        learn(known, reply.products());
        ask_parts(std::move(x), known, f);
      });
}

void directory_state::ask_parts(proto::Request x, const product_map& known,
                                const reply_handler& f) {
  auto whole = std::make_shared<proto::Reply>();
  auto find = [&](const task_id& id) { return find_shard(known, id); };
  auto parts = scatter(x, find, *whole);
  if (parts.empty())
    return f(*whole);
  auto open = std::make_shared<size_t>(parts.size());
  for (auto& part : parts) {
    auto own = std::make_shared<shard_request>(std::move(part));
    auto request = std::move(own->request);
    ask(shard_group(own->shard), std::move(request),
        [whole, open, own, f](proto::Reply& reply) {
          gather(*own, std::move(reply), *whole);
          if (--*open == 0)
            f(*whole);
        });
  }
}

// -- what all shards know -----------------------------------------------------

std::vector<uint32_t> directory_state::all_shards() const {
  std::vector<uint32_t> result(shard_count());
  for (uint32_t i = 0; i < result.size(); ++i)
    result[i] = i;
  return result;
}

void directory_state::ask_all(
  const std::vector<uint32_t>& shards, const proto::Request& x,
  const std::function<proto::Reply(std::vector<proto::Reply>)>& f,
  const reply_handler& then) {
  if (shards.empty()) {
    auto reply = not_leader(shard_group(0));
    return then(reply);
  }
  auto all = std::make_shared<gathering>();
  all->answers.resize(shards.size());
  all->open = shards.size();
  for (size_t i = 0; i < shards.size(); ++i)
    ask(shard_group(shards[i]), x, [all, i, f, then](proto::Reply& reply) {
      all->answers[i] = std::move(reply);
      if (--all->open > 0)
        return;
      auto merged = f(std::move(all->answers));
      then(merged);
    });
}

void directory_state::route_list(proto::Request& x, const reply_handler& f) {
  auto limit = page_limit(x.list());
  x.mutable_list()->set_limit(limit);
  auto merge = [limit](std::vector<proto::Reply> answers) {
    return merge_lists(std::move(answers), limit);
  };
  if (x.list().product().empty())
    return ask_all(all_shards(), x, merge, f);
  auto list = [this, x, merge, f](proto::Reply& reply) {
    if (reply.has_error())
      return f(reply);
    product_map known;
    learn(known, reply.products());
    if (!known.empty())
      return ask_all(shards_of(known.begin()->second), x, merge, f);
    proto::Reply nothing;
    nothing.mutable_list();
    f(nothing);
  };
  proto::Request wanted;
  wanted.mutable_products()->add_names(x.list().product());
  if (!x.stale())
    return ask(cluster_group, std::move(wanted), list);
  auto reply = products(wanted.products());
  list(reply);
}

void directory_state::release(proto::Request& x, const reply_handler& f) {
  ask(cluster_group, x, [this, x, f](proto::Reply& listed) {
    // One that has only just come is not in the list, but may run tasks.
    auto code = static_cast<ec>(listed.error().code());
    if (listed.has_error() && code != ec::not_found)
      return f(listed);
    ask_all(all_shards(), x, merge_releases, [listed, f](proto::Reply& reply) {
      if (listed.has_error() && !reply.has_error()
          && !reply.release().quarantined())
        reply = listed;
      else if (!reply.has_error())
        reply.mutable_release()->set_drained(listed.release().drained());
      f(reply);
    });
  });
}

} // namespace coppice
