// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/executor.hpp"
#include "tests/support/temp_folder.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/test/dsl.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace coppice::test {

/// Returns all of a file; empty if there is none.
inline std::string read_file(const std::filesystem::path& x) {
  std::ifstream in{x, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// What the three actors of a manager were told, and what they are to answer.
struct manager_script {
  std::vector<proto::Hello> hellos;
  std::vector<proto::Pull> pulls;
  std::vector<proto::Report> reports;
  std::vector<proto::SaveCheckpoint> saved;

  proto::Welcome welcome;
  bool answers_reports = true;
  proto::Error report_error;
  proto::DrainOrder drain = proto::NO_DRAIN;
  proto::Error save_error;
  std::string checkpoint;

  /// The worker that said hello last.
  worker_actor worker;
  uint64_t assignments = 0;

  /// Returns all finishes of all reports, in their order.
  std::vector<proto::FinishCommand::Item> finishes() const {
    std::vector<proto::FinishCommand::Item> result;
    for (auto& report : reports)
      for (auto& x : report.finishes())
        result.push_back(x);
    return result;
  }
};

using script_ptr = std::shared_ptr<manager_script>;

inline job_scheduler_actor::behavior_type
fake_scheduler(job_scheduler_actor::pointer, script_ptr script) {
  return {
    [](const proto::Request&) { return proto::Reply{}; },
    [script](const proto::Pull& x, const worker_actor&) {
      script->pulls.push_back(x);
    },
  };
}

inline task_tracker_actor::behavior_type
fake_tracker(task_tracker_actor::pointer self, script_ptr script) {
  return {
    [](const proto::Request&) { return proto::Reply{}; },
    [self, script](const proto::Report& x) -> caf::result<proto::ReportAck> {
      script->reports.push_back(x);
      auto promise = self->make_response_promise<proto::ReportAck>();
      if (!script->answers_reports)
        return promise;
      proto::ReportAck ack;
      ack.set_number(x.number());
      ack.set_drain(script->drain);
      if (script->report_error.code() != 0)
        *ack.mutable_error() = script->report_error;
      promise.deliver(ack);
      return promise;
    },
    [script](const proto::SaveCheckpoint& x) {
      script->saved.push_back(x);
      proto::CheckpointOutcome outcome;
      if (script->save_error.code() != 0)
        *outcome.mutable_error() = script->save_error;
      return outcome;
    },
    [script](const proto::LoadCheckpoint& x) {
      proto::CheckpointChunk chunk;
      chunk.set_data(script->checkpoint.substr(
        x.chunk() * checkpoint_chunk_bytes, checkpoint_chunk_bytes));
      return chunk;
    },
  };
}

inline directory_actor::behavior_type
fake_directory(directory_actor::pointer, script_ptr script,
               job_scheduler_actor scheduler, task_tracker_actor tracker) {
  return {
    [](const proto::Request&) { return proto::Reply{}; },
    [=](const proto::Hello& x, const worker_actor& worker)
      -> caf::result<proto::Welcome, job_scheduler_actor, task_tracker_actor> {
      script->hellos.push_back(x);
      script->worker = worker;
      script->assignments = 0;
      return {script->welcome, scheduler, tracker};
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

/// A run that does what the test says.
struct fake_run {
  run_observer observer;
  run_start start;
  std::vector<std::chrono::milliseconds> stops;
  std::vector<result<>> saved;
  int wanted_checkpoints = 0;

  template <class T>
  void say(T what) {
    caf::anon_send(observer, run_event{start.key, std::move(what)});
  }
};

using fake_run_ptr = std::shared_ptr<fake_run>;

class fake_control : public run_control {
public:
  explicit fake_control(fake_run_ptr run) : run_(std::move(run)) {}

  void stop(std::chrono::milliseconds grace) override {
    run_->stops.push_back(grace);
  }

  void ask_for_checkpoint() override {
    ++run_->wanted_checkpoints;
  }

  void checkpoint_saved(const result<>& outcome) override {
    run_->saved.push_back(outcome);
  }

private:
  fake_run_ptr run_;
};

/// An EXECUTOR and its manager on one thread and a clock that stands still.
struct executor_fixture : test_coordinator_fixture<> {
  executor_fixture();

  ~executor_fixture();

  void start();

  /// Moves both clocks.
  void pass(std::chrono::milliseconds time);

  static attempt_key key(uint64_t sequence, uint32_t attempt = 1);

  static proto::Assignment make(const attempt_key& k, const std::string& kind);

  static proto::Assignment make(const attempt_key& k,
                                const proto::TaskSpec& spec);

  void assign(std::vector<proto::Assignment> items);

  void stop(const attempt_key& k, proto::Reason why);

  bool is_alive() const;

  temp_folder folder;
  script_ptr script;
  std::map<attempt_key, fake_run_ptr> runs;
  std::chrono::nanoseconds boot{0};
  executor_options options;
  job_scheduler_actor scheduler;
  task_tracker_actor tracker;
  directory_actor directory;
  executor_impl aut;
  std::shared_ptr<bool> dead = std::make_shared<bool>(false);
};

} // namespace coppice::test
