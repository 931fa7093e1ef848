// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Several shards are one cluster for its users, also while products move.

#include "tests/process/support/real_cluster.hpp"

#include <caf/test/unit_test.hpp>

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>

using namespace coppice;
using namespace coppice::test;

namespace {

struct fixture {
  /// Starts the node, or starts it anew with other settings.
  void begin(const std::string& shards = "3", const std::string& slots = "4") {
    if (node)
      node->stop();
    node.reset();
    node = std::make_unique<real_node>(
      folder.path(), "n1",
      std::map<std::string, std::string>{{"cluster.shards", shards},
                                         {"worker.slots", slots}});
    node->start();
    c = connect(*node);
  }

  static proto::TaskSpec task_of(const std::string& product,
                                 const std::string& key = "") {
    auto x = noop();
    x.set_product(product);
    x.set_idempotency_key(key);
    return x;
  }

  command_result run(std::vector<std::string> words) {
    words.insert(words.end(), {"--connect", node->address()});
    return run_coppice(words);
  }

  proto::Product product(const std::string& name) {
    proto::Request request;
    request.mutable_products()->add_names(name);
    auto reply = ask(*c, request);
    return reply.products().products_size() > 0 ? reply.products().products(0)
                                                : proto::Product{};
  }

  bool bind(client& to, const std::string& name, uint32_t shard) {
    proto::Request request;
    request.mutable_bind()->set_product(name);
    request.mutable_bind()->set_shard(shard);
    return !ask(to, request).has_error();
  }

  temp_folder folder;
  std::unique_ptr<real_node> node;
  std::unique_ptr<client> c;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(shards_tests, fixture)

CAF_TEST(products are spread over shards and are one list) {
  begin();
  std::set<std::string> ids;
  std::set<uint32_t> shards;
  for (auto i = 0; i < 12; ++i) {
    auto name = "product-" + std::to_string(i);
    for (auto& id : submit(*c, {task_of(name), task_of(name)}))
      CAF_CHECK(ids.insert(id).second);
    CAF_REQUIRE_EQUAL(product(name).shards_size(), 1);
    shards.insert(product(name).shards(0));
  }
  CAF_CHECK_EQUAL(shards.size(), 3u);
  for (auto& id : ids)
    CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  std::set<std::string> listed;
  proto::Request list;
  list.mutable_list()->set_limit(5);
  do {
    auto page = ask(*c, list);
    for (auto& x : page.list().tasks())
      CAF_CHECK(listed.insert(x.id()).second);
    list.mutable_list()->set_after(page.list().next());
  } while (!list.list().after().empty());
  CAF_CHECK(listed == ids);
  node->signal_node(SIGKILL);
  for (auto& id : ids)
    CAF_CHECK_EQUAL(get_task(*c, id).state(), proto::SUCCEEDED);
}

CAF_TEST(the commands show shards and products and move them) {
  begin();
  submit(*c, {task_of("bank")});
  auto before = product("bank").shards(0);
  auto to = std::to_string((before + 1) % 3);
  auto said = run({"product", "bind", "bank", "shard-" + to});
  CAF_CHECK_EQUAL(said.code, 0);
  CAF_CHECK_EQUAL(said.out, "new tasks of bank go to shard-" + to + "\n");
  said = run({"products"});
  CAF_CHECK(
    contains(said.out, "bank     " + to + "      " + std::to_string(before)));
  CAF_CHECK(eventually([&] {
    auto text = run({"shards"}).out;
    auto groups = {"cluster  n1", "shard-0  n1", "shard-1  n1", "shard-2  n1"};
    return std::all_of(groups.begin(), groups.end(),
                       [&](auto& x) { return contains(text, x); });
  }));
  auto id = submit(*c, {task_of("bank")}).front();
  CAF_CHECK_EQUAL(id, "1.2.1");
  CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  said = run({"product", "bind", "bank", "7"});
  CAF_CHECK_EQUAL(said.code, 4);
  CAF_CHECK(contains(said.err, "there is no shard 7; there are 3"));
  CAF_CHECK_EQUAL(run({"product", "bind", "bank", "seven"}).code, 2);
  CAF_CHECK_EQUAL(run({"product", "move", "bank", "1"}).code, 2);
  CAF_CHECK_EQUAL(run({"task", "99.1.1"}).code, 4);
}

CAF_TEST(a key names one task wherever its product has moved) {
  begin();
  constexpr auto keys = 400;
  std::atomic<bool> done = false;
  std::atomic<int> moves = 0;
  std::thread mover{[&] {
    auto own = connect(*node);
    for (uint32_t i = 0; !done; ++i)
      moves += bind(*own, "p", i % 3) ? 1 : 0;
  }};
  std::map<std::string, std::string> ids;
  std::vector<std::thread> clients;
  std::vector<std::map<std::string, std::string>> seen(3);
  for (auto& own : seen)
    clients.emplace_back([&] {
      auto to = connect(*node);
      for (auto i = 0; i < keys; i += 10) {
        std::vector<proto::TaskSpec> batch;
        for (auto j = i; j < i + 10; ++j)
          batch.push_back(task_of("p", "k" + std::to_string(j)));
        auto said = submit(*to, batch);
        for (auto j = 0; j < 10; ++j)
          own["k" + std::to_string(i + j)] = said[static_cast<size_t>(j)];
      }
    });
  for (auto& x : clients)
    x.join();
  done = true;
  mover.join();
  CAF_CHECK(moves > 3);
  CAF_CHECK(seen[0] == seen[1] && seen[1] == seen[2]);
  std::set<std::string> different;
  for (auto& [key, id] : seen[0])
    CAF_CHECK(different.insert(id).second);
  for (auto& id : different)
    CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  proto::Request list;
  list.mutable_list()->set_product("p");
  list.mutable_list()->set_limit(1'000);
  CAF_CHECK_EQUAL(ask(*c, list).list().tasks_size(), keys);
}

CAF_TEST(one slot serves all shards) {
  begin("3", "1");
  std::vector<std::string> ids;
  for (auto i = 0; i < 12; ++i) {
    auto x = command("exit 0");
    x.set_product("product-" + std::to_string(i));
    ids.push_back(submit(*c, {x}).front());
  }
  for (auto& id : ids) {
    auto x = await_end(*c, id);
    CAF_CHECK_EQUAL(x.state(), proto::SUCCEEDED);
    CAF_CHECK_EQUAL(x.tries(), 1u);
  }
}

CAF_TEST(more shards are made when a node starts again) {
  begin();
  auto id = submit(*c, {task_of("p")}).front();
  begin("5");
  CAF_CHECK(
    eventually([&] { return contains(run({"shards"}).out, "shard-4"); }));
  CAF_CHECK(eventually([&] { return bind(*c, "p", 4); }));
  auto other = submit(*c, {task_of("p")}).front();
  CAF_CHECK_EQUAL(await_end(*c, id).state(), proto::SUCCEEDED);
  CAF_CHECK_EQUAL(await_end(*c, other).state(), proto::SUCCEEDED);
}

CAF_TEST_FIXTURE_SCOPE_END()
