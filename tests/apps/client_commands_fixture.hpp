// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/commands/bulk_submit.hpp"
#include "apps/commands/commands.hpp"
#include "tests/apps/fake_node.hpp"

#include <caf/test/dsl.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

// Needs CAF_SUITE, as all tests have it.

namespace coppice::test {

/// What survives a fake node: its tasks, and what became of them.
class fake_store {
public:
  std::optional<proto::Reply> answer(const proto::Request& x) {
    std::lock_guard guard{mutex_};
    proto::Reply reply;
    if (x.has_submit())
      submit(x.submit(), *reply.mutable_submit());
    else if (x.has_get())
      get(x.get(), *reply.mutable_get());
    else if (x.has_list())
      list(x.list(), *reply.mutable_list());
    else if (x.has_cancel())
      change(x.cancel().ids(), *reply.mutable_cancel());
    else if (x.has_retry())
      change(x.retry().ids(), *reply.mutable_retry());
    else if (x.has_explain())
      *reply.mutable_explain()->mutable_task() = tasks_[x.explain().id()];
    else if (x.has_release())
      reply.mutable_release()->set_quarantined(x.release().node() == "bad");
    else if (x.has_tokens())
      *reply.mutable_tokens() = tokens;
    else if (x.has_token())
      change_token(x.token().change(), reply);
    else if (x.has_log())
      *reply.mutable_log() = output;
    else
      reply.mutable_error()->set_message("not here");
    return reply;
  }

  /// Lets every task end like this at the next look.
  void end_all(proto::TaskState state) {
    std::lock_guard guard{mutex_};
    for (auto& [id, task] : tasks_)
      task.set_state(state);
  }

  /// Gives every task a first attempt that ended then; 0: it has not.
  void add_attempts(int64_t ended_ms) {
    std::lock_guard guard{mutex_};
    for (auto& [id, task] : tasks_) {
      task.clear_attempts();
      task.add_attempts()->set_number(1);
      task.mutable_attempts(0)->set_ended_ms(ended_ms);
    }
  }

  proto::TokensReply tokens;

  /// What there is to read.
  proto::LogReply output;

  std::atomic<size_t> largest_batch{0};
  std::atomic<size_t> submits{0};
  /// What a spec of the kind "large" is refused with.
  ec large_code = ec::storage_failure;
  /// What new tasks are.
  std::atomic<proto::TaskState> born{proto::WAITING};

private:
  void submit(const proto::SubmitRequest& x, proto::SubmitReply& reply) {
    ++submits;
    largest_batch
      = std::max<size_t>(largest_batch, static_cast<size_t>(x.specs_size()));
    for (auto& bytes : x.specs()) {
      auto* item = reply.add_items();
      proto::TaskSpec spec;
      spec.ParseFromString(bytes);
      if (spec.kind() == "unknown") {
        item->mutable_error()->set_message("kind 'unknown' is not known");
        continue;
      }
      if (spec.kind() == "large") {
        item->mutable_error()->set_code(static_cast<uint32_t>(large_code));
        item->mutable_error()->set_message("there is no room");
        continue;
      }
      auto known = ids_.find(spec.idempotency_key());
      item->set_duplicate(known != ids_.end());
      if (known == ids_.end()) {
        auto id = "1.1." + std::to_string(ids_.size() + 1);
        known = ids_.emplace(spec.idempotency_key(), id).first;
        tasks_[id].set_id(id);
        tasks_[id].set_kind(spec.kind());
        tasks_[id].set_state(born);
      }
      item->set_id(known->second);
    }
  }

  void change_token(const proto::TokenCommand& x, proto::Reply& reply) {
    reply.mutable_token();
    if (x.has_created())
      *tokens.add_tokens() = x.created();
    else
      reply.mutable_error()->set_message("no token " + x.revoked());
  }

  void get(const proto::GetRequest& x, proto::GetReply& reply) {
    for (auto& id : x.ids()) {
      auto* item = reply.add_items();
      if (auto i = tasks_.find(id); i != tasks_.end())
        *item->mutable_task() = i->second;
      else
        item->mutable_error()->set_message("no task " + id);
    }
  }

  /// Changes nothing, and says that it did.
  void change(const auto& ids, auto& reply) {
    for (auto& id : ids) {
      auto* item = reply.add_items();
      item->set_id(id);
      auto i = tasks_.find(id);
      if (i == tasks_.end())
        item->mutable_error()->set_message("no task " + id);
      else if constexpr (requires { item->set_state(proto::WAITING); })
        item->set_state(i->second.state());
    }
  }

  void list(const proto::ListRequest& x, proto::ListReply& reply) {
    for (auto& [id, task] : tasks_) {
      if (!x.after().empty() && id <= x.after())
        continue;
      if (reply.tasks_size() == static_cast<int>(x.limit())) {
        reply.set_next(reply.tasks(reply.tasks_size() - 1).id());
        return;
      }
      *reply.add_tasks() = task;
    }
  }

  std::mutex mutex_;
  std::map<std::string, std::string> ids_;
  std::map<std::string, proto::Task> tasks_;
};

/// The commands of a client, and a node to run them against that can go and
/// come back.
struct client_commands_fixture {
  client_commands_fixture() {
    start();
    port = node->port();
  }

  void start() {
    node = std::make_unique<fake_node>(
      [this](const proto::Request& x) { return store.answer(x); }, port);
  }

  /// Runs a command line as `coppice` would.
  exit_code run(std::vector<std::string> args) {
    out.str("");
    return run(std::move(args), out);
  }

  exit_code run(std::vector<std::string> args, std::ostream& to) {
    auto x = parse(args);
    CAF_REQUIRE(x);
    x.value().connection.address = {"127.0.0.1", port};
    err.str("");
    context ctx{x.value().connection, to, err};
    return x.value().run(ctx);
  }

  /// Submits *lines*.
  exit_code submit(const std::string& lines) {
    client_options options;
    options.address = {"127.0.0.1", port};
    options.patience = options.persistence = persistence;
    context ctx{options, out, err};
    std::istringstream input{lines};
    bulk_submit bulk{ctx, false};
    auto code = bulk.run(input);
    ids = bulk.ids();
    return code;
  }

  bool complains(const std::string& part) const {
    return err.str().find(part) != std::string::npos;
  }

  fake_store store;
  std::chrono::milliseconds persistence{60'000};
  uint16_t port = 0;
  std::unique_ptr<fake_node> node;
  std::ostringstream out;
  std::ostringstream err;
  std::vector<std::string> ids;
};

/// A line for `submit`.
inline std::string noop_line(int i) {
  return "{\"kind\":\"noop\",\"idempotencyKey\":\"k" + std::to_string(i)
         + "\"}\n";
}

} // namespace coppice::test
