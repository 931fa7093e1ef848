// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/client_desk.hpp"
#include "actors/directory.hpp"
#include "actors/information_centre.hpp"
#include "actors/job_scheduler.hpp"
#include "actors/replies.hpp"
#include "actors/state_replicator.hpp"
#include "actors/task_tracker.hpp"
#include "runtime/duration.hpp"
#include "tests/actors/worker_probe.hpp"
#include "tests/cluster/simulated_disk.hpp"
#include "tests/storage/machine.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/test/dsl.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Needs CAF_SUITE, as all tests have it.

namespace coppice::test {

/// A log in memory that refuses all writes while it is broken.
class breakable_disk : public simulated_disk {
public:
  result<> write(const log_write& x) override {
    if (broken)
      return error{ec::storage_failure, "no space left"};
    return simulated_disk::write(x);
  }

  bool broken = false;
};

/// What became of a request.
template <class T>
struct answer {
  std::optional<T> value;
  bool failed = false;
};

template <class T>
using answer_ptr = std::shared_ptr<answer<T>>;

/// The actors of a leading manager on one thread, over a log in memory and real
/// tables, with a clock that stands still.
struct manager_fixture : test_coordinator_fixture<> {
  manager_fixture()
    : disk(std::make_shared<breakable_disk>()),
      cluster_disk(std::make_shared<breakable_disk>()) {
    replicator_options.raft.id = 1;
    replicator_options.raft.voters = {1};
    replicator_options.raft.max_entry_bytes = size_t{2} << 20;
    replicator_options.raft.max_inflight_bytes = size_t{32} << 20;
    replicator_options.dir = folder.path();
    replicator_options.reserve_bytes = 0;
    tracker_options.lease = std::chrono::seconds{1};
    tracker_options.stop_grace = std::chrono::seconds{1};
  }

  ~manager_fixture() {
    stop();
    for (auto& x : probes) {
      self->send_exit(x->handle, caf::exit_reason::kill);
      x->handle = nullptr;
    }
    consume_messages();
  }

  // -- the manager ------------------------------------------------------------

  /// Opens the tables and starts the log. Alone, this is enough to propose.
  void start_log() {
    store = unwrap(tables::open(folder.path() / "tables", quick_tables()));
    replicator = sys.spawn(state_replicator, replicator_options, disk, store);
    consume_messages();
  }

  /// Starts a cluster group with one shard.
  void start_cluster() {
    cluster_store
      = unwrap(tables::open(folder.path() / "cluster", quick_tables()));
    auto options = replicator_options;
    options.group = cluster_group;
    cluster = sys.spawn(state_replicator, options, cluster_disk, cluster_store);
    consume_messages();
    proto::Command first;
    first.mutable_shard()->add_founders(1);
    need(request<proto::Outcome>(cluster, first));
  }

  void start() {
    start_log();
    start_cluster();
    tracker = sys.spawn(task_tracker, tracker_options, store, replicator);
    scheduler = sys.spawn(job_scheduler, scheduler_options, store, replicator,
                          local_task_tracker_actor{tracker});
    centre
      = sys.spawn(information_centre, centre_options, cluster_store, cluster);
    auto desk_options = client_desk_options{};
    desk_options.lease = tracker_options.lease;
    desk = sys.spawn(client_desk, desk_options, store,
                     local_task_tracker_actor{tracker},
                     local_job_scheduler_actor{scheduler});
    auto count = [this] { ++stops; };
    front = sys.spawn(directory,
                      directory_options{"m1", "m1:1", true, count, shards});
    self->send(front, lead_info{shard_group(0),
                                scheduler,
                                tracker,
                                {},
                                replicator,
                                nullptr,
                                1,
                                true,
                                caf::actor_cast<api_actor>(desk)});
    self->send(
      front, lead_info{
               cluster_group, {}, {}, centre, cluster, cluster_store, 1, true});
    consume_messages();
  }

