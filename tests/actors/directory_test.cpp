// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/directory.hpp"

#include "tests/actors/manager_fixture.hpp"

using namespace coppice;
using namespace coppice::test;

namespace {

uint32_t number(ec x) {
  return static_cast<uint32_t>(x);
}

struct fixture : manager_fixture {
  /// A directory of a node that is no manager.
  void start_worker_node() {
    front = sys.spawn(directory, directory_options{"w1", "m1:7401", false,
                                                   [this] { ++stops; }});
  }

  /// A directory of a manager that has not been taken in yet.
  void start_blank_manager() {
    front
      = sys.spawn(directory, directory_options{"m3", "m1:7401", true, [] {}});
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(directory_tests, fixture)

CAF_TEST(a worker is welcomed with the actors to speak to) {
  start();
  auto worker = make_worker();
  hello(worker);
  CAF_CHECK(!worker->welcome.has_error());
  CAF_CHECK_EQUAL(worker->welcome.lease_ms(), 1'000);
}

CAF_TEST(a worker of another protocol is refused) {
  start();
  auto worker = make_worker();
  proto::Hello out;
  out.set_node("n1");
  out.set_incarnation(1);
  out.set_protocol(protocol_version + 1);
  auto refused = std::make_shared<std::string>();
  auto say_it = [=, to = front](caf::event_based_actor* client, int) {
    client->request(to, caf::infinite, out, worker->handle)
      .then([=](proto::Welcome& x, job_scheduler_actor& jobs,
                task_tracker_actor& tasks) {
        if (!jobs && !tasks)
          *refused = x.error().message();
      });
  };
  sys.spawn(say_it, 0);
  consume_messages();
  auto theirs = "protocol " + std::to_string(protocol_version + 1);
  CAF_CHECK(refused->find(theirs) != std::string::npos);
}

CAF_TEST(a worker that nobody can register is told that it is not known) {
  start();
  self->send_exit(tracker, caf::exit_reason::kill);
  consume_messages();
  auto worker = make_worker();
  hello(worker);
  CAF_CHECK_EQUAL(worker->welcome.error().code(),
                  number(ec::deadline_exceeded));
}

CAF_TEST(a read that is lost with who leads is to be asked again) {
  start();
  auto id = submit();
  proto::Request get;
  get.mutable_get()->add_ids(id);
  proto::Request explain;
  explain.mutable_explain()->set_id(id);
  proto::Request nodes;
  nodes.mutable_nodes();
  proto::Request log;
  log.mutable_log()->set_id(id);
  auto check_reads = [&] {
    for (auto* x : {&get, &log})
      CAF_CHECK_EQUAL(ask(*x).error().code(), number(ec::not_leader));
    // The list of nodes is not of the shard.
    auto said = ask(nodes);
    CAF_CHECK(!said.has_error());
    CAF_CHECK_EQUAL(said.nodes().notes_size(), 1);
  };
  self->send_exit(tracker, caf::exit_reason::kill);
  consume_messages();
  check_reads();
  CAF_CHECK(!ask(explain).has_error()); // It needs the scheduler only.
  // Of a change nobody knows whether it happened.
  CAF_CHECK_EQUAL(cancel(id).error().code(), number(ec::deadline_exceeded));
  self->send_exit(replicator, caf::exit_reason::kill);
  consume_messages();
  check_reads();
  CAF_CHECK_EQUAL(ask(explain).error().code(), number(ec::not_leader));
}

CAF_TEST(so it is with the cluster group) {
  start();
  self->send_exit(cluster, caf::exit_reason::kill);
  consume_messages();
  proto::Request products;
  products.mutable_products();
  proto::Request managers;
  managers.mutable_managers();
  proto::Request backup;
  backup.mutable_backup()->set_group(cluster_group);
  // The centre lives, but nobody proves that it is still the one.
  proto::Request nodes;
  nodes.mutable_nodes();
  for (auto* x : {&products, &managers, &backup, &nodes})
    CAF_CHECK_EQUAL(ask(*x).error().code(), number(ec::not_leader));
  proto::Request bind;
  bind.mutable_bind()->set_product("bank");
  proto::Request remove;
  remove.mutable_manager()->set_remove("m2");
  for (auto* x : {&bind, &remove})
    CAF_CHECK_EQUAL(ask(*x).error().code(), number(ec::deadline_exceeded));
}

CAF_TEST(a node that is no manager says who is) {
  start_worker_node();
  auto reply = ask(submission(noop()));
  CAF_CHECK_EQUAL(reply.error().code(), number(ec::not_leader));
  CAF_CHECK(reply.error().message().find("m1:7401") != std::string::npos);
  auto worker = make_worker();
  hello(worker);
  CAF_CHECK_EQUAL(worker->welcome.error().code(), number(ec::not_leader));
}

CAF_TEST(
  a manager that knows no shards yet does not say that one is not there) {
  start_blank_manager();
  proto::Request x;
  x.mutable_managers()->set_of_group("shard-0");
  auto reply = ask(x);
  CAF_CHECK_EQUAL(reply.error().code(), number(ec::not_leader));
}

CAF_TEST(any node can be stopped) {
  start_worker_node();
  proto::Request x;
  x.mutable_stop();
  auto reply = ask(x);
  CAF_CHECK_EQUAL(reply.stop().node(), std::string{"w1"});
  // Not before the answer has left.
  CAF_CHECK_EQUAL(stops, 0);
  sched.advance_time(std::chrono::seconds{1});
  consume_messages();
  CAF_CHECK_EQUAL(stops, 1);
}

CAF_TEST_FIXTURE_SCOPE_END()
