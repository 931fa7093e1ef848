// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/group.hpp"

#include "tests/actors/manager_fixture.hpp"

using namespace coppice;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

/// A manager with one shard, whose GROUP is real, and a DIRECTORY that is told
/// of the shard twice: by way of a listener that remembers who leads.
struct fixture : manager_fixture {
  fixture() {
    store = unwrap(tables::open(folder.path() / "tables", quick_tables()));
    start_cluster();
    centre
      = sys.spawn(information_centre, centre_options, cluster_store, cluster);
    front = sys.spawn(directory,
                      directory_options{"m1", "m1:1", true, [] {}, shards});
    self->send(
      front, lead_info{
               cluster_group, {}, {}, centre, cluster, cluster_store, 1, true});
    group_options options;
    options.replicate = replicator_options;
    options.replicate.group = shard_group(0);
    options.accept = scheduler_options;
    options.follow = tracker_options;
    options.threads = false;
    auto listen = [this](caf::event_based_actor* me, int) -> caf::behavior {
      me->set_default_handler(caf::drop);
      return {[this](lead_info& x) {
        newest = x;
        self->send(front, std::move(x));
      }};
    };
    listener = sys.spawn(listen, 0);
    group_contacts contacts;
    contacts.directory = caf::actor_cast<local_directory_actor>(listener);
    shard = sys.spawn(group, std::move(options), contacts, disk, store);
    self->monitor(shard);
    consume_messages();
  }

  ~fixture() {
    newest = {};
    self->send_exit(shard, caf::exit_reason::kill);
    self->send_exit(listener, caf::exit_reason::kill);
    consume_messages();
  }

  /// Has the TASK_TRACKER end as if it had thrown.
  void fail() {
    self->send_exit(newest.tracker, caf::sec::runtime_error);
    pass(1s);
  }

  bool has_ended() {
    self->receive([this](const caf::down_msg&) { ended = true; },
                  caf::after(0s) >> [] {});
    return ended;
  }

  proto::TreePart tree() {
    proto::Request x;
    x.mutable_tree();
    return need(request<proto::Reply>(shard, x)).tree().root();
  }

  lead_info newest;
  caf::actor listener;
  group_impl shard;
  bool ended = false;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(group_tests, fixture)

CAF_TEST(children of a leader that fail are started again on the same tables) {
  CAF_REQUIRE(newest.leads);
  auto id = submit();
  auto before = newest;
  fail();
  CAF_CHECK(!has_ended());
  CAF_REQUIRE(newest.leads);
  CAF_CHECK_EQUAL(newest.term, before.term);
  CAF_CHECK(newest.tracker != before.tracker);
  CAF_CHECK(newest.scheduler != before.scheduler);
  CAF_CHECK(newest.replicator == before.replicator);
  auto state = task(id).state();
  CAF_CHECK_EQUAL(state, proto::WAITING);
  auto other = submit();
  CAF_CHECK_NOT_EQUAL(other, id);
}

CAF_TEST(the tree says what was started again and why) {
  fail();
  auto root = tree();
  auto seen = 0;
  for (auto& x : root.parts()) {
    auto is_child = x.name() != "state_replicator";
    CAF_CHECK_EQUAL(x.restarts(), is_child ? 1u : 0u);
    CAF_CHECK_EQUAL(x.state(), proto::TreePart::RUNNING);
    auto says_who = x.last_end().find("task_tracker") != std::string::npos;
    CAF_CHECK_EQUAL(says_who, is_child);
    ++seen;
  }
  CAF_CHECK_EQUAL(seen, 5);
}

CAF_TEST(a group whose children fail again and again ends) {
  for (auto i = 0; i < 5; ++i) {
    fail();
    CAF_CHECK(!has_ended());
  }
  fail();
  CAF_CHECK(has_ended());
}

CAF_TEST_FIXTURE_SCOPE_END()
