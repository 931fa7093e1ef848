// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/scatter.hpp"

#include "runtime/error.hpp"

#include <caf/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>

using namespace coppice;

namespace {

/// Even epochs are in shard 0, odd ones in shard 1; product 9 is unknown.
std::optional<uint32_t> find(const task_id& x) {
  if (x.product == 9)
    return std::nullopt;
  return x.epoch % 2;
}

uint32_t code(ec x) {
  return static_cast<uint32_t>(x);
}

proto::Reply refused(ec why) {
  proto::Reply x;
  x.mutable_error()->set_code(code(why));
  return x;
}

proto::Reply page(std::initializer_list<const char*> ids,
                  const std::string& next = "") {
  proto::Reply x;
  x.mutable_list()->set_next(next);
  for (auto id : ids)
    x.mutable_list()->add_tasks()->set_id(id);
  return x;
}

std::vector<std::string> ids(const proto::Reply& x) {
  std::vector<std::string> result;
  for (auto& task : x.list().tasks())
    result.push_back(task.id());
  return result;
}

using texts = std::vector<std::string>;

} // namespace

CAF_TEST(tasks are asked for where they are and answered in their order) {
  proto::Request x;
  x.mutable_get()->set_full(true);
  for (auto id : {"1.1.1", "1.2.1", "9.1.1", "nonsense", "1.1.2"})
    x.mutable_get()->add_ids(id);
  proto::Reply out;
  auto parts = scatter(x, find, out);
  CAF_REQUIRE_EQUAL(parts.size(), 2u);
  CAF_CHECK_EQUAL(parts[0].shard, 0u);
  CAF_CHECK_EQUAL(parts[0].request.get().ids(0), "1.2.1");
  CAF_CHECK(parts[0].request.get().full());
  CAF_CHECK_EQUAL(parts[1].request.get().ids_size(), 2);
  CAF_CHECK(parts[1].places == std::vector<int>({0, 4}));
  for (auto& part : parts) {
    proto::Reply answer;
    for (auto& id : part.request.get().ids())
      answer.mutable_get()->add_items()->mutable_task()->set_id(id);
    gather(part, std::move(answer), out);
  }
  CAF_REQUIRE_EQUAL(out.get().items_size(), 5);
  CAF_CHECK_EQUAL(out.get().items(0).task().id(), "1.1.1");
  CAF_CHECK_EQUAL(out.get().items(1).task().id(), "1.2.1");
  CAF_CHECK_EQUAL(out.get().items(2).error().code(), code(ec::not_found));
  CAF_CHECK_EQUAL(out.get().items(3).error().code(),
                  code(ec::invalid_argument));
  CAF_CHECK_EQUAL(out.get().items(4).task().id(), "1.1.2");
}

CAF_TEST(a part that is refused refuses what can be asked again) {
  proto::Request x;
  x.mutable_cancel()->add_ids("1.1.1");
  x.mutable_cancel()->add_ids("1.2.1");
  proto::Reply out;
  auto parts = scatter(x, find, out);
  CAF_REQUIRE_EQUAL(parts.size(), 2u);
  gather(parts[0], refused(ec::not_leader), out);
  CAF_CHECK_EQUAL(out.error().code(), code(ec::not_leader));
}

CAF_TEST(a part of a retry that is refused leaves the others as they are) {
  proto::Request x;
  x.mutable_retry()->add_ids("1.1.1");
  x.mutable_retry()->add_ids("1.2.1");
  proto::Reply out;
  auto parts = scatter(x, find, out);
  CAF_REQUIRE_EQUAL(parts.size(), 2u);
  gather(parts[0], refused(ec::not_leader), out);
  proto::Reply answer;
  answer.mutable_retry()->add_items()->set_id("1.1.1");
  gather(parts[1], std::move(answer), out);
  CAF_CHECK(!out.has_error());
  CAF_CHECK(!out.retry().items(0).has_error());
  CAF_CHECK_EQUAL(out.retry().items(1).error().code(), code(ec::not_leader));
  CAF_CHECK_EQUAL(out.retry().items(1).id(), "1.2.1");
}

CAF_TEST(a request for one task goes as it is) {
  proto::Request x;
  x.mutable_log()->set_id("1.2.1");
  x.mutable_log()->set_offset(7);
  proto::Reply out;
  auto parts = scatter(x, find, out);
  CAF_REQUIRE_EQUAL(parts.size(), 1u);
  CAF_CHECK_EQUAL(parts[0].request.log().offset(), 7u);
  proto::Reply answer;
  answer.mutable_log()->set_data("text");
  gather(parts[0], std::move(answer), out);
  CAF_CHECK_EQUAL(out.log().data(), "text");
  proto::Reply unknown;
  x.mutable_log()->set_id("9.1.1");
  CAF_CHECK(scatter(x, find, unknown).empty());
  CAF_CHECK_EQUAL(unknown.error().code(), code(ec::not_found));
}

CAF_TEST(pages become one in the order of ids) {
  auto all = merge_lists({page({"1.1.1", "2.1.1"}), page({"1.2.1"})}, 10);
  CAF_CHECK(ids(all) == texts({"1.1.1", "1.2.1", "2.1.1"}));
  CAF_CHECK(all.list().next().empty());
  auto cut = merge_lists({page({"1.1.1", "2.1.1"}), page({"1.2.1"})}, 2);
  CAF_CHECK(ids(cut) == texts({"1.1.1", "1.2.1"}));
  CAF_CHECK_EQUAL(cut.list().next(), "1.2.1");
  // Behind 1.1.5 the first one may have more that comes before 2.1.1.
  auto part = merge_lists({page({"1.1.1"}, "1.1.5"), page({"2.1.1"})}, 10);
  CAF_CHECK(ids(part) == texts({"1.1.1"}));
  CAF_CHECK_EQUAL(part.list().next(), "1.1.5");
  auto no = merge_lists({page({"1.1.1"}), refused(ec::not_leader)}, 10);
  CAF_CHECK_EQUAL(no.error().code(), code(ec::not_leader));
}

