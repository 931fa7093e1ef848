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

CAF_TEST_FIXTURE_SCOPE(state_machine_register_tests, fixture)

CAF_TEST(a node is known with its kinds after it registered) {
  proto::Command x;
  auto& command = *x.mutable_register_();
  command.set_node("n1");
  command.set_incarnation(7);
  command.set_slots(4);
  command.set_host("h");
  command.set_pid(42);
  command.add_labels("zone=a");
  auto& kind = *command.add_kinds();
  kind.set_name("resize");
  kind.mutable_retry()->set_attempts(9);
  CAF_CHECK(!run(x).register_().has_error());
  auto row = node("n1");
  CAF_CHECK_EQUAL(row.number(), 1u);
  CAF_CHECK_EQUAL(row.incarnation(), 7u);
  CAF_CHECK_EQUAL(row.slots(), 4u);
  CAF_CHECK_EQUAL(row.labels(0), "zone=a");
  CAF_CHECK_EQUAL(row.kinds(0), "resize");
  CAF_CHECK_EQUAL(row.registered_ms(), now_ms);
  read([](const table_view& view) {
    CAF_CHECK_EQUAL(get_kind(view, "resize")->retry().attempts(), 9u);
    CAF_CHECK_EQUAL(get_kinds(view).size(), 1u);
    CAF_CHECK_EQUAL(get_nodes(view).size(), 1u);
    return 0;
  });
}

CAF_TEST(a kind that is announced anew is replaced) {
  enrol("n1", 1);
  proto::Command x;
  x.mutable_register_()->set_node("n2");
  x.mutable_register_()->set_incarnation(1);
  auto& kind = *x.mutable_register_()->add_kinds();
  kind.set_name("noop");
  kind.set_exclusive(true);
  run(x);
  read([](const table_view& view) {
    CAF_CHECK(get_kind(view, "noop")->exclusive());
    return 0;
  });
}

CAF_TEST(an older incarnation is refused) {
  enrol("n1", 7);
  auto out = enrol("n1", 6);
  CAF_CHECK_EQUAL(out.error().code(), code(ec::conflict));
  CAF_CHECK_EQUAL(node("n1").incarnation(), 7u);
}

CAF_TEST(a reconnect keeps what the node holds) {
  auto id = leased_task();
  auto registered = node("n1").registered_ms();
  now_ms += 10;
  auto out = enrol("n1", 1);
  CAF_CHECK(!out.has_error());
  CAF_CHECK_EQUAL(out.released_size(), 0);
  CAF_CHECK_EQUAL(row(id).state(), proto::LEASED);
  CAF_CHECK_EQUAL(node("n1").registered_ms(), registered);
}

CAF_TEST(a new incarnation ends what the older one held) {
  auto a = leased_task();
  auto b = leased_task();
  enrol("n2", 1);
  auto c = submit().id();
  lease(c, 1, "n2", 1);
  now_ms += 10;
  auto out = enrol("n1", 2);
  CAF_REQUIRE_EQUAL(out.released_size(), 2);
  CAF_REQUIRE_EQUAL(out.fates_size(), 2);
  CAF_CHECK(key(out.released(0)) == key(a));
  CAF_CHECK(key(out.released(1)) == key(b));
  CAF_CHECK_EQUAL(out.fates(0).state(), proto::WAITING);
  CAF_CHECK_EQUAL(out.fates(0).reason(), proto::NODE_GONE);
  CAF_CHECK(out.fates(0).due_ms() > now_ms);
  CAF_CHECK_EQUAL(row(a).tries(), 1u);
  auto ended = attempts(a).at(0);
  CAF_CHECK_EQUAL(ended.outcome(), proto::FAILED);
  CAF_CHECK_EQUAL(ended.reason(), proto::NODE_GONE);
  CAF_CHECK_EQUAL(ended.error().code(), "node_gone");
  CAF_CHECK_EQUAL(ended.incarnation(), 1u);
  CAF_CHECK_EQUAL(row(c).state(), proto::LEASED);
  CAF_CHECK_EQUAL(node("n1").incarnation(), 2u);
  CAF_CHECK(finish(a, 1, proto::SUCCEEDED).fenced());
}

CAF_TEST(a cancelled task does not survive its node) {
  auto id = leased_task();
  cancel(id);
  enrol("n1", 2);
  CAF_CHECK_EQUAL(row(id).state(), proto::CANCELLED);
}

CAF_TEST(fenced reports stay counted over incarnations) {
  auto id = leased_task();
  finish(id, 9, proto::SUCCEEDED);
  enrol("n1", 2);
  CAF_CHECK_EQUAL(node("n1").fenced(), 1u);
}

CAF_TEST(what breaks a limit is refused) {
  CAF_CHECK_EQUAL(enrol("", 1).error().code(), code(ec::invalid_argument));
  CAF_CHECK_EQUAL(enrol("n1", 0).error().code(), code(ec::invalid_argument));
  CAF_CHECK_EQUAL(enrol(std::string(257, 'n'), 1).error().code(),
                  code(ec::invalid_argument));
  proto::Command x;
  x.mutable_register_()->set_node("n1");
  x.mutable_register_()->set_incarnation(1);
  x.mutable_register_()->add_kinds();
  CAF_CHECK_EQUAL(run(x).register_().error().code(),
                  code(ec::invalid_argument));
  x.mutable_register_()->mutable_kinds(0)->set_name("k");
  x.mutable_register_()->set_host(std::string(300'000, 'h'));
  CAF_CHECK_EQUAL(run(x).register_().error().code(),
                  code(ec::invalid_argument));
  CAF_CHECK_EQUAL(node("n1").number(), 0u);
}

CAF_TEST_FIXTURE_SCOPE_END()
