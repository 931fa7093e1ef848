// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/peer_links.hpp"

#include "actors/replies.hpp"
#include "runtime/group_name.hpp"

#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/test/dsl.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// What the other manager does and sees.
struct other_manager {
  proto::ManagerHello hello;
  peer_actor replica;
  std::optional<error> refuses;
  int asked = 0;
  bool knows_replica = false;
};

using other_ptr = std::shared_ptr<other_manager>;

directory_actor::behavior_type fake_directory(directory_actor::pointer self,
                                              other_ptr state) {
  return {
    [](proto::Request&) { return proto::Reply{}; },
    [](proto::Hello&, worker_actor&)
      -> caf::result<proto::Welcome, job_scheduler_actor, task_tracker_actor> {
      return caf::sec::unexpected_message;
    },
    [self, state](
      proto::ManagerHello&, caf::strong_actor_ptr&,
      peer_actors& replicas) -> caf::result<proto::ManagerHello, peer_actors> {
      ++state->asked;
      state->knows_replica = !replicas.empty() && replicas[0] != nullptr;
      auto answer = state->hello;
      if (state->refuses)
        set_error(*answer.mutable_error(), *state->refuses);
      auto promise
        = self->make_response_promise<proto::ManagerHello, peer_actors>();
      promise.deliver(std::move(answer), peer_actors{state->replica});
      return promise;
    },
    [](proto::Registration&, state_monitor_actor&)
      -> caf::result<proto::RegistrationReply, information_centre_actor> {
      return caf::sec::unexpected_message;
    },
  };
}

local_directory_actor::behavior_type
own_directory(local_directory_actor::pointer self, directory_actor front) {
  return {
    [=](proto::Request& x) { return self->delegate(front, std::move(x)); },
    [=](proto::Hello& x, worker_actor& y) {
      return self->delegate(front, std::move(x), std::move(y));
    },
    [=](proto::ManagerHello& x, caf::strong_actor_ptr& y, peer_actors& z) {
      return self->delegate(front, std::move(x), std::move(y), std::move(z));
    },
    [=](proto::Registration& x, state_monitor_actor& y) {
      return self->delegate(front, std::move(x), std::move(y));
    },
    [](lead_info&) {},
    [](leader_address&) {},
  };
}

/// CAF's own check fails for a function that is spawned without arguments.
peer_actor::behavior_type mute_replica(peer_actor::pointer, int) {
  return {[](proto::PeerMessage&) {}};
}

using replicator_actor = decltype(own_replica::replicator);

struct fixture : test_coordinator_fixture<> {
  fixture() {
    other->hello.set_node("a");
    other->hello.set_member(1);
    other->hello.set_protocol(protocol_version);
    other->hello.set_blank(true);
    other->hello.add_groups(cluster_group);
    front = sys.spawn(fake_directory, other);
    peer_links_options options;
    options.node = "b";
    options.member = 2;
    options.blank = true;
    options.managers = {{"a", {"127.0.0.1", 1}}, {"b", {"127.0.0.1", 2}}};
    home = sys.spawn(own_directory, front);
    links = sys.spawn(peer_links, std::move(options), home);
    consume_messages();
  }

  ~fixture() {
    for (auto& x :
         {caf::actor_cast<caf::actor>(links), caf::actor_cast<caf::actor>(home),
          caf::actor_cast<caf::actor>(front),
          caf::actor_cast<caf::actor>(replicator)})
      if (x)
        caf::anon_send_exit(x, caf::exit_reason::kill);
    consume_messages();
  }

  peer_actor make_replica() {
    return sys.spawn(mute_replica, 0);
  }

  /// The replica of this manager begins.
  void start_replica(std::optional<uint64_t> lineage = {}) {
    auto note = [this](peer_link_state& x) {
      if (x.member == 1)
        reachable = x.replica != nullptr;
    };
    auto listen = [note](replicator_actor::pointer,
                         int) -> replicator_actor::behavior_type {
      return {[note](peer_link_state& x) { note(x); }};
    };
    replicator = sys.spawn(listen, 0);
    self->send(links,
               own_replica{cluster_group, make_replica(), replicator, lineage});
    consume_messages();
  }

  /// The other manager introduces itself, as it does on its own.
  proto::ManagerHello introduce() {
    proto::ManagerHello result;
    auto from = caf::actor_cast<caf::strong_actor_ptr>(front);
    auto ask = [&, from](caf::event_based_actor* x, int) {
      x->request(links, caf::infinite, other->hello, from,
                 peer_actors{other->replica})
        .then([&](proto::ManagerHello& y, peer_actors&) { result = y; });
    };
    sys.spawn(ask, 0);
    consume_messages();
    return result;
  }

