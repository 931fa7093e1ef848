// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/worker_link.hpp"

#include "config/values.hpp"
#include "runtime/health/node_card.hpp"
#include "runtime/log.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace coppice {

namespace {

/// CAF's own handshake has no deadline: this is added to that of the dial.
constexpr auto slack = std::chrono::milliseconds{500};

/// How long a manager may take to say who the others are.
constexpr auto others_timeout = std::chrono::seconds{10};

} // namespace

caf::result<directory_actor> worker_link_state::dial(const std::string& group) {
  auto promise = self->make_response_promise<directory_actor>();
  dial_next(promise, group, managers.size() - 1);
  return promise;
}

void worker_link_state::dial_next(
  caf::typed_response_promise<directory_actor> promise,
  const std::string& group, size_t left) {
  auto& turn = turns[group];
  turn %= managers.size(); // There may be fewer now.
  auto address = managers[turn];
  // Also if it answers: who asks again does so because it does not lead.
  turn = (turn + 1) % managers.size();
  auto failed = [this, promise, group, left](const caf::error& err) mutable {
    if (left > 0)
      dial_next(promise, group, left - 1);
    else
      promise.deliver(err);
  };
  self
    ->request(middleman, caf::duration{options.patience + slack},
              caf::connect_atom::value, address.host, address.port)
    .then(
      [this, promise, failed,
       address](const caf::node_id&, caf::strong_actor_ptr& peer,
                const std::set<std::string>& interface) mutable {
        auto wanted = self->system().message_types<directory_actor>();
        if (!peer || !self->system().assignable(interface, wanted)) {
          log::warn("worker_link finds no manager of its version at {}",
                    to_string(address));
          failed(
            caf::make_error(caf::sec::unexpected_actor_messaging_interface));
          return;
        }
        auto found = caf::actor_cast<directory_actor>(peer);
        ask_for_others(found);
        promise.deliver(std::move(found));
      },
      [failed, address](caf::error& err) mutable {
        log::debug("worker_link cannot reach {}", to_string(address));
        failed(err);
      });
}

void worker_link_state::on_nodes(const node_news& x) {
  for (auto& row : *x.rows) {
    learned.erase(row.start.node);
    auto card = decode_card(row.card);
    auto is_gone
      = row.state == node_state::left || row.state == node_state::forgotten;
    if (card.manager() && !is_gone)
      learn(row.start.node, card.address());
  }
  update_managers();
}

void worker_link_state::ask_for_others(const directory_actor& x) {
  if (!learned.empty())
    return;
  proto::Request wanted;
  wanted.mutable_nodes();
  self->request(x, caf::duration{others_timeout}, std::move(wanted))
    .then(
      [this](const proto::Reply& reply) {
        if (!learned.empty())
          return; // The list of nodes has come.
        for (auto& node : reply.nodes().nodes())
          if (node.manager() && node.state() != to_string(node_state::left))
            learn(node.name(), node.address());
        update_managers();
      },
      [](const caf::error&) {
        // The next one that is found is asked as well.
      });
}

void worker_link_state::learn(const std::string& node,
                              const std::string& address) {
  if (auto where = parse_host_port(address))
    learned.emplace(node, std::move(where.value()));
}

void worker_link_state::update_managers() {
  managers = options.managers;
  for (auto& [node, where] : learned)
    if (std::find(managers.begin(), managers.end(), where) == managers.end())
      managers.push_back(where);
}

local_worker_link_actor::behavior_type
worker_link(local_worker_link_actor::stateful_pointer<worker_link_state> self,
            worker_link_options options, caf::io::middleman_actor middleman) {
  self->state.options = std::move(options);
  self->state.managers = self->state.options.managers;
  self->state.middleman = middleman;
  // A middleman ignores all reasons but this one.
  self->attach_functor(
    [middleman] { caf::anon_send_exit(middleman, caf::exit_reason::kill); });
  return {
    [self](caf::connect_atom, const std::string& group) {
      return self->state.dial(group);
    },
    [self](const node_news& x) { self->state.on_nodes(x); },
  };
}

} // namespace coppice
