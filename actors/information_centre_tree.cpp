// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the INFORMATION_CENTRE that asks nodes what they consist of.

#include "actors/information_centre.hpp"
#include "actors/replies.hpp"
#include "runtime/spelling.hpp"

#include <caf/actor_cast.hpp>

#include <utility>

namespace coppice {

namespace {

/// A node answers within less, whatever its parts do.
constexpr auto tree_timeout = std::chrono::seconds{5};

} // namespace

caf::result<proto::Reply>
information_centre_state::show_tree(const proto::Request& x) {
  auto& node = x.tree().node();
  auto known = subscribers.find(node);
  if (known == subscribers.end()) {
    auto why = list->table().find(node)
                 ? "node " + in_quotes(node)
                     + " is not connected; 'coppice nodes' says since when"
                 : "there is no node " + in_quotes(node)
                     + "; 'coppice nodes' lists them";
    return refusal(ec::not_found, std::move(why));
  }
  auto promise = self->make_response_promise<proto::Reply>();
  self
    ->request(caf::actor_cast<api_actor>(known->second.handle), tree_timeout, x)
    .then(
      [promise, node](proto::Reply& reply) mutable {
        // One of an earlier version has another answer to everything.
        if (!reply.has_tree() && !reply.has_error())
          reply = refusal(ec::protocol_violation,
                          "node " + in_quotes(node)
                            + " does not know this request");
        promise.deliver(std::move(reply));
      },
      [promise, node](const caf::error&) mutable {
        promise.deliver(refusal(ec::deadline_exceeded, "node " + in_quotes(node)
                                                         + " does not answer"));
      });
  return promise;
}

} // namespace coppice