  /// Asks as STATE_MONITOR and EXECUTORs do.
  directory_actor find_leader() {
    directory_actor result;
    auto ask = [&](caf::event_based_actor* x, int) {
      x->request(links, caf::infinite, caf::connect_atom::value,
                 std::string{cluster_group})
        .then([&](directory_actor& y) { result = y; });
    };
    sys.spawn(ask, 0);
    consume_messages();
    return result;
  }

  void pass(caf::timespan x) {
    sched.advance_time(x);
    consume_messages();
  }

  other_ptr other = std::make_shared<other_manager>();
  directory_actor front;
  local_directory_actor home;
  peer_links_impl links;
  replicator_actor replicator;
  bool reachable = false;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(peer_links_tests, fixture)

CAF_TEST(what changed while an introduction was on its way is told again) {
  auto said = introduce();
  CAF_CHECK_EQUAL(said.node(), std::string{"b"});
  start_replica();
  CAF_CHECK(other->knows_replica);
  CAF_CHECK(!reachable);
  // The other one began at the same moment, and its word of that was lost.
  other->replica = make_replica();
  pass(500ms);
  CAF_CHECK(reachable);
}

CAF_TEST(two without a log found the cluster together) {
  std::vector<uint64_t> voters;
  auto ask = [&](caf::event_based_actor* x, int) {
    x->request(links, caf::infinite, atom::found::value).then([&](founding& y) {
      voters = y.voters;
    });
  };
  sys.spawn(ask, 0);
  consume_messages();
  CAF_CHECK(voters.empty());
  introduce();
  CAF_CHECK_EQUAL(voters, (std::vector<uint64_t>{1, 2}));
}

CAF_TEST(who looks for a leader again is sent to others) {
  introduce();
  lead_change lead;
  lead.leader = 2; // As far as this manager knows.
  self->send(links, group_lead{cluster_group, lead});
  consume_messages();
  auto first = find_leader();
  auto second = find_leader();
  auto third = find_leader();
  CAF_CHECK(first == directory_actor{home});
  CAF_CHECK(second == front);
  CAF_CHECK(third == directory_actor{home});
  lead.leader = 1;
  self->send(links, group_lead{cluster_group, lead});
  consume_messages();
  first = find_leader();
  CAF_CHECK(first == front);
}

CAF_TEST(who refuses this manager is left alone for a while) {
  introduce();
  start_replica();
  other->refuses = error{ec::invalid_argument, "'b' is no manager"};
  auto before = other->asked;
  for (auto i = 0; i < 8; ++i)
    pass(500ms);
  CAF_CHECK_EQUAL(other->asked, before + 1);
}

CAF_TEST(a manager that was removed is forgotten and refused) {
  introduce();
  start_replica();
  other->replica = make_replica();
  introduce();
  CAF_CHECK(reachable);
  proto::ManagerRow row;
  row.set_name("a");
  row.set_address("127.0.0.1:1");
  row.set_removed(true);
  self->send(links, group_roster{cluster_group, {}, {row}, {}});
  consume_messages();
  CAF_CHECK(!reachable);
  CAF_CHECK(introduce().has_error());
  // It comes back by the same way.
  row.set_removed(false);
  self->send(links, group_roster{cluster_group, {}, {row}, {}});
  consume_messages();
  CAF_CHECK(!introduce().has_error());
  CAF_CHECK(reachable);
}

CAF_TEST(a copy of the own data folder is refused) {
  other->hello.set_member(2);
  auto said = introduce();
  CAF_REQUIRE(said.has_error());
  CAF_CHECK(said.error().message().find("was its data folder copied")
            != std::string::npos);
}

CAF_TEST(a manager whose state is of another restore is refused) {
  other->hello.set_blank(false);
  other->hello.set_lineage(4);
  other->replica = make_replica();
  // Nobody knows yet what the state of this one is.
  CAF_CHECK(!introduce().has_error());
  start_replica(5);
  CAF_CHECK(!reachable);
  auto said = introduce();
  CAF_REQUIRE(said.has_error());
  CAF_CHECK(said.error().message().find("different clusters")
            != std::string::npos);
  CAF_CHECK(!reachable);
}

CAF_TEST(managers of one restore and those without a state are welcome) {
  other->hello.set_blank(false);
  other->replica = make_replica();
  start_replica(5);
  auto said = introduce();
  CAF_CHECK(!said.has_error());
  CAF_CHECK_EQUAL(said.lineage(), 5u);
  other->hello.set_lineage(5);
  CAF_CHECK(!introduce().has_error());
  CAF_CHECK(reachable);
}

CAF_TEST_FIXTURE_SCOPE_END()
