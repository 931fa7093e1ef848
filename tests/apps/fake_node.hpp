// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/messages.hpp"
#include "apps/client_link.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace coppice::test {

/// Answers like a manager, or not at all.
using fake_answer
  = std::function<std::optional<proto::Reply>(const proto::Request&)>;

/// The actor of a fake node.
inline api_actor::behavior_type fake_api(api_actor::pointer self,
                                         fake_answer answer) {
  return {[self, answer](const proto::Request& x) -> caf::result<proto::Reply> {
    if (auto reply = answer(x))
      return std::move(*reply);
    // CAF answers for nobody who dropped the promise.
    return self->make_response_promise<proto::Reply>();
  }};
}

/// A manager in an actor system of its own, reached over TCP. Its end is that
/// of a process that was killed: connections close, nothing is said.
class fake_node {
public:
  /// @param port 0: any.
  explicit fake_node(fake_answer answer, uint16_t port = 0,
                     const std::string& protocol = app_identifier) {
    config_.set("middleman.app-identifiers",
                std::vector<std::string>{protocol});
    system_ = std::make_unique<caf::actor_system>(config_);
    api_ = system_->spawn(fake_api, std::move(answer));
    auto bound = system_->middleman().publish(api_, port, "127.0.0.1", true);
    if (!bound)
      throw std::runtime_error("cannot publish");
    port_ = *bound;
  }

  ~fake_node() {
    // The port closes first: who connects again must not meet a dying actor.
    system_->middleman().unpublish(api_, port_);
    caf::anon_send_exit(api_, caf::exit_reason::kill);
    api_ = nullptr;
  }

  fake_node(const fake_node&) = delete;

  fake_node& operator=(const fake_node&) = delete;

  uint16_t port() const {
    return port_;
  }

private:
  client_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  api_actor api_;
  uint16_t port_ = 0;
};

/// Something that happens once, and that another thread waits for.
class event {
public:
  void set() {
    std::lock_guard guard{mutex_};
    happened_ = true;
    condition_.notify_all();
  }

  void wait() {
    std::unique_lock guard{mutex_};
    condition_.wait(guard, [this] { return happened_; });
  }

private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool happened_ = false;
};

} // namespace coppice::test
