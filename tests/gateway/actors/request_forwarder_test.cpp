// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/request_forwarder.hpp"

#include "actors/replies.hpp"
#include "runtime/files.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/test/dsl.hpp>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// What a manager was asked, and what it says to that in turn; then it waits.
struct manager {
  std::vector<proto::Request> asked;
  std::vector<proto::Reply> says;
  directory_actor handle;
};

using manager_ptr = std::shared_ptr<manager>;

directory_actor::behavior_type fake_directory(directory_actor::pointer self,
                                              const manager_ptr& x) {
  return {
    [=](const proto::Request& request) -> caf::result<proto::Reply> {
      auto promise = self->make_response_promise<proto::Reply>();
      auto n = x->asked.size();
      x->asked.push_back(request);
      if (n < x->says.size())
        promise.deliver(x->says[n]);
      return promise;
    },
    [](const proto::Hello&, const worker_actor&)
      -> caf::result<proto::Welcome, job_scheduler_actor, task_tracker_actor> {
      return {proto::Welcome{}, job_scheduler_actor{}, task_tracker_actor{}};
    },
    [](const proto::ManagerHello&, const caf::strong_actor_ptr&,
       const peer_actors&) -> caf::result<proto::ManagerHello, peer_actors> {
      return {proto::ManagerHello{}, peer_actors{}};
    },
    [](const proto::Registration&, const state_monitor_actor&)
      -> caf::result<proto::RegistrationReply, information_centre_actor> {
      return {proto::RegistrationReply{}, information_centre_actor{}};
    },
  };
}

using managers_ptr = std::shared_ptr<std::vector<manager_ptr>>;

worker_link_actor::behavior_type fake_link(worker_link_actor::pointer,
                                           const managers_ptr& xs) {
  return {
    [xs, turn = size_t{0}](caf::connect_atom, const std::string&) mutable
    -> caf::result<directory_actor> {
      return (*xs)[turn++ % xs->size()]->handle;
    },
  };
}

proto::Reply services(uint64_t version, const std::string& name) {
  proto::Reply x;
  x.mutable_services()->set_version(version);
  auto& row = *x.mutable_services()->add_services();
  row.mutable_spec()->set_name(name);
  auto& place = *row.add_places();
  place.set_node("n1");
  place.set_incarnation(2);
  place.set_address("127.0.0.1:1");
  place.set_status(proto::SERVICE_READY);
  return x;
}

struct fixture : test_coordinator_fixture<> {
  ~fixture() {
    end(forwarder);
    end(cluster);
    end(link);
    for (auto& x : *managers)
      end(x->handle);
    consume_messages();
  }

  template <class Handle>
  void end(Handle& x) {
    if (x)
      self->send_exit(x, caf::exit_reason::kill);
    x = nullptr;
  }

  /// @param says What the first of them says.
  void start(size_t n, std::vector<proto::Reply> says) {
    for (size_t i = 0; i < n; ++i) {
      auto x = std::make_shared<manager>();
      x->handle = sys.spawn(fake_directory, x);
      managers->push_back(x);
    }
    managers->at(0)->says = std::move(says);
    link = sys.spawn(fake_link, managers);
    cluster_link_options ask;
    ask.managers.link = link;
    cluster = sys.spawn(cluster_link, ask);
    spawn();
  }

  void spawn() {
    request_forwarder_options options;
    options.cluster = caf::actor_cast<cluster_link_actor>(cluster);
    options.file = file;
    options.publish = [this](auto x) { published.push_back(std::move(x)); };
    forwarder = sys.spawn(request_forwarder, options);
    consume_messages();
  }

  void pass(std::chrono::milliseconds time) {
    advance_time(time);
    consume_messages();
  }

  bool is_ready() const {
    auto x = published.back()->find("a");
    return x && x->places.at(0).ready;
  }

