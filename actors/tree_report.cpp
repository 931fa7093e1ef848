// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/tree_report.hpp"

#include <caf/actor_cast.hpp>

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

using std::chrono::milliseconds;

constexpr uint32_t default_patience_ms = 2'000;

constexpr uint32_t longest_patience_ms = 10'000;

/// What is below waits less long, so that it can still say who was silent.
constexpr uint32_t patience_step_ms = 150;

constexpr uint32_t least_patience_ms = 100;

} // namespace

known_part running_part(std::string name, caf::actor handle, int64_t since_ms,
                        bool has_parts) {
  known_part x;
  x.row.set_name(std::move(name));
  x.row.set_state(proto::TreePart::RUNNING);
  x.row.set_since_ms(since_ms);
  x.handle = std::move(handle);
  x.has_parts = has_parts;
  return x;
}

caf::result<proto::Reply>
tree_report_state::on_request(const proto::Request& x) {
  auto patience = x.tree().patience_ms();
  if (patience == 0)
    patience = default_patience_ms;
  patience = std::clamp(patience, least_patience_ms, longest_patience_ms);
  answer = self->make_response_promise<proto::Reply>();
  // It also keeps this actor, which nobody else holds.
  self->delayed_send(self, milliseconds{patience}, caf::tick_atom::value);
  auto below
    = milliseconds{std::max(patience, patience_step_ms + least_patience_ms)
                   - patience_step_ms};
  missing = 1;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].handle)
      continue;
    ping(i, below);
    if (parts[i].has_parts)
      ask(i, below);
  }
  note();
  return answer;
}

void tree_report_state::ping(size_t i, milliseconds patience) {
  ++missing;
  auto asked = self->clock().now();
  auto& row = parts[i].row;
  if (row.state() == proto::TreePart::RUNNING)
    row.set_state(proto::TreePart::SILENT);
  self
    ->request(parts[i].handle, patience, caf::sys_atom::value,
              caf::get_atom::value, std::string{"info"})
    .then(
      [this, i, asked](caf::ok_atom, const std::string&,
                       const caf::strong_actor_ptr&, const std::string&) {
        auto& x = parts[i].row;
        x.set_answer_us(std::chrono::duration_cast<std::chrono::microseconds>(
                          self->clock().now() - asked)
                          .count());
        if (x.state() == proto::TreePart::SILENT)
          x.set_state(proto::TreePart::RUNNING);
        note();
      },
      [this](const caf::error&) { note(); });
}

void tree_report_state::ask(size_t i, milliseconds patience) {
  ++missing;
  proto::Request x;
  x.mutable_tree()->set_patience_ms(static_cast<uint32_t>(patience.count()));
  self
    ->request(caf::actor_cast<api_actor>(parts[i].handle), patience,
              std::move(x))
    .then(
      [this, i](proto::Reply& reply) {
        *parts[i].row.mutable_parts()
          = std::move(*reply.mutable_tree()->mutable_root()->mutable_parts());
        note();
      },
      [this](const caf::error&) { note(); });
}

void tree_report_state::note() {
  if (--missing == 0)
    finish();
}

void tree_report_state::finish() {
  proto::Reply reply;
  auto& root = *reply.mutable_tree()->mutable_root();
  for (auto& x : parts)
    *root.add_parts() = std::move(x.row);
  answer.deliver(std::move(reply));
  self->quit();
}

tree_report_actor::behavior_type
tree_report(tree_report_actor::stateful_pointer<tree_report_state> self,
            std::vector<known_part> parts) {
  self->state.parts = std::move(parts);
  return {
    [self](const proto::Request& x) { return self->state.on_request(x); },
    [self](caf::tick_atom) { self->state.finish(); },
  };
}

} // namespace coppice
