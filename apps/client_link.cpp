// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/client_link.hpp"

#include "actors/net/middleman.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/send.hpp>

#include <chrono>

namespace coppice {

namespace {

/// Who listens was found out just before: this is for those who went since.
constexpr auto connect_timeout = std::chrono::milliseconds{2'000};

} // namespace

void client_link_state::on_dial(link_dial_ptr x) {
  address = x->address;
  self
    ->request(middleman, caf::infinite, caf::connect_atom::value, x->host,
              x->port)
    .then(
      [this, x](const caf::node_id&, caf::strong_actor_ptr& peer,
                const std::set<std::string>& interface) {
        on_connected(x, std::move(peer), interface);
      },
      [this, x](const caf::error& err) {
        x->answer.set_value(connect_failure(err));
      });
}

void client_link_state::on_connected(const link_dial_ptr& x,
                                     caf::strong_actor_ptr peer,
                                     const std::set<std::string>& interface) {
  if (!peer || !self->system().assignable<api_actor>(interface)) {
    x->answer.set_value(
      error{ec::protocol_violation, "a node listens there, but no manager"});
    return;
  }
  // What another manager was asked it may never answer.
  if (api) {
    self->demonitor(api.address());
    on_down();
  }
  // A peer that came back has an equal handle, but only the fresh one works.
  api = caf::actor_cast<api_actor>(std::move(peer));
  self->monitor(api);
  x->answer.set_value(ok());
}

void client_link_state::on_sending(link_sending_ptr x) {
  if (!api) {
    x->answer.set_value(lost());
    return;
  }
  pending.insert(x);
  self->request(api, caf::infinite, *x->request)
    .then(
      [this, x](proto::Reply& reply) {
        if (pending.erase(x) != 0)
          x->answer.set_value(std::move(reply));
      },
      [this, x](const caf::error& err) {
        if (pending.erase(x) == 0)
          return;
        if (err == caf::sec::request_receiver_down)
          x->answer.set_value(lost());
        else
          x->answer.set_value(error{ec::protocol_violation,
                                    "the node does not understand the request: "
                                      + self->system().render(err)});
      });
}

void client_link_state::on_down() {
  api = nullptr;
  for (auto& x : pending)
    x->answer.set_value(lost());
  pending.clear();
}

error client_link_state::no_cluster(ec code, const std::string& why) const {
  return {code, "no cluster reached at " + address + ": " + why};
}

error client_link_state::lost() const {
  return no_cluster(ec::unreachable, "the connection is lost");
}

error client_link_state::connect_failure(const caf::error& x) const {
  if (x == caf::sec::incompatible_application_ids)
    return no_cluster(ec::protocol_violation,
                      "who listens there speaks another version of Coppice's "
                      "protocol than this client, "
                        + std::string{app_identifier});
  if (x == caf::sec::cannot_connect_to_node)
    return no_cluster(ec::unreachable, "nobody listens there");
  return no_cluster(ec::unreachable, "who listens there is no Coppice manager, "
                                     "or it just went down");
}

caf::behavior client_link(caf::stateful_actor<client_link_state>* self,
                          std::string address) {
  auto middleman = net::spawn_middleman(self->system(), connect_timeout);
  self->state.middleman = middleman;
  // A middleman ignores all reasons but this one.
  self->attach_functor(
    [middleman] { caf::anon_send_exit(middleman, caf::exit_reason::kill); });
  self->state.address = std::move(address);
  self->set_down_handler([self](const caf::down_msg& x) {
    if (x.source == self->state.api)
      self->state.on_down();
  });
  return {
    [self](link_dial_ptr x) { self->state.on_dial(std::move(x)); },
    [self](link_sending_ptr x) { self->state.on_sending(std::move(x)); },
  };
}

client_system_config::client_system_config() {
  add_message_types<caf::id_block::coppice>();
  load<caf::io::middleman>();
  set("scheduler.max-threads", 2);
  // The default policy keeps an idle client's threads busy with looking for
  // work to steal.
  set("scheduler.policy", caf::atom("sharing"));
  net::configure(*this, {});
}

} // namespace coppice
