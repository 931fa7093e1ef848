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
  manager_fixture();

  ~manager_fixture();

  // -- the manager ------------------------------------------------------------

  /// Opens the tables and starts the log. Alone, this is enough to propose.
  void start_log();

  /// Starts a cluster group with one shard.
  void start_cluster();

  void start();

  /// Ends all actors at once, as a kill does. The base class would end them by
  /// `run`, which never returns while one ticks.
  void stop();

  template <class Handle>
  void end(Handle& x) {
    if (x)
      self->send_exit(x, caf::exit_reason::kill);
    x = nullptr;
  }

  void pass(std::chrono::milliseconds time);

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

  proto::Reply ask(const proto::Request& x);

  static proto::TaskSpec noop(const std::string& product = "p");

  static proto::Request submission(const proto::TaskSpec& spec, int n = 1);

  std::string submit(const proto::TaskSpec& spec = noop());

  proto::Task task(const std::string& id);

  proto::Reply cancel(const std::string& id);

  uint64_t fenced(const std::string& node);

  // -- workers ----------------------------------------------------------------

  worker_ptr make_worker(const std::string& node = "n1",
                         uint64_t incarnation = 1);

  void hello(const worker_ptr& x, std::vector<proto::AttemptRef> holds = {},
             std::vector<proto::FinishCommand::Item> finishes = {});

  /// A worker that said hello.
  worker_ptr connect(const std::string& node = "n1", uint64_t incarnation = 1);

  void pull(const worker_ptr& x, uint32_t free);

  /// The connection of *x* ends.
  void disconnect(const worker_ptr& x);

  static proto::FinishCommand::Item ending(const proto::Assignment& x,
                                           proto::TaskState outcome);

  proto::Report news(const worker_ptr& x);

  answer_ptr<proto::ReportAck> report(const worker_ptr& x,
                                      const proto::FinishCommand::Item& end);

  /// Says that *x* runs *running*, or nothing but that it lives.
  answer_ptr<proto::ReportAck>
  alive(const worker_ptr& x, const std::vector<proto::Assignment>& running);

  /// Lets *time* pass while *x* reports.
  void pass_alive(const worker_ptr& x,
                  const std::vector<proto::Assignment>& running,
                  std::chrono::milliseconds time);

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
