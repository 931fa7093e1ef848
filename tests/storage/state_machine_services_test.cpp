// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/service_tables.hpp"
#include "tests/storage/machine.hpp"

#include <caf/test/unit_test.hpp>

#include <limits>

using namespace coppice;
using namespace coppice::test;

namespace {

proto::ServiceSpec spec_of(const std::string& name) {
  proto::ServiceSpec x;
  x.set_name(name);
  x.set_form(proto::PROCESS_SERVICE);
  x.add_command("/bin/web");
  return x;
}

struct fixture {
  fixture() {
    proto::Command x;
    x.mutable_shard()->add_founders(1);
    m.run(x);
  }

  proto::ServiceOutcome run(const proto::ServiceCommand& x) {
    proto::Command command;
    *command.mutable_service() = x;
    return m.run(command).service();
  }

  proto::ServiceOutcome apply(const proto::ServiceSpec& spec) {
    proto::ServiceCommand x;
    x.set_name(spec.name());
    *x.mutable_applied() = spec;
    return run(x);
  }

  proto::ServiceOutcome remove(const std::string& name) {
    proto::ServiceCommand x;
    x.set_name(name);
    x.set_removed(true);
    return run(x);
  }

  proto::ServiceOutcome erase(const std::string& name) {
    proto::ServiceCommand x;
    x.set_name(name);
    x.set_erased(true);
    return run(x);
  }

  proto::ServiceOutcome place(const proto::ServiceRow& row,
                              const std::vector<proto::ServicePlace>& places) {
    proto::ServiceCommand x;
    x.set_name(row.spec().name());
    x.set_based_on(row.changed());
    x.mutable_placed();
    for (auto& y : places)
      *x.mutable_placed()->add_places() = y;
    return run(x);
  }

  static proto::ServicePlace on(const std::string& node,
                                uint32_t instance = 0) {
    proto::ServicePlace x;
    x.set_instance(instance);
    x.set_node(node);
    x.set_incarnation(1);
    return x;
  }

  static bool is(const proto::ServiceOutcome& x, ec code) {
    return x.error().code() == static_cast<uint32_t>(code);
  }

  uint64_t version() {
    return m.read(
      [](const table_view& x) { return get_services_head(x).version(); });
  }

  machine m;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(state_machine_services_tests, fixture)

CAF_TEST(services get numbers that are never used again) {
  auto a = apply(spec_of("a")).row();
  CAF_CHECK_EQUAL(a.number(), 1u);
  CAF_CHECK_EQUAL(a.revision(), 1u);
  CAF_CHECK_EQUAL(apply(spec_of("b")).row().number(), 2u);
  remove("b");
  CAF_CHECK(!erase("b").has_row());
  CAF_CHECK_EQUAL(apply(spec_of("b")).row().number(), 3u);
}

CAF_TEST(the same spec again changes nothing) {
  auto spec = spec_of("a");
  (*spec.mutable_environment())["X"] = "1";
  (*spec.mutable_environment())["Y"] = "2";
  auto first = apply(spec).row();
  auto again = apply(spec).row();
  CAF_CHECK_EQUAL(again.changed(), first.changed());
  CAF_CHECK_EQUAL(again.revision(), 1u);
  spec.set_instances(2);
  auto other = apply(spec).row();
  CAF_CHECK_EQUAL(other.revision(), 2u);
  CAF_CHECK_EQUAL(other.number(), 1u);
  CAF_CHECK(other.changed() > first.changed());
}

CAF_TEST(a spec that breaks a rule is refused with its reason) {
  CAF_CHECK(is(apply(spec_of("no/name")), ec::invalid_argument));
  auto spec = spec_of("a");
  spec.clear_command();
  auto refused = apply(spec);
  CAF_CHECK(is(refused, ec::invalid_argument));
  CAF_CHECK(refused.error().message().find("command") != std::string::npos);
  proto::ServiceCommand other;
  other.set_name("a");
  *other.mutable_applied() = spec_of("b");
  CAF_CHECK(is(run(other), ec::invalid_argument));
  other.set_name("b");
  other.set_shard(1);
  CAF_CHECK(is(run(other), ec::invalid_argument));
  CAF_CHECK_EQUAL(version(), 0u);
}

CAF_TEST(a service stays what it is) {
  apply(spec_of("a"));
  auto spec = spec_of("a");
  spec.set_form(proto::NATIVE_SERVICE);
  spec.clear_command();
  CAF_CHECK(is(apply(spec), ec::conflict));
}

CAF_TEST(each place that is given has an epoch of its own) {
  auto row = apply(spec_of("a")).row();
  row = place(row, {on("n1", 0), on("n2", 1)}).row();
  auto first = row.places(0).epoch();
  auto second = row.places(1).epoch();
  CAF_CHECK(first != 0 && first < second);
  auto moved = row.places(0);
  moved.set_node("n3");
  CAF_CHECK(is(place(row, {moved, row.places(1)}), ec::conflict));
  moved.set_epoch(0);
  auto after = place(row, {moved, row.places(1)}).row();
  CAF_CHECK(after.places(0).epoch() > second);
  CAF_CHECK_EQUAL(after.places(1).epoch(), second);
  CAF_CHECK(after.changed() > after.places(0).epoch());
}

CAF_TEST(the time of a place is that of its last status) {
  auto row = place(apply(spec_of("a")).row(), {on("n1")}).row();
  auto placed_at = row.places(0).changed_ms();
  m.now_ms += 1'000;
  auto place_now = row.places(0);
  place_now.set_address("n1:80");
  row = place(row, {place_now}).row();
  CAF_CHECK_EQUAL(row.places(0).changed_ms(), placed_at);
  place_now = row.places(0);
  place_now.set_status(proto::SERVICE_READY);
  row = place(row, {place_now}).row();
  CAF_CHECK_EQUAL(row.places(0).changed_ms(), placed_at + 1'000);
}

CAF_TEST(places that are based on something older are refused) {
  auto row = apply(spec_of("a")).row();
  place(row, {on("n1")});
  CAF_CHECK(is(place(row, {on("n2")}), ec::conflict));
  row.set_changed(0);
  CAF_CHECK(is(place(row, {on("n2")}), ec::invalid_argument));
  auto again = place(apply(spec_of("a")).row(), {on("n1", 3), on("n1", 3)});
  CAF_CHECK(is(again, ec::invalid_argument));
}

CAF_TEST(a service goes when it is removed and has no places) {
  auto row = place(apply(spec_of("a")).row(), {on("n1")}).row();
  CAF_CHECK(is(erase("a"), ec::conflict));
  row = remove("a").row();
  CAF_CHECK(row.removed());
  CAF_CHECK_EQUAL(remove("a").row().changed(), row.changed());
  CAF_CHECK(is(apply(spec_of("a")), ec::conflict));
  CAF_CHECK(is(erase("a"), ec::conflict));
  place(row, {});
  auto before = version();
  auto gone = erase("a");
  CAF_CHECK(!gone.has_error() && !gone.has_row());
  CAF_CHECK(version() > before);
  CAF_CHECK(is(erase("a"), ec::not_found));
}

CAF_TEST(a change of a newer version does nothing) {
  apply(spec_of("a"));
  proto::ServiceCommand x;
  x.set_name("a");
  CAF_CHECK(is(run(x), ec::protocol_violation));
}

CAF_TEST_FIXTURE_SCOPE_END()