CAF_TEST(page after page shows each task once) {
  std::mt19937 rng{1};
  for (auto round = 0; round < 200; ++round) {
    std::vector<std::set<task_id>> shards(1 + rng() % 3);
    std::set<task_id> all;
    for (auto n = rng() % 30; n > 0; --n) {
      task_id id{1 + static_cast<uint32_t>(rng() % 3), 1, 1 + rng() % 40};
      if (all.insert(id).second)
        shards[rng() % shards.size()].insert(id);
    }
    auto limit = 1 + static_cast<uint32_t>(rng() % 7);
    task_id after;
    std::vector<task_id> seen;
    for (auto more = true; more;) {
      std::vector<proto::Reply> pages;
      for (auto& shard : shards) {
        auto& x = pages.emplace_back();
        x.mutable_list();
        for (auto i = shard.upper_bound(after); i != shard.end(); ++i) {
          x.mutable_list()->add_tasks()->set_id(to_string(*i));
          if (static_cast<uint32_t>(x.list().tasks_size()) < limit)
            continue;
          x.mutable_list()->set_next(to_string(*i));
          break;
        }
      }
      auto merged = merge_lists(std::move(pages), limit);
      for (auto& id : ids(merged))
        seen.push_back(parse_task_id(id).value());
      more = !merged.list().next().empty();
      if (more)
        after = parse_task_id(merged.list().next()).value();
    }
    CAF_CHECK(seen == std::vector<task_id>(all.begin(), all.end()));
  }
}

CAF_TEST(a node is what all shards know of it) {
  std::vector<proto::Reply> answers(2);
  for (auto i = 0; i < 2; ++i) {
    auto& x = *answers[static_cast<size_t>(i)].mutable_nodes()->add_nodes();
    x.set_name("n1");
    x.set_incarnation(10 + static_cast<uint64_t>(i));
    x.set_leased(2);
    x.set_fenced(1);
    x.set_connected(i == 0);
    x.set_heard_ms(100 - i);
    x.set_pid(static_cast<uint64_t>(i));
    x.set_quarantined(i == 0);
    x.add_notes("note " + std::to_string(i));
  }
  answers[1].mutable_nodes()->add_nodes()->set_name("n2");
  auto merged = merge_nodes(std::move(answers));
  CAF_REQUIRE_EQUAL(merged.nodes().nodes_size(), 2);
  auto& x = merged.nodes().nodes(0);
  CAF_CHECK_EQUAL(x.leased(), 4u);
  CAF_CHECK_EQUAL(x.fenced(), 2u);
  CAF_CHECK(x.connected());
  CAF_CHECK_EQUAL(x.heard_ms(), 100);
  CAF_CHECK_EQUAL(x.incarnation(), 11u);
  CAF_CHECK_EQUAL(x.pid(), 1u);
  CAF_CHECK(x.quarantined());
  CAF_REQUIRE_EQUAL(x.notes_size(), 2);
  CAF_CHECK_EQUAL(x.notes(0), "note 0");
  CAF_CHECK(!merged.nodes().nodes(1).quarantined());
}

CAF_TEST(a node is released if any shard had it quarantined) {
  std::vector<proto::Reply> answers(3);
  for (auto& x : answers)
    x.mutable_release();
  auto merged = merge_releases(answers);
  CAF_CHECK(merged.has_release());
  CAF_CHECK(!merged.release().quarantined());
  answers[1].mutable_release()->set_quarantined(true);
  merged = merge_releases(answers);
  CAF_CHECK(merged.release().quarantined());
  answers[0].mutable_error()->set_message("nobody leads");
  CAF_CHECK(merge_releases(answers).has_error());
}

CAF_TEST(what is put together is as old as its oldest part) {
  auto aged = [](std::initializer_list<int64_t> ages) {
    std::vector<proto::Reply> answers;
    for (auto age : ages) {
      auto& x = answers.emplace_back();
      x.mutable_list();
      x.set_age_ms(age);
    }
    return merge_lists(std::move(answers), 10);
  };
  CAF_CHECK_EQUAL(aged({5, 70, 0}).age_ms(), 70);
  CAF_CHECK_EQUAL(aged({0, 0}).age_ms(), 0);
  CAF_CHECK_EQUAL(aged({5, -1, 70}).age_ms(), -1);
  std::vector<proto::Reply> ageless(2);
  CAF_CHECK(!merge_lists(std::move(ageless), 10).has_age_ms());
  proto::Request request;
  request.set_stale(true);
  request.mutable_get()->add_ids("1.1.1");
  proto::Reply whole;
  auto parts = scatter(
    request, [](const task_id&) { return std::optional{0u}; }, whole);
  CAF_REQUIRE_EQUAL(parts.size(), 1u);
  CAF_CHECK(parts[0].request.stale());
  proto::Reply answer;
  answer.mutable_get()->add_items();
  answer.set_age_ms(7);
  gather(parts[0], std::move(answer), whole);
  CAF_CHECK_EQUAL(whole.age_ms(), 7);
}