  test::temp_folder folder;
  std::filesystem::path file = folder.path() / "routes";
  managers_ptr managers = std::make_shared<std::vector<manager_ptr>>();
  worker_link_actor link;
  cluster_link_impl cluster;
  request_forwarder_impl forwarder;
  std::vector<forward::route_table_ptr> published;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(request_forwarder_tests, fixture)

CAF_TEST(what a manager says is published and asked on at once) {
  start(1, {services(7, "a")});
  auto& asked = managers->at(0)->asked;
  CAF_REQUIRE_EQUAL(published.size(), 1u);
  CAF_CHECK(published[0]->find("a"));
  CAF_CHECK(published[0]->is_complete());
  CAF_REQUIRE_EQUAL(asked.size(), 2u);
  CAF_CHECK_EQUAL(asked[0].services().known(), 0u);
  CAF_CHECK_EQUAL(asked[1].services().known(), 7u);
  CAF_CHECK_EQUAL(asked[1].services().wait_ms(), 10'000);
}

CAF_TEST(a manager that does not wait is not asked without end) {
  proto::Reply same;
  same.mutable_services()->set_version(7);
  start(1, {services(7, "a"), same});
  CAF_CHECK_EQUAL(managers->at(0)->asked.size(), 2u);
  CAF_CHECK_EQUAL(published.size(), 1u);
  pass(200ms);
  CAF_CHECK_EQUAL(managers->at(0)->asked.size(), 3u);
}

CAF_TEST(another manager is asked where one refuses or says nothing) {
  start(2, {refusal(ec::not_leader, "not me")});
  pass(200ms);
  CAF_CHECK_EQUAL(managers->at(1)->asked.size(), 1u);
  pass(13s);
  pass(200ms);
  CAF_CHECK_EQUAL(managers->at(0)->asked.size(), 2u);
}

CAF_TEST(another manager is asked when one goes away) {
  start(2, {services(7, "a")});
  self->send_exit(managers->at(0)->handle, caf::exit_reason::kill);
  consume_messages();
  pass(200ms);
  CAF_REQUIRE_EQUAL(managers->at(1)->asked.size(), 1u);
  CAF_CHECK_EQUAL(managers->at(1)->asked[0].services().known(), 7u);
}

CAF_TEST(a gateway that starts again goes on with what it knew) {
  start(1, {services(7, "a")});
  pass(1s);
  end(forwarder);
  consume_messages();
  published.clear();
  spawn();
  CAF_REQUIRE_EQUAL(published.size(), 1u);
  CAF_CHECK(published[0]->find("a"));
  // There may be services that it did not know.
  CAF_CHECK(!published[0]->is_complete());
  // It does not trust it: everything is asked for.
  CAF_CHECK_EQUAL(managers->at(0)->asked.back().services().known(), 0u);
}

CAF_TEST(nothing is written while news follows news) {
  start(1, {services(7, "a"), services(8, "a")});
  CAF_CHECK(!std::filesystem::exists(file));
  pass(1s);
  proto::ServicesReply kept;
  CAF_REQUIRE(kept.ParseFromString(read_file(file).value()));
  CAF_CHECK_EQUAL(kept.version(), 8u);
}

CAF_TEST(a file that cannot be read stops nobody) {
  std::ofstream{file} << "no protobuf at all";
  start(1, {services(7, "a")});
  CAF_CHECK_EQUAL(published.size(), 1u);
  pass(1s);
  CAF_CHECK(proto::ServicesReply{}.ParseFromString(read_file(file).value()));
}

CAF_TEST(places of a node that is down are not ready) {
  start(1, {services(7, "a")});
  CAF_CHECK(is_ready());
  auto tell = [&](node_state state, uint64_t incarnation) {
    std::vector<node_entry> rows(1);
    rows[0].start = {"n1", incarnation};
    rows[0].state = state;
    self->send(forwarder,
               node_news{std::make_shared<const std::vector<node_entry>>(
                 std::move(rows))});
    consume_messages();
  };
  tell(node_state::down, 1);
  CAF_CHECK(is_ready());
  tell(node_state::down, 2);
  CAF_CHECK(!is_ready());
  tell(node_state::healthy, 3);
  CAF_CHECK(is_ready());
}

CAF_TEST_FIXTURE_SCOPE_END()
