// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/scatter.hpp"

#include "runtime/error.hpp"
#include "runtime/task/lease_rules.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace coppice {

namespace {

proto::Error to_proto(const error& x) {
  proto::Error out;
  out.set_code(static_cast<uint32_t>(x.code));
  out.set_message(x.message);
  return out;
}

std::vector<std::string> strings(const auto& xs) {
  return {xs.begin(), xs.end()};
}

/// Adds an id to the part of a request.
void add_id(proto::Request& to, const proto::Request& whole,
            const std::string& id) {
  switch (whole.kind_case()) {
    case proto::Request::kGet:
      to.mutable_get()->set_full(whole.get().full());
      to.set_stale(whole.stale());
      return to.mutable_get()->add_ids(id);
    case proto::Request::kCancel:
      return to.mutable_cancel()->add_ids(id);
    case proto::Request::kRetry:
      return to.mutable_retry()->add_ids(id);
    default: // One task.
      to = whole;
  }
}

/// Adds an item for *id* to the answer, where there are items.
void add_item(proto::Reply& to, const proto::Request& whole,
              const std::string& id) {
  if (whole.has_get())
    to.mutable_get()->add_items();
  else if (whole.has_cancel())
    to.mutable_cancel()->add_items()->set_id(id);
  else if (whole.has_retry())
    to.mutable_retry()->add_items()->set_id(id);
}

/// Refuses the item at *place*, or the request if it has no items.
void refuse(proto::Reply& to, int place, const proto::Error& why) {
  if (to.has_get())
    *to.mutable_get()->mutable_items(place)->mutable_error() = why;
  else if (to.has_cancel())
    *to.mutable_cancel()->mutable_items(place)->mutable_error() = why;
  else if (to.has_retry())
    *to.mutable_retry()->mutable_items(place)->mutable_error() = why;
  else
    *to.mutable_error() = why;
}

void put_items(const std::vector<int>& places, auto& from, auto& to) {
  for (auto i = 0; i < from.items_size(); ++i)
    if (static_cast<size_t>(i) < places.size())
      to.mutable_items(places[static_cast<size_t>(i)])
        ->Swap(from.mutable_items(i));
}

/// Takes the first answer that refuses, if there is one.
std::optional<proto::Reply> first_refusal(std::vector<proto::Reply>& xs) {
  for (auto& x : xs)
    if (x.has_error())
      return std::move(x);
  return std::nullopt;
}

/// Makes the whole answer as old as its oldest part; unknown is the oldest.
void note_age(proto::Reply& to, const proto::Reply& part) {
  if (!part.has_age_ms())
    return;
  auto known = to.has_age_ms() ? to.age_ms() : 0;
  auto oldest = known < 0 || part.age_ms() < 0
                  ? int64_t{-1}
                  : std::max<int64_t>(known, part.age_ms());
  to.set_age_ms(oldest);
}

/// Returns the task that a lease is of; what is no lease as it is.
std::string task_of_lease(const proto::ClientLeaseRequest& x) {
  auto key = parse_lease_id(x.lease());
  return key ? to_string(key.value().task) : x.lease();
}

task_id id_of(const std::string& text) {
  auto id = parse_task_id(text);
  return id ? id.value() : task_id{};
}

} // namespace

std::vector<std::string> ids_of(const proto::Request& x) {
  switch (x.kind_case()) {
    case proto::Request::kGet:
      return strings(x.get().ids());
    case proto::Request::kCancel:
      return strings(x.cancel().ids());
    case proto::Request::kRetry:
      return strings(x.retry().ids());
    case proto::Request::kExplain:
      return {x.explain().id()};
    case proto::Request::kLog:
      return {x.log().id()};
    case proto::Request::kClientLease:
      return {task_of_lease(x.client_lease())};
    default:
      return {};
  }
}

