// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/directory.hpp"

#include "actors/replies.hpp"
#include "runtime/log.hpp"

#include <caf/response_promise.hpp>

#include <chrono>
#include <utility>

namespace coppice {

namespace {

/// How long registering may take, the commit included.
constexpr auto hello_timeout = std::chrono::seconds{30};

} // namespace

// -- directory_state ----------------------------------------------------------

caf::result<proto::Reply> directory_state::on_request(proto::Request& x) {
  if (x.kind_case() == proto::Request::kStop) {
    proto::Reply reply;
    reply.mutable_stop()->set_node(options.node);
    log::info("node {} is asked to stop by a client", options.node);
    options.stop();
    return reply;
  }
  if (!tracker)
    return refusal(ec::not_leader, "node " + options.node
                                     + " is no manager; ask one of "
                                     + options.managers + " (--connect)");
  if (x.kind_case() == proto::Request::kSubmit
      || x.kind_case() == proto::Request::kExplain)
    return self->delegate(scheduler, std::move(x));
  return self->delegate(tracker, std::move(x));
}

caf::result<proto::Welcome, job_scheduler_actor, task_tracker_actor>
directory_state::on_hello(proto::Hello& x, worker_actor& from) {
  auto promise
    = self->make_response_promise<proto::Welcome, job_scheduler_actor,
                                  task_tracker_actor>();
  auto refuse = [&](ec code, std::string why) {
    proto::Welcome welcome;
    set_error(*welcome.mutable_error(), {code, std::move(why)});
    promise.deliver(std::move(welcome), job_scheduler_actor{},
                    task_tracker_actor{});
    return promise;
  };
  if (!tracker)
    return refuse(ec::not_leader, "node " + options.node + " is no manager");
  if (x.protocol() != protocol_version)
    return refuse(ec::protocol_violation,
                  "node " + x.node() + " speaks protocol "
                    + std::to_string(x.protocol()) + ", node " + options.node
                    + " speaks " + std::to_string(protocol_version));
  self->request(tracker, hello_timeout, std::move(x), from)
    .then(
      [this, promise](proto::Welcome& welcome) mutable {
        promise.deliver(std::move(welcome), job_scheduler_actor{scheduler},
                        task_tracker_actor{tracker});
      },
      [promise](caf::error& err) mutable {
        proto::Welcome welcome;
        *welcome.mutable_error() = unknown_outcome(err);
        promise.deliver(std::move(welcome), job_scheduler_actor{},
                        task_tracker_actor{});
      });
  return promise;
}

// -- directory ----------------------------------------------------------------

directory_actor::behavior_type
directory(directory_actor::stateful_pointer<directory_state> self,
          directory_options options, local_job_scheduler_actor scheduler,
          local_task_tracker_actor tracker) {
  self->state.options = std::move(options);
  self->state.scheduler = std::move(scheduler);
  self->state.tracker = std::move(tracker);
  return {
    [self](proto::Request& x) { return self->state.on_request(x); },
    [self](proto::Hello& x, worker_actor& from) {
      return self->state.on_hello(x, from);
    },
  };
}

} // namespace coppice
