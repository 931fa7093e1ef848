// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "actors/state_monitor.hpp"
#include "tests/actors/manager_fixture.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

// Needs CAF_SUITE, as all tests have it.

namespace coppice::test {

/// A manager with an INFORMATION_CENTRE, and nodes that are told what changes.
struct health_fixture : manager_fixture {
  /// What the STATE_MONITOR of a node was told.
  struct told_node {
    state_monitor_actor handle;
    std::vector<proto::NodeChangesPart> parts;
    proto::RegistrationReply said;
    information_centre_actor centre;
  };

  using told_ptr = std::shared_ptr<told_node>;

  static state_monitor_actor::behavior_type
  fake_monitor(state_monitor_actor::pointer, told_ptr state) {
    return {
      [state](const proto::NodeChangesPart& x) { state->parts.push_back(x); },
    };
  }

  health_fixture() {
    centre_options.limits.limit = std::chrono::seconds{1};
    // The clock stands still, and events are to come at once.
    centre_options.event_pause = {};
    centre_options.probe = [this](const std::string& address,
                                  std::function<void(net::probe_result)> f) {
      probed.push_back(address);
      f(listening[address]);
    };
  }

  ~health_fixture() {
    for (auto& x : told)
      self->send_exit(x->handle, caf::exit_reason::kill);
    for (auto& x : told)
      *x = {};
    consume_messages();
  }

  static proto::NodeCard card_of(const std::string& node) {
    proto::NodeCard x;
    x.set_address(node + ":1");
    x.set_worker(true);
    return x;
  }

  /// Registers a node by way of the DIRECTORY.
  told_ptr enter(const std::string& node, uint64_t incarnation,
                 const std::string& address = {}) {
    auto x = std::make_shared<told_node>();
    x->handle = sys.spawn(fake_monitor, x);
    told.push_back(x);
    proto::Registration out;
    out.set_cluster(centre_options.cluster);
    out.set_node(node);
    out.set_incarnation(incarnation);
    out.set_protocol(protocol_version);
    auto card = card_of(node);
    if (!address.empty())
      card.set_address(address);
    listening.try_emplace(card.address(), net::probe_result::reached);
    out.set_card(card.SerializeAsString());
    auto say_it = [=, to = front](caf::event_based_actor* client, int) {
      client->request(to, caf::infinite, out, x->handle)
        .then([=](proto::RegistrationReply& reply,
                  information_centre_actor& found) {
          x->said = reply;
          x->centre = found;
        });
    };
    sys.spawn(say_it, 0);
    consume_messages();
    return x;
  }

  admission keep_alive(const std::string& node, uint64_t incarnation) {
    proto::KeepAlive x;
    x.set_node(node);
    x.set_incarnation(incarnation);
    auto ack
      = request<proto::KeepAliveAck>(information_centre_actor{centre}, x);
    return static_cast<admission>(need(ack).admission());
  }

  proto::LeaveAck leave(const std::string& node, uint64_t incarnation) {
    proto::Leave x;
    x.set_node(node);
    x.set_incarnation(incarnation);
    return need(request<proto::LeaveAck>(information_centre_actor{centre}, x));
  }

  /// Lets time pass in which all of *xs* give signs of life.
  void pass_alive(std::chrono::milliseconds time,
                  const std::vector<std::string>& xs) {
    for (; time.count() > 0; time -= std::chrono::milliseconds{100}) {
      for (auto& x : xs)
        keep_alive(x, 1);
      pass(std::chrono::milliseconds{100});
    }
  }

  proto::Node look(const std::string& node) {
    proto::Request x;
    x.mutable_nodes();
    auto reply = ask(x);
    for (auto& y : reply.nodes().nodes())
      if (y.name() == node)
        return y;
    return {};
  }

  std::string state_of(const std::string& node) {
    return look(node).state();
  }

  std::string address_of(const std::string& node) {
    return look(node).address();
  }

  /// What listens where; nothing is known of others.
  std::map<std::string, net::probe_result> listening;
  std::vector<std::string> probed;
  std::vector<told_ptr> told;
};

} // namespace coppice::test