std::vector<shard_request>
scatter(const proto::Request& x, const shard_finder& find, proto::Reply& out) {
  // Also the answer to no ids at all.
  if (x.has_get())
    out.mutable_get();
  else if (x.has_cancel())
    out.mutable_cancel();
  else if (x.has_retry())
    out.mutable_retry();
  std::map<uint32_t, shard_request> parts;
  auto ids = ids_of(x);
  for (auto place = 0; place < static_cast<int>(ids.size()); ++place) {
    auto& text = ids[static_cast<size_t>(place)];
    add_item(out, x, text);
    auto id = parse_task_id(text);
    auto shard = id ? find(id.value()) : std::nullopt;
    if (!id || !shard) {
      refuse(out, place,
             to_proto(id ? error{ec::not_found, "there is no task " + text}
                         : id.error()));
      continue;
    }
    auto& part = parts[*shard];
    part.shard = *shard;
    part.places.push_back(place);
    add_id(part.request, x, text);
  }
  std::vector<shard_request> result;
  for (auto& [shard, part] : parts)
    result.push_back(std::move(part));
  return result;
}

void gather(const shard_request& part, proto::Reply&& answer,
            proto::Reply& out) {
  note_age(out, answer);
  if (answer.has_error()) {
    if (!out.has_retry())
      *out.mutable_error() = answer.error();
    else
      for (auto place : part.places)
        refuse(out, place, answer.error());
  } else if (out.has_get()) {
    put_items(part.places, *answer.mutable_get(), *out.mutable_get());
  } else if (out.has_cancel()) {
    put_items(part.places, *answer.mutable_cancel(), *out.mutable_cancel());
  } else if (out.has_retry()) {
    put_items(part.places, *answer.mutable_retry(), *out.mutable_retry());
  } else {
    out = std::move(answer);
  }
}

proto::Reply merge_lists(std::vector<proto::Reply> answers, uint32_t limit) {
  if (auto refused = first_refusal(answers))
    return *refused;
  proto::Reply result;
  auto& out = *result.mutable_list();
  // Nobody knows what comes behind the page that ends first.
  std::optional<task_id> end;
  std::vector<std::pair<task_id, proto::Task*>> tasks;
  for (auto& x : answers) {
    note_age(result, x);
    for (auto& task : *x.mutable_list()->mutable_tasks())
      tasks.emplace_back(id_of(task.id()), &task);
    if (!x.list().next().empty()) {
      auto next = id_of(x.list().next());
      end = end ? std::min(*end, next) : next;
    }
  }
  std::sort(tasks.begin(), tasks.end(),
            [](auto& x, auto& y) { return x.first < y.first; });
  for (auto& [id, task] : tasks) {
    if (end && id > *end)
      break;
    if (static_cast<uint32_t>(out.tasks_size()) == limit) {
      end = id_of(out.tasks(out.tasks_size() - 1).id());
      break;
    }
    out.add_tasks()->Swap(task);
  }
  if (end)
    out.set_next(to_string(*end));
  return result;
}

proto::Reply merge_nodes(std::vector<proto::Reply> answers) {
  if (auto refused = first_refusal(answers))
    return *refused;
  std::map<std::string, proto::Node> nodes;
  for (auto& x : answers)
    for (auto& node : *x.mutable_nodes()->mutable_nodes()) {
      auto& known = nodes[node.name()];
      auto leased = known.leased() + node.leased();
      auto fenced = known.fenced() + node.fenced();
      auto connected = known.connected() || node.connected();
      auto heard = std::max(known.heard_ms(), node.heard_ms());
      auto quarantined = known.quarantined() || node.quarantined();
      auto notes = known.notes();
      notes.MergeFrom(node.notes());
      if (node.incarnation() > known.incarnation())
        known = std::move(node);
      known.set_quarantined(quarantined);
      *known.mutable_notes() = std::move(notes);
      known.set_leased(leased);
      known.set_fenced(fenced);
      known.set_connected(connected);
      known.set_heard_ms(heard);
    }
  proto::Reply result;
  result.mutable_nodes();
  for (auto& [name, node] : nodes)
    result.mutable_nodes()->add_nodes()->Swap(&node);
  return result;
}

proto::Reply merge_releases(std::vector<proto::Reply> answers) {
  if (auto refused = first_refusal(answers))
    return *refused;
  proto::Reply result;
  auto& out = *result.mutable_release();
  for (auto& x : answers)
    out.set_quarantined(out.quarantined() || x.release().quarantined());
  return result;
}

} // namespace coppice