  /// Ends all actors at once, as a kill does. The base class would end them by
  /// `run`, which never returns while one ticks.
  void stop() {
    end(front);
    end(desk);
    end(scheduler);
    end(tracker);
    end(centre);
    end(replicator);
    end(cluster);
    consume_messages();
    store = nullptr;
    cluster_store = nullptr;
  }

  template <class Handle>
  void end(Handle& x) {
    if (x)
      self->send_exit(x, caf::exit_reason::kill);
    x = nullptr;
  }

  void pass(std::chrono::milliseconds time) {
    while (time.count() > 0) {
      auto step = std::min(time, std::chrono::milliseconds{50});
      time -= step;
      sched.advance_time(step);
      consume_messages();
    }
  }

  /// Sends a request and lets everything happen that follows at once.
  template <class T, class Handle, class... Ts>
  answer_ptr<T> request(const Handle& to, Ts... xs) {
    auto out = std::make_shared<answer<T>>();
    auto ask_it = [=](caf::event_based_actor* client, int) {
      client->request(to, caf::infinite, xs...)
        .then([out](T& x) { out->value = std::move(x); },
              [out](caf::error&) { out->failed = true; });
    };
    // CAF dereferences a null pointer where a function has no argument.
    sys.spawn(ask_it, 0);
    consume_messages();
    return out;
  }

  /// Returns the answer that must be there.
  template <class T>
  static T need(const answer_ptr<T>& x) {
    demand(x->value.has_value(), "there is no answer");
    return *x->value;
  }

  // -- clients ----------------------------------------------------------------

  proto::Reply ask(const proto::Request& x) {
    return need(request<proto::Reply>(front, x));
  }

  static proto::TaskSpec noop(const std::string& product = "p") {
    proto::TaskSpec x;
    x.set_product(product);
    x.set_kind("noop");
    x.mutable_retry()->set_attempts(5);
    *x.mutable_retry()->mutable_backoff()
      = to_proto(std::chrono::milliseconds{1});
    return x;
  }

  static proto::Request submission(const proto::TaskSpec& spec, int n = 1) {
    proto::Request x;
    for (auto i = 0; i < n; ++i)
      x.mutable_submit()->add_specs(spec.SerializeAsString());
    return x;
  }

  std::string submit(const proto::TaskSpec& spec = noop()) {
    return ask(submission(spec)).submit().items(0).id();
  }

  proto::Task task(const std::string& id) {
    proto::Request x;
    x.mutable_get()->add_ids(id);
    x.mutable_get()->set_full(true);
    return ask(x).get().items(0).task();
  }

  proto::Reply cancel(const std::string& id) {
    proto::Request x;
    x.mutable_cancel()->add_ids(id);
    return ask(x);
  }

  uint64_t fenced(const std::string& node) {
    proto::Request x;
    x.mutable_nodes();
    auto reply = ask(x);
    for (auto& it : reply.nodes().nodes())
      if (it.name() == node)
        return it.fenced();
    return 0;
  }

  // -- workers ----------------------------------------------------------------

  worker_ptr make_worker(const std::string& node = "n1",
                         uint64_t incarnation = 1) {
    auto x = std::make_shared<worker_probe>();
    x->node = node;
    x->incarnation = incarnation;
    x->kinds = {"noop"};
    x->handle = sys.spawn(probe, x);
    probes.push_back(x);
    return x;
  }

