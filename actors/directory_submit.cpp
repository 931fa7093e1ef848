// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the DIRECTORY that takes a submit to the shards of its products.

#include "actors/directory.hpp"
#include "actors/replies.hpp"
#include "runtime/group_name.hpp"
#include "runtime/task/spec_check.hpp"
#include "storage/task_tables.hpp"

#include <set>
#include <utility>

namespace coppice {

namespace {

/// A submit that was passed on so often gives up: somebody binds its products
/// faster than it can follow.
constexpr int max_visits = 100;

proto::ProductRow to_row(const proto::Product& x) {
  proto::ProductRow row;
  row.set_name(x.name());
  row.set_number(x.number());
  *row.mutable_shards() = x.shards();
  return row;
}

} // namespace

struct directory_state::submission {
  /// A product, and the places of its specs that no shard has taken.
  struct product {
    std::optional<submit_trip> way;
    std::vector<int> open;
    /// Its newest binding has to be asked for.
    bool stale = true;
  };

  /// What is asked of one shard.
  struct part {
    proto::Request request;
    std::vector<int> places;
    /// By product, to take note of what the shard says.
    std::map<std::string, shard_visit> visits;
  };

  proto::SubmitRequest request;
  proto::Reply reply;
  reply_handler then;
  /// By name.
  std::map<std::string, product> products;
  /// Answers that are waited for.
  size_t open = 0;
  int rounds = 0;

  proto::SubmitReply::Item& item(int place) {
    return *reply.mutable_submit()->mutable_items(place);
  }

  /// Refuses all specs of a product that no shard has taken.
  void refuse(product& x, const proto::Error& why) {
    for (auto place : std::exchange(x.open, {}))
      *item(place).mutable_error() = why;
  }

  void add_specs(part& to, const std::string& name, const product& x,
                 const shard_visit& next) const {
    auto& out = *to.request.mutable_submit();
    auto& route = *out.add_products();
    route.set_name(name);
    route.set_number(x.way->product().number());
    route.set_epoch(next.epoch);
    route.set_newest_epoch(x.way->newest_epoch());
    to.visits.emplace(name, next);
    for (auto place : x.open) {
      out.add_specs(request.specs(place));
      to.places.push_back(place);
    }
  }

  /// Takes note of what a shard said.
  void settle(const part& asked, proto::Reply& said) {
    if (said.has_error()) {
      for (auto& [name, visit] : asked.visits)
        refuse(products[name], said.error());
      return;
    }
    auto n = said.submit().items_size();
    if (static_cast<size_t>(n) != asked.places.size()) {
      set_error(*said.mutable_error(),
                {ec::protocol_violation,
                 "a shard answered " + std::to_string(n) + " of "
                   + std::to_string(asked.places.size()) + " tasks"});
      return settle(asked, said);
    }
    std::set<int> moved;
    for (auto i = 0; i < n; ++i) {
      auto place = asked.places[static_cast<size_t>(i)];
      if (said.submit().items(i).moved())
        moved.insert(place);
      else
        item(place).Swap(said.mutable_submit()->mutable_items(i));
    }
    for (auto& [name, visit] : asked.visits) {
      auto& x = products[name];
      std::erase_if(x.open, [&](int place) { return !moved.contains(place); });
      x.way->moved(visit);
    }
  }
};

void directory_state::submit(proto::SubmitRequest& x, const reply_handler& f) {
  auto all = std::make_shared<submission>();
  all->then = f;
  all->request = std::move(x);
  all->reply.mutable_submit();
  for (auto place = 0; place < all->request.specs_size(); ++place) {
    all->reply.mutable_submit()->add_items();
    auto product = peek_product(all->request.specs(place));
    if (!product)
      set_error(*all->item(place).mutable_error(), product.error());
    else
      all->products[std::move(product.value())].open.push_back(place);
  }
  auto read = read_cluster([&](const table_view& view) {
    for (auto& [product, entry] : all->products) {
      auto number = find_product(view, product);
      auto row = number ? get_product(view, *number) : std::nullopt;
      entry.stale = !row.has_value();
      if (row)
        entry.way.emplace(std::move(*row));
    }
  });
  if (read)
    return find_products(all);
  auto reply = not_leader(cluster_group);
  f(reply);
}

void directory_state::find_products(const submission_ptr& x) {
  // Counted up before the first answer can come: that may be at once.
  x->open = 1;
  auto settled = [this, x] {
    if (--x->open == 0)
      visit(x);
  };
  for (auto& [product, entry] : x->products) {
    if (!entry.stale || entry.open.empty())
      continue;
    ++x->open;
    proto::Request wanted;
    wanted.mutable_bind()->set_product(product);
    wanted.mutable_bind()->set_keep(true);
    ask(cluster_group, std::move(wanted),
        [x, &known = entry, settled](proto::Reply& reply) {
          known.stale = false;
          if (reply.has_error())
            x->refuse(known, reply.error());
          else if (known.way)
            known.way->learn(to_row(reply.bind().product()));
          else
            known.way.emplace(to_row(reply.bind().product()));
          settled();
        });
  }
  settled();
}

void directory_state::visit(const submission_ptr& x) {
  std::map<uint32_t, submission::part> parts;
  auto stale = false;
  for (auto& [product, entry] : x->products) {
    if (entry.open.empty())
      continue;
    if (auto next = entry.way->next(); next && x->rounds < max_visits) {
      x->add_specs(parts[next->shard], product, entry, *next);
    } else if (x->rounds < max_visits) {
      entry.stale = stale = true;
    } else {
      proto::Error why;
      set_error(why, {ec::overloaded, "product '" + product
                                        + "' moves from shard to shard; try "
                                          "again when it has come to rest"});
      x->refuse(entry, why);
    }
  }
  ++x->rounds;
  if (parts.empty() && stale)
    return find_products(x);
  if (parts.empty())
    return x->then(x->reply);
  x->open = parts.size();
  for (auto& [shard, part] : parts) {
    auto asked = std::make_shared<submission::part>(std::move(part));
    auto request = std::move(asked->request);
    ask(shard_group(shard), std::move(request),
        [this, x, asked](proto::Reply& reply) {
          x->settle(*asked, reply);
          if (--x->open == 0)
            visit(x);
        });
  }
}

} // namespace coppice
