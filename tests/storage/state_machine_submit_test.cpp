// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/error.hpp"
#include "tests/storage/machine.hpp"

#include <caf/test/unit_test.hpp>

#include <string>

using namespace coppice;

namespace {

struct fixture : test::machine {};

uint32_t code(ec x) {
  return static_cast<uint32_t>(x);
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(state_machine_submit_tests, fixture)

CAF_TEST(an accepted task waits in its queue) {
  auto x = item();
  x.set_priority(3);
  auto out = submit(x);
  CAF_CHECK(!out.has_error());
  CAF_CHECK_EQUAL(to_string(key(out.id())), "1.1.1");
  CAF_CHECK_EQUAL(out.task_class(), 1u);
  CAF_CHECK(!out.leased());
  auto row = this->row(out.id());
  CAF_CHECK_EQUAL(row.state(), proto::WAITING);
  CAF_CHECK_EQUAL(row.reason(), proto::NEW);
  CAF_CHECK_EQUAL(row.attempt(), 0u);
  CAF_CHECK_EQUAL(row.priority(), 3);
  CAF_CHECK_EQUAL(row.submitted_ms(), now_ms);
  CAF_CHECK(queued(out.id()));
  read([&](const table_view& view) {
    CAF_CHECK(get_spec(view, key(out.id())) == x.spec());
    return 0;
  });
}

CAF_TEST(sequences count per product) {
  CAF_CHECK_EQUAL(to_string(key(submit().id())), "1.1.1");
  auto other = item();
  other.set_product("q");
  other.set_product_number(2);
  CAF_CHECK_EQUAL(to_string(key(submit(other).id())), "2.1.1");
  CAF_CHECK_EQUAL(to_string(key(submit().id())), "1.1.2");
  other.clear_product();
  other.set_product_number(3);
  auto id = submit(other).id();
  CAF_CHECK_EQUAL(to_string(key(id)), "3.1.1");
  read([&](const table_view& view) {
    auto row = get_product(view, 3).value_or(proto::ProductRow{});
    CAF_CHECK_EQUAL(row.name(), "default");
    return 0;
  });
}

CAF_TEST(a key that is repeated with the same spec names the same task) {
  auto first = submit(item("k"));
  CAF_CHECK(!first.duplicate());
  auto second = submit(item("k"));
  CAF_CHECK(second.duplicate());
  CAF_CHECK(!second.has_error());
  CAF_CHECK(key(second.id()) == key(first.id()));
  CAF_CHECK_EQUAL(to_string(key(submit(item()).id())), "1.1.2");
}

CAF_TEST(a key that is repeated with another spec is refused) {
  submit(item("k"));
  auto x = item("k");
  x.set_spec(x.spec() + x.spec());
  auto out = submit(x);
  CAF_CHECK_EQUAL(out.error().code(), code(ec::conflict));
  CAF_CHECK_EQUAL(out.error().message(),
                  "idempotency key 'k' of product 'p' was used for task 1.1.1 "
                  "with another spec");
  CAF_CHECK(!out.has_id());
}

CAF_TEST(a key belongs to its product) {
  submit(item("k"));
  auto x = item("k");
  x.set_product("q");
  x.set_product_number(2);
  CAF_CHECK(!submit(x).duplicate());
}

CAF_TEST(tasks without a key are never the same) {
  CAF_CHECK(key(submit().id()) != key(submit().id()));
}

CAF_TEST(a repeated key within one command is one task) {
  proto::Command x;
  *x.mutable_submit()->add_items() = item("k");
  *x.mutable_submit()->add_items() = item();
  *x.mutable_submit()->add_items() = item("k");
  auto out = run(x).submit();
  CAF_REQUIRE_EQUAL(out.items_size(), 3);
  CAF_CHECK(!out.items(0).duplicate());
  CAF_CHECK(out.items(2).duplicate());
  CAF_CHECK(key(out.items(0).id()) == key(out.items(2).id()));
  CAF_CHECK(key(out.items(0).id()) != key(out.items(1).id()));
}

CAF_TEST(items are accepted and refused each on its own) {
  proto::Command x;
  *x.mutable_submit()->add_items() = item("k");
  x.mutable_submit()->add_items()->set_kind(std::string(65, 'k'));
  auto other = item();
  other.set_product("q");
  other.set_product_number(2);
  other.add_labels("gpu=yes");
  *x.mutable_submit()->add_items() = other;
  auto out = run(x).submit();
  CAF_CHECK(!out.items(0).has_error());
  CAF_CHECK_EQUAL(out.items(1).error().code(), code(ec::invalid_argument));
  CAF_CHECK(!out.items(2).has_error());
  CAF_CHECK_EQUAL(out.items(0).task_class(), 1u);
  CAF_CHECK_EQUAL(out.items(2).task_class(), 2u);
}

CAF_TEST(a batch of mixed products and classes gets the right numbers) {
  proto::Command x;
  for (auto i = 0; i < 8; ++i) {
    auto one = item();
    one.set_product(i % 2 ? "p" : "q");
    one.set_product_number(i % 2 ? 1 : 2);
    one.set_kind(i % 4 < 2 ? "noop" : "exec");
    if (i >= 4)
      one.add_labels("gpu=yes");
    *x.mutable_submit()->add_items() = one;
  }
  auto out = run(x).submit();
  read([&](const table_view& view) {
    for (auto i = 0; i < 8; ++i) {
      auto& sent = x.submit().items(i);
      auto id = out.items(i).id();
      auto product = get_product(view, id.product());
      CAF_CHECK(product && product->name() == sent.product());
      auto row = get_class(view, out.items(i).task_class());
      CAF_CHECK_EQUAL(row->kind(), sent.kind());
      CAF_CHECK_EQUAL(row->labels_size(), sent.labels_size());
    }
    return 0;
  });
}

CAF_TEST(what breaks a limit is refused and stores nothing) {
  auto refused = [&](auto change) {
    auto x = item("k");
    change(x);
    auto before = test::dump(store());
    CAF_CHECK_EQUAL(submit(x).error().code(), code(ec::invalid_argument));
    auto after = test::dump(store());
    before["meta/state_time"] = after["meta/state_time"];
    CAF_CHECK(before == after);
  };
  using type = proto::SubmitCommand::Item;
  refused([](type& x) { x.set_product(std::string(129, 'p')); });
  refused([](type& x) { x.set_kind(""); });
  refused([](type& x) { x.set_kind(std::string(65, 'k')); });
  refused([](type& x) { x.set_idempotency_key(std::string(257, 'k')); });
  refused([](type& x) { x.set_priority(10); });
  refused([](type& x) { x.set_priority(-10); });
  refused([](type& x) { x.add_labels(std::string(201, 'l')); });
  refused([](type& x) {
    for (auto i = 0; i < 17; ++i)
      x.add_labels("a=b");
  });
  refused([](type& x) { x.set_spec(std::string((16 << 20) + 1, 's')); });
}

CAF_TEST(the largest key and product fit) {
  auto x = item(std::string(256, 'k'));
  x.set_product(std::string(128, 'p'));
  CAF_CHECK(!submit(x).has_error());
  CAF_CHECK(submit(x).duplicate());
}

CAF_TEST(a task for which a pull waits is leased at once) {
  enrol("n1", 5);
  auto x = item();
  x.set_lease_to_node("n1");
  x.set_lease_to_incarnation(5);
  auto out = submit(x);
  CAF_CHECK(out.leased());
  CAF_CHECK_EQUAL(out.task_class(), 0u);
  auto row = this->row(out.id());
  CAF_CHECK_EQUAL(row.state(), proto::LEASED);
  CAF_CHECK_EQUAL(row.attempt(), 1u);
  CAF_CHECK_EQUAL(row.node(), 1u);
  CAF_CHECK_EQUAL(row.incarnation(), 5u);
  CAF_CHECK_EQUAL(row.first_leased_ms(), now_ms);
  CAF_CHECK(!queued(out.id()));
  read([](const table_view& view) {
    CAF_CHECK(get_live(view, 1)
              == std::vector<live_attempt>({{1, {1, 1, 1}, 1}}));
    return 0;
  });
}

CAF_TEST(a task for a node that is gone is queued instead) {
  enrol("n1", 5);
  for (auto [node, incarnation] : {std::pair{"n1", 4u}, {"n2", 5u}, {"", 0u}}) {
    auto x = item();
    x.set_lease_to_node(node);
    x.set_lease_to_incarnation(incarnation);
    auto out = submit(x);
    CAF_CHECK(!out.leased());
    CAF_CHECK(queued(out.id()));
  }
}

CAF_TEST(a command from a newer peer has an outcome without a kind) {
  CAF_CHECK_EQUAL(run(proto::Command{}).kind_case(),
                  proto::Outcome::KIND_NOT_SET);
}

CAF_TEST(state time never goes back) {
  submit();
  auto before = now_ms;
  now_ms -= 5'000;
  auto row = this->row(submit().id());
  CAF_CHECK_EQUAL(row.submitted_ms(), before);
  now_ms = std::numeric_limits<int64_t>::max();
  row = this->row(submit().id());
  CAF_CHECK_EQUAL(row.submitted_ms(), 253'402'300'799'999);
}

CAF_TEST_FIXTURE_SCOPE_END()
