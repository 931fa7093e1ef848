// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/product_route.hpp"
#include "tests/storage/machine.hpp"
#include "tests/support/seeds.hpp"

#include <caf/test/unit_test.hpp>

#include <deque>
#include <map>
#include <memory>
#include <random>

using namespace coppice;
using namespace coppice::test;

namespace {

proto::ShardOutcome make_shard(machine& m, uint32_t number) {
  proto::Command x;
  x.mutable_shard()->set_number(number);
  x.mutable_shard()->add_founders(7);
  return m.run(x).shard();
}

proto::ProductOutcome ask(machine& m, const std::string& name, uint32_t shard,
                          bool rebind = false) {
  proto::Command x;
  x.mutable_product()->set_name(name);
  x.mutable_product()->set_shard(shard);
  x.mutable_product()->set_rebind(rebind);
  return m.run(x).product();
}

std::vector<uint32_t> shards(const proto::ProductOutcome& x) {
  return {x.product().shards().begin(), x.product().shards().end()};
}

/// A router with a view of the product that may be out of date.
struct router {
  proto::ProductRow view;
};

/// A submit of one key on its way from shard to shard.
struct trip {
  std::string key;
  submit_trip way;
};

/// Many clients that submit the same few keys by way of routers with old views,
/// while the product is bound to one shard after the other.
class traffic {
public:
  explicit traffic(uint32_t seed) : rng_(seed) {
    for (uint32_t i = 0; i < shard_count; ++i) {
      make_shard(cluster_, i);
      shards_.push_back(std::make_unique<machine>());
    }
    for (auto& x : routers_)
      x.view = ask(cluster_, "p", 0).product();
  }

  void step() {
    switch (below(8)) {
      case 0:
        ask(cluster_, "p", below(shard_count), true);
        break;
      case 1:
        routers_[below(3)].view = ask(cluster_, "p", 0).product();
        break;
      case 2:
      case 3:
        trips_.push_back({"k" + std::to_string(below(12)),
                          submit_trip{routers_[below(3)].view}});
        break;
      default:
        if (!trips_.empty())
          move(below(static_cast<uint32_t>(trips_.size())));
    }
  }

  /// How many keys were accepted.
  size_t accepted() const {
    return owners_.size();
  }

private:
  static constexpr uint32_t shard_count = 3;

  uint32_t below(uint32_t n) {
    return std::uniform_int_distribution<uint32_t>{0, n - 1}(rng_);
  }

  /// Takes one trip to its next shard.
  void move(uint32_t which) {
    auto x = trips_[which];
    trips_.erase(trips_.begin() + which);
    auto next = x.way.next();
    if (!next) {
      x.way.learn(ask(cluster_, "p", 0).product());
      trips_.push_back(std::move(x));
      return;
    }
    auto item = machine::item(x.key);
    item.set_epoch(next->epoch);
    item.set_newest_epoch(x.way.newest_epoch());
    auto out = shards_[next->shard]->submit(item);
    if (!out.moved())
      return settle(x.key, out);
    x.way.moved(*next);
    trips_.push_back(std::move(x));
  }

  void settle(const std::string& key, const proto::SubmitOutcome::Item& out) {
    demand(!out.has_error(), out.error().message());
    auto id = machine::key(out.id());
    auto [known, added] = owners_.try_emplace(key, id);
    demand(known->second == id, "key " + key + " was accepted twice");
    demand(added != out.duplicate(), "key " + key + " is not what is said");
    demand(shard_of(ask(cluster_, "p", 0).product(), id.epoch).has_value(),
           "the id of a task names no binding");
  }

  std::mt19937 rng_;
  machine cluster_;
  std::vector<std::unique_ptr<machine>> shards_;
  router routers_[3];
  std::deque<trip> trips_;
  std::map<std::string, task_id> owners_;
};

} // namespace

CAF_TEST(shards are made one after the other) {
  machine m;
  CAF_CHECK(make_shard(m, 1).has_error());
  CAF_CHECK(!make_shard(m, 0).has_error());
  CAF_CHECK(!make_shard(m, 0).has_error());
  CAF_CHECK(!make_shard(m, 1).has_error());
  auto known = m.read([](const table_view& view) { return get_shards(view); });
  CAF_REQUIRE_EQUAL(known.size(), 2u);
  CAF_CHECK_EQUAL(known[1].number(), 1u);
  CAF_CHECK_EQUAL(known[1].founders(0), 7u);
}

CAF_TEST(a product is bound once and again only on request) {
  machine m;
  CAF_CHECK(ask(m, "p", 0).has_error());
  make_shard(m, 0);
  make_shard(m, 1);
  CAF_CHECK(ask(m, "p", 2).has_error());
  CAF_CHECK(ask(m, "", 0).has_error());
  auto first = ask(m, "p", 1);
  CAF_CHECK_EQUAL(first.product().number(), 1u);
  CAF_CHECK(shards(first) == std::vector<uint32_t>{1});
  CAF_CHECK(shards(ask(m, "p", 0)) == std::vector<uint32_t>{1});
  CAF_CHECK(shards(ask(m, "p", 1, true)) == std::vector<uint32_t>{1});
  CAF_CHECK(shards(ask(m, "p", 0, true)) == std::vector<uint32_t>({1, 0}));
  auto other = ask(m, "q", 0, true);
  CAF_CHECK_EQUAL(other.product().number(), 2u);
  auto rows = m.read([](const table_view& view) { return get_products(view); });
  CAF_CHECK_EQUAL(rows.size(), 2u);
}

CAF_TEST(a sealed binding knows its keys and accepts nothing) {
  machine m;
  auto known = m.submit(machine::item("a"));
  auto item = machine::item("a");
  item.set_newest_epoch(2);
  auto again = m.submit(item);
  CAF_CHECK(again.duplicate() && !again.moved());
  CAF_CHECK_EQUAL(again.id().sequence(), known.id().sequence());
  auto fresh = m.submit(machine::item("b"));
  CAF_CHECK(fresh.moved() && !fresh.has_id());
  // Also where nobody has heard of the newer binding.
  CAF_CHECK(m.submit(machine::item()).moved());
  item = machine::item("b");
  item.set_epoch(3);
  item.set_newest_epoch(3);
  auto back = m.submit(item);
  CAF_CHECK(!back.moved());
  CAF_CHECK_EQUAL(back.id().epoch(), 3u);
  CAF_CHECK_EQUAL(back.id().sequence(), 1u);
}

CAF_TEST(no key is accepted twice while its product moves) {
  for (auto seed : seeds(60)) {
    traffic x{seed};
    for (auto i = 0; i < 400; ++i)
      x.step();
    CAF_CHECK(x.accepted() > 0);
  }
}
