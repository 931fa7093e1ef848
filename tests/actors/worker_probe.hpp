// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/messages.hpp"
#include "actors/replies.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace coppice::test {

/// A worker node of which only the actor exists: what it was told, and what it
/// says of itself.
struct worker_probe {
  std::string node;
  uint64_t incarnation = 1;
  uint64_t connection = 0;
  std::vector<std::string> kinds;
  std::vector<std::string> labels;

  std::vector<proto::Assignment> got;
  uint64_t seen = 0;
  std::vector<proto::StopAttempts> stops;
  std::vector<proto::LogRequest> logs;

  proto::Welcome welcome;
  uint64_t reports = 0;
  worker_actor handle;

  std::vector<std::string> ids() const {
    std::vector<std::string> result;
    for (auto& x : got)
      result.push_back(to_string(from_ref(x.ref().task())));
    return result;
  }
};

using worker_ptr = std::shared_ptr<worker_probe>;

inline worker_actor::behavior_type probe(worker_actor::pointer,
                                         worker_ptr probed) {
  return {
    [probed](const proto::Assignments& xs) {
      probed->seen = xs.number();
      probed->got.insert(probed->got.end(), xs.items().begin(),
                         xs.items().end());
    },
    [probed](const proto::StopAttempts& x) { probed->stops.push_back(x); },
    [probed](const proto::LogRequest& x) {
      probed->logs.push_back(x);
      proto::Reply reply;
      reply.mutable_log()->set_data("output of " + x.id());
      return reply;
    },
  };
}

} // namespace coppice::test
