// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/dispatcher.hpp"

#include "tests/runtime/task/memory_queue.hpp"

#include <caf/test/unit_test.hpp>

#include <map>
#include <string>
#include <vector>

using namespace coppice;

namespace {

using strings = std::vector<std::string>;

struct fixture {
  fixture() {
    aut.define_class(1, "exec", {});
  }

  /// Queues *n* tasks of *product* and tells the dispatcher.
  void add(uint32_t product, uint32_t task_class, size_t n, int priority = 0) {
    for (size_t i = 0; i < n; ++i) {
      queue_position at{priority, 1, ++sequence};
      queue.waiting[{product, task_class}].insert(at);
      aut.mark_ready(product, task_class, at);
    }
  }

  /// Ends *x* as granted: it leaves the queue.
  void grant(const dispatcher::pick& x) {
    auto& waiting = queue.waiting[{x.id.product, x.task_class}];
    std::erase_if(waiting,
                  [&](auto& at) { return at.sequence == x.id.sequence; });
    aut.settled(x.id, true);
  }

  dispatcher aut;
  test::memory_queue queue;
  uint64_t sequence = 0;
  worker_key n1{"n1", 1};
  worker_key n2{"n2", 1};
  worker_key n3{"n3", 1};
  strings exec{"exec"};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(dispatcher_tests, fixture)

CAF_TEST(the queue orders by priority and then by age) {
  using position = queue_position;
  CAF_CHECK((position{5, 9, 9} < position{4, 1, 1}));
  CAF_CHECK((position{5, 1, 9} < position{5, 2, 1}));
  CAF_CHECK((position{5, 2, 1} < position{5, 2, 2}));
  CAF_CHECK((position{-1, 1, 1} > position{0, 7, 7}));
}

CAF_TEST(a pick takes the slot and is made once) {
  add(1, 1, 2);
  aut.offer(n1, exec, {}, 3);
  auto xs = aut.pick_all(queue, 10);
  CAF_REQUIRE_EQUAL(xs.size(), 2u);
  CAF_CHECK(xs[0] == (dispatcher::pick{{1, 1, 1}, 1, n1}));
  CAF_CHECK_EQUAL(aut.free_slots(), 1u);
  CAF_CHECK_EQUAL(aut.in_flight(), 2u);
  CAF_CHECK(aut.pick_all(queue, 10).empty());
}

CAF_TEST(a refused pick gives the slot back and is made again) {
  add(1, 1, 1);
  aut.offer(n1, exec, {}, 1);
  auto xs = aut.pick_all(queue, 10);
  CAF_REQUIRE_EQUAL(xs.size(), 1u);
  aut.settled(xs[0].id, false);
  CAF_CHECK_EQUAL(aut.free_slots(), 1u);
  CAF_CHECK(aut.pick_all(queue, 10) == xs);
}

CAF_TEST(an offer does not give away again what is in flight) {
  add(1, 1, 5);
  aut.offer(n1, exec, {}, 2);
  auto xs = aut.pick_all(queue, 10);
  CAF_REQUIRE_EQUAL(xs.size(), 2u);
  aut.offer(n1, exec, {}, 2);
  CAF_CHECK(aut.pick_all(queue, 10).empty());
  grant(xs[0]);
  grant(xs[1]);
  CAF_CHECK(aut.pick_all(queue, 10).empty());
  aut.offer(n1, exec, {}, 2);
  CAF_CHECK_EQUAL(aut.pick_all(queue, 10).size(), 2u);
}

CAF_TEST(a worker that left and came back is not overloaded) {
  add(1, 1, 3);
  aut.offer(n1, exec, {}, 2);
  auto xs = aut.pick_all(queue, 10);
  aut.withdraw(n1);
  CAF_CHECK_EQUAL(aut.free_slots(), 0u);
  aut.offer(n1, exec, {}, 2);
  CAF_CHECK(aut.pick_all(queue, 10).empty());
  for (auto& x : xs)
    aut.settled(x.id, false);
  CAF_CHECK_EQUAL(aut.free_slots(), 2u);
}

CAF_TEST(an urgent task behind the cursor is next) {
  add(1, 1, 3);
  aut.offer(n1, exec, {}, 1);
  auto first = aut.pick_all(queue, 10);
  add(1, 1, 1, 7);
  aut.offer(n2, exec, {}, 1);
  auto second = aut.pick_all(queue, 10);
  CAF_CHECK_EQUAL(first.at(0).id.sequence, 1u);
  CAF_CHECK_EQUAL(second.at(0).id.sequence, 4u);
}

CAF_TEST(products take turns) {
  add(1, 1, 50);
  add(2, 1, 50);
  add(3, 1, 10);
  std::map<uint32_t, int> counts;
  uint64_t incarnation = 0;
  for (auto round = 0; round < 10; ++round) {
    // In two calls: turns go on where they stopped.
    for (uint32_t n : {2, 1}) {
      aut.offer({"n", ++incarnation}, exec, {}, n);
      for (auto& x : aut.pick_all(queue, 100))
        ++counts[x.id.product];
    }
    for (auto& [product, n] : counts)
      CAF_CHECK_EQUAL(n, round + 1);
  }
}

CAF_TEST(classes take turns at a worker that both can use) {
  aut.define_class(2, "sleep", {});
  add(1, 1, 20);
  add(1, 2, 20);
  aut.offer(n1, {"exec", "sleep"}, {}, 10);
  std::map<uint32_t, int> counts;
  for (auto& x : aut.pick_all(queue, 10))
    ++counts[x.task_class];
  CAF_CHECK_EQUAL(counts[1], 5);
  CAF_CHECK_EQUAL(counts[2], 5);
}

CAF_TEST(work is spread over the workers) {
  add(1, 1, 7);
  aut.offer(n1, exec, {}, 4);
  aut.offer(n2, exec, {}, 4);
  aut.offer(n3, exec, {"zone=a"}, 4);
  std::map<std::string, int> counts;
  for (auto& x : aut.pick_all(queue, 6))
    ++counts[x.worker.node];
  CAF_CHECK_EQUAL(counts["n1"], 2);
  CAF_CHECK_EQUAL(counts["n2"], 2);
  CAF_CHECK_EQUAL(counts["n3"], 2);
}

CAF_TEST(a claim takes a slot unless tasks wait for it) {
  CAF_CHECK(!aut.claim(1));
  CAF_CHECK(!aut.claim(99));
  aut.offer(n1, exec, {}, 1);
  CAF_CHECK(aut.claim(1) == n1);
  CAF_CHECK(!aut.claim(1));
  aut.claim_settled(1, n1, false);
  CAF_CHECK_EQUAL(aut.free_slots(), 1u);
  add(2, 1, 1);
  CAF_CHECK(!aut.claim(1));
}

CAF_TEST(a claim does not wait for tasks that run elsewhere) {
  aut.define_class(2, "exec", {"gpu=yes"});
  add(1, 2, 1);
  aut.offer(n1, exec, {}, 1);
  CAF_CHECK(aut.claim(1) == n1);
  aut.claim_settled(1, n1, true);
  CAF_CHECK_EQUAL(aut.free_slots(), 0u);
  aut.offer(n2, exec, {"gpu=yes"}, 1);
  CAF_CHECK(!aut.claim(1));
}

CAF_TEST(a heavy task takes as many slots as it weighs) {
  aut.define_class(2, "exec", {}, 3);
  add(1, 2, 2);
  aut.offer(n1, exec, {}, 4);
  auto xs = aut.pick_all(queue, 10);
  CAF_REQUIRE_EQUAL(xs.size(), 1u);
  CAF_CHECK_EQUAL(aut.free_slots(), 1u);
  aut.settled(xs[0].id, false);
  CAF_CHECK_EQUAL(aut.free_slots(), 4u);
  grant(aut.pick_all(queue, 10).at(0));
  CAF_CHECK_EQUAL(aut.free_slots(), 1u);
}

CAF_TEST(a heavy task is not passed by for ever) {
  aut.define_class(2, "exec", {}, 4);
  add(1, 1, 1'000);
  slot_offer slots{4};
  aut.offer(n1, exec, {}, slots);
  for (auto& x : aut.pick_all(queue, 10))
    grant(x);
  add(2, 2, 1);
  // Always one slot more is free; a light task would take it at once.
  size_t light = 0;
  auto heavy = false;
  for (uint32_t free = 1; !heavy && free <= 4; ++free) {
    slots.idle = slots.free = free;
    aut.offer(n1, exec, {}, slots);
    for (auto& x : aut.pick_all(queue, 10)) {
      grant(x);
      heavy = x.task_class == 2;
      light += heavy ? 0 : 1;
      free = 0;
    }
    CAF_REQUIRE(light <= 1); // Its turn may have come first.
  }
  CAF_CHECK(heavy);
}

CAF_TEST(nobody is saved for a heavy task that waits no more) {
  aut.define_class(2, "exec", {}, 4);
  slot_offer slots{4};
  slots.idle = slots.free = 2;
  aut.offer(n1, exec, {}, slots);
  add(2, 2, 1);
  CAF_CHECK(aut.pick_all(queue, 10).empty());
  queue.waiting[{2, 2}].clear();
  add(1, 1, 2);
  CAF_CHECK_EQUAL(aut.pick_all(queue, 10).size(), 2u);
}

CAF_TEST(a heavy task takes slots beyond the share of its shard) {
  aut.define_class(2, "exec", {}, 3);
  add(1, 2, 1);
  slot_offer slots{4};
  slots.free = 2;
  aut.offer(n1, exec, {}, slots);
  CAF_CHECK_EQUAL(aut.pick_all(queue, 10).size(), 1u);
  CAF_CHECK_EQUAL(aut.free_slots(), 0u);
}

CAF_TEST(it knows who could run a class) {
  aut.define_class(2, "exec", {"gpu=yes"}, 3);
  strings kinds{"sleep", "exec"};
  CAF_CHECK(aut.could_run(2, kinds, {"gpu=yes"}, 3));
  CAF_CHECK(!aut.could_run(2, kinds, {"gpu=yes"}, 2));
  CAF_CHECK(!aut.could_run(2, kinds, {}, 3));
  CAF_CHECK(!aut.could_run(2, {"sleep"}, {"gpu=yes"}, 3));
  CAF_CHECK(!aut.could_run(99, kinds, {"gpu=yes"}, 3));
}

CAF_TEST(it says why a heavy class waits) {
  using cause = why_waiting::cause;
  aut.define_class(2, "exec", {}, 3);
  aut.offer(n1, exec, {}, 2);
  CAF_CHECK(aut.explain(2).why == cause::too_heavy);
  CAF_CHECK_EQUAL(to_string(aut.explain(2)),
                  "it takes 3 slots, and no connected worker that could run it "
                  "has more than 2");
  slot_offer slots{4};
  slots.idle = slots.free = 2;
  aut.offer(n1, exec, {}, slots);
  CAF_CHECK(aut.explain(2).why == cause::not_together);
  aut.offer(n1, exec, {}, 4);
  CAF_CHECK(aut.explain(2).why == cause::free_slots);
}

CAF_TEST(a pick costs one read whatever waits) {
  for (uint32_t product = 1; product <= 5'000; ++product)
    add(product, 1, product == 1 ? 20'000 : 1);
  aut.offer(n1, exec, {}, 100'000);
  auto picks = aut.pick_all(queue, 5'000);
  CAF_CHECK_EQUAL(picks.size(), 5'000u);
  CAF_CHECK_EQUAL(queue.reads, 5'000u);
  // All but the first product turn out to be empty, once.
  for (auto& x : picks)
    grant(x);
  queue.reads = 0;
  CAF_CHECK_EQUAL(aut.pick_all(queue, 1'000).size(), 1'000u);
  CAF_CHECK_EQUAL(queue.reads, 5'999u);
  CAF_CHECK_EQUAL(aut.ready_pairs(), 1u);
  queue.reads = 0;
  CAF_CHECK_EQUAL(aut.pick_all(queue, 1'000).size(), 1'000u);
  CAF_CHECK_EQUAL(queue.reads, 1'000u);
}

CAF_TEST(nothing is read for classes that nobody can run) {
  aut.define_class(2, "exec", {"gpu=yes"});
  add(1, 2, 100);
  aut.offer(n1, exec, {}, 10);
  CAF_CHECK(aut.pick_all(queue, 10).empty());
  CAF_CHECK_EQUAL(queue.reads, 0u);
}

CAF_TEST(a rule that cannot be read is met by nobody) {
  aut.define_class(2, "exec", {"gpu"});
  add(1, 2, 1);
  aut.offer(n1, exec, {"gpu=yes"}, 10);
  CAF_CHECK(aut.pick_all(queue, 10).empty());
  CAF_CHECK(aut.explain(2).why == why_waiting::cause::no_such_labels);
}

CAF_TEST(unknown classes and ids are ignored) {
  aut.mark_ready(1, 99);
  aut.settled({1, 1, 1}, true);
  aut.withdraw(n1);
  aut.claim_settled(1, n1, true);
  CAF_CHECK(!aut.known_class(99));
  CAF_CHECK_EQUAL(aut.ready_pairs(), 0u);
}

CAF_TEST(it says why a class waits) {
  using cause = why_waiting::cause;
  aut.define_class(2, "resize", {"gpu=yes", "zone!=a"});
  auto said = [this](cause why, const std::string& text) {
    auto x = aut.explain(2);
    CAF_CHECK(x.why == why);
    CAF_CHECK_EQUAL(to_string(x), text);
  };
  CAF_CHECK(aut.explain(99).why == cause::unknown_class);
  said(cause::no_worker, "no connected worker takes tasks");
  aut.offer(n1, exec, {}, 1);
  said(cause::no_such_kind,
       "the only connected worker does not run the kind 'resize'");
  aut.offer(n2, {"resize"}, {"zone=b"}, 1);
  said(cause::no_such_labels, "no connected worker that runs the kind 'resize' "
                              "has the labels it asks for: gpu=yes");
  aut.offer(n3, {"resize"}, {"gpu=yes", "zone=a"}, 1);
  said(cause::no_such_labels, "no connected worker that runs the kind 'resize' "
                              "has the labels it asks for: gpu=yes, zone!=a");
  aut.offer(n3, {"resize"}, {"gpu=yes"}, 0);
  said(cause::all_busy, "the only worker that can run it is busy");
  aut.offer(n3, {"resize"}, {"gpu=yes"}, 2);
  said(cause::free_slots, "1 matching worker with 2 free slots: it starts as "
                          "soon as those before it have");
}

CAF_TEST(tasks ahead are counted up to a limit) {
  add(1, 1, 5);
  add(1, 1, 2, 3);
  CAF_CHECK_EQUAL(count_ahead(queue, 1, 1, {0, 1, 4}, 100), 5u);
  CAF_CHECK_EQUAL(count_ahead(queue, 1, 1, {0, 1, 4}, 3), 3u);
  CAF_CHECK_EQUAL(count_ahead(queue, 1, 1, {3, 1, 6}, 100), 0u);
  CAF_CHECK_EQUAL(count_ahead(queue, 2, 1, {0, 1, 4}, 100), 0u);
}

CAF_TEST_FIXTURE_SCOPE_END()