  void hello(const worker_ptr& x, std::vector<proto::AttemptRef> holds = {},
             std::vector<proto::FinishCommand::Item> finishes = {}) {
    proto::Hello out;
    out.set_node(x->node);
    out.set_incarnation(x->incarnation);
    out.set_protocol(protocol_version);
    out.set_slots(4);
    out.set_connection(++x->connection);
    for (auto& kind : x->kinds) {
      auto& info = *out.add_kinds();
      info.set_name(kind);
      info.set_exclusive(kind == "exclusive");
    }
    for (auto& label : x->labels)
      out.add_labels(label);
    for (auto& ref : holds)
      *out.add_holds() = ref;
    for (auto& end : finishes)
      *out.add_finishes() = end;
    x->seen = 0;
    auto say_it = [=, to = front](caf::event_based_actor* client, int) {
      client->request(to, caf::infinite, out, x->handle)
        .then([x](proto::Welcome& welcome, job_scheduler_actor&,
                  task_tracker_actor&) { x->welcome = welcome; });
    };
    sys.spawn(say_it, 0);
    consume_messages();
  }

  /// A worker that said hello.
  worker_ptr connect(const std::string& node = "n1", uint64_t incarnation = 1) {
    auto x = make_worker(node, incarnation);
    hello(x);
    return x;
  }

  void pull(const worker_ptr& x, uint32_t free) {
    proto::Pull out;
    out.set_node(x->node);
    out.set_incarnation(x->incarnation);
    out.set_connection(x->connection);
    out.set_free(free);
    out.set_slots(4); // As `hello` says.
    out.set_seen(x->seen);
    for (auto& kind : x->kinds)
      out.add_kinds(kind);
    for (auto& label : x->labels)
      out.add_labels(label);
    caf::anon_send(scheduler, out, x->handle);
    consume_messages();
  }

  /// The connection of *x* ends.
  void disconnect(const worker_ptr& x) {
    self->send_exit(x->handle, caf::exit_reason::kill);
    consume_messages();
  }

  static proto::FinishCommand::Item ending(const proto::Assignment& x,
                                           proto::TaskState outcome) {
    proto::FinishCommand::Item out;
    *out.mutable_id() = x.ref().task();
    out.set_attempt(x.ref().attempt());
    out.set_outcome(outcome);
    out.set_started(true);
    return out;
  }

  proto::Report news(const worker_ptr& x) {
    proto::Report out;
    out.set_node(x->node);
    out.set_incarnation(x->incarnation);
    out.set_number(++x->reports);
    return out;
  }

  answer_ptr<proto::ReportAck> report(const worker_ptr& x,
                                      const proto::FinishCommand::Item& end) {
    auto out = news(x);
    *out.add_finishes() = end;
    return request<proto::ReportAck>(tracker, out);
  }

  /// Says that *x* runs *running*, or nothing but that it lives.
  answer_ptr<proto::ReportAck>
  alive(const worker_ptr& x, const std::vector<proto::Assignment>& running) {
    auto out = news(x);
    for (auto& it : running) {
      auto& attempt = *out.add_attempts();
      *attempt.mutable_ref() = it.ref();
      attempt.set_started_ms(1);
    }
    return request<proto::ReportAck>(tracker, out);
  }

  /// Lets *time* pass while *x* reports.
  void pass_alive(const worker_ptr& x,
                  const std::vector<proto::Assignment>& running,
                  std::chrono::milliseconds time) {
    for (; time.count() > 0; time -= std::chrono::milliseconds{200}) {
      pass(std::chrono::milliseconds{200});
      alive(x, running);
    }
  }

  // -- member variables -------------------------------------------------------

  temp_folder folder;
  std::shared_ptr<breakable_disk> disk;
  std::shared_ptr<breakable_disk> cluster_disk;
  std::shared_ptr<tables> store;
  std::shared_ptr<tables> cluster_store;
  /// `cluster.shards`; there is one.
  uint32_t shards = 1;

  state_replicator_options replicator_options;
  job_scheduler_options scheduler_options;
  task_tracker_options tracker_options;
  information_centre_options centre_options;

  state_replicator_impl replicator;
  state_replicator_impl cluster;
  job_scheduler_impl scheduler;
  task_tracker_impl tracker;
  information_centre_impl centre;
  client_desk_impl desk;
  local_directory_actor front;
  std::vector<worker_ptr> probes;
  int stops = 0;
};

} // namespace coppice::test
