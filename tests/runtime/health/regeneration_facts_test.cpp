// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/health/regeneration/regeneration_facts.hpp"

#include "runtime/health/regeneration/regeneration_targets.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

struct fixture {
  fixture() {
    row.set_node("n1");
    row.set_incarnation(1);
    enter("n1", {"disk=fast"});
    enter("n2", {});
    enter("n3", {});
  }

  void enter(const std::string& name, std::vector<std::string> labels) {
    proto::NodeCard card;
    card.set_worker(true);
    for (auto& x : labels)
      card.add_labels(x);
    auto& x = nodes.emplace_back();
    x.start = {name, 1};
    x.state = node_state::healthy;
    x.card = card.SerializeAsString();
  }

  /// Has *name* with instances at *places*, ready.
  proto::ServiceRow& serve(const std::string& name,
                           const std::vector<std::string>& places) {
    auto& x = services.emplace_back();
    x.mutable_spec()->set_name(name);
    x.mutable_spec()->set_instances(static_cast<uint32_t>(places.size()));
    for (auto& node : places) {
      auto& place = *x.add_places();
      place.set_instance(static_cast<uint32_t>(x.places_size() - 1));
      place.set_node(node);
      place.set_epoch(10 + place.instance());
      place.set_status(proto::SERVICE_READY);
    }
    return x;
  }

  regeneration_facts look() {
    return facts_of(row, {nodes, services, said});
  }

  std::vector<std::string> targets(const std::string& text) {
    std::vector<std::string> out;
    auto found = find_targets(text, nodes, services);
    if (!found)
      return {"refused"};
    for (auto& x : found.value())
      out.push_back(
        x.node() + ' ' + x.service()
        + (x.service().empty() ? "" : '/' + std::to_string(x.instance())));
    return out;
  }

  proto::RegenerationRow row;
  std::vector<node_entry> nodes;
  std::vector<proto::ServiceRow> services;
  std::map<std::string, proto::VitalsRequest> said;
};

using names = std::vector<std::string>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(regeneration_facts_tests, fixture)

CAF_TEST(services of a node are counted and others could have them) {
  serve("web", {"n1", "n2"});
  serve("far", {"n3"});
  auto x = look();
  CAF_CHECK_EQUAL(x.services_here, 1u);
  CAF_CHECK(x.others_serve);
  CAF_CHECK(!x.services_begin);
  nodes[1].state = nodes[2].state = node_state::down;
  CAF_CHECK(!look().others_serve);
}

CAF_TEST(nobody else can have what belongs to a label of the node) {
  serve("fast", {"n1"}).mutable_spec()->add_labels("disk=fast");
  CAF_CHECK(!look().others_serve);
  serve("web", {"n1"});
  CAF_CHECK(look().others_serve);
}

CAF_TEST(what has stopped is not there any more) {
  serve("web", {"n1"}).mutable_places(0)->set_status(proto::SERVICE_STOPPED);
  CAF_CHECK_EQUAL(look().services_here, 0u);
}

CAF_TEST(a service without a place begins where it could be) {
  auto& web = serve("web", {""});
  CAF_CHECK(look().services_begin);
  web.mutable_spec()->add_labels("disk=none");
  CAF_CHECK(!look().services_begin);
  serve("late", {"n1"}).mutable_places(0)->set_status(proto::SERVICE_STARTING);
  CAF_CHECK(look().services_begin);
}

CAF_TEST(an instance is looked for where it is now) {
  serve("web", {"n2"});
  row.set_service("web");
  said["n1"].set_incarnation(7);
  said["n2"].set_incarnation(8);
  auto x = look();
  CAF_REQUIRE(x.place != nullptr && x.said != nullptr);
  CAF_CHECK_EQUAL(x.said->incarnation(), 8u);
  services[0].set_removed(true);
  CAF_CHECK(look().removed);
}

CAF_TEST(a target is a node or a service or one instance) {
  serve("web", {"n1", "n2"});
  CAF_CHECK_EQUAL(targets("n1"), names{"n1 "});
  CAF_CHECK_EQUAL(targets("web"), (names{"n1 web/0", "n2 web/1"}));
  CAF_CHECK_EQUAL(targets("web/1"), names{"n2 web/1"});
  CAF_CHECK_EQUAL(targets("service:web/0"), names{"n1 web/0"});
  for (auto* x : {"web/2", "web/x", "nobody", "", "node:web", "service:n1"})
    CAF_CHECK_EQUAL(targets(x), names{"refused"});
}

CAF_TEST(a name that means two things is refused until it is said which) {
  serve("n1", {"n2"});
  CAF_CHECK_EQUAL(targets("n1"), names{"refused"});
  CAF_CHECK_EQUAL(targets("node:n1"), names{"n1 "});
  CAF_CHECK_EQUAL(targets("service:n1"), names{"n2 n1/0"});
}

CAF_TEST_FIXTURE_SCOPE_END()
