// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/consensus/membership.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

/// More members than any cluster has managers: what comes then is a fault.
constexpr size_t max_members = 16;

/// A learner that lacks no more entries than this has caught up.
constexpr uint64_t small_lag = 256;

using members = std::vector<member_record>;

template <class T>
bool contains(const std::vector<T>& xs, const T& x) {
  return std::find(xs.begin(), xs.end(), x) != xs.end();
}

members without(members xs, uint64_t id) {
  std::erase_if(xs, [id](const member_record& x) { return x.id == id; });
  return xs;
}

members promoted(members xs, uint64_t id) {
  for (auto& x : xs)
    x.votes = x.votes || x.id == id;
  return xs;
}

bool reachable(const membership_facts& x, uint64_t id) {
  return id == x.leader || contains(x.connected, id);
}

/// Returns whether *xs* can decide with those who can be reached.
bool can_decide(const membership_facts& x, const members& xs) {
  auto voters = std::count_if(xs.begin(), xs.end(),
                              [](const member_record& y) { return y.votes; });
  auto present = std::count_if(xs.begin(), xs.end(), [&](auto& y) {
    return y.votes && reachable(x, y.id);
  });
  return 2 * present > voters;
}

std::optional<members> drop(const membership_facts& x, uint64_t id) {
  auto after = without(x.members, id);
  if (id == x.leader || !can_decide(x, after))
    return std::nullopt;
  return after;
}

/// Returns the member that the same manager was before, if it is still there.
std::optional<uint64_t> predecessor(const membership_facts& x, uint64_t id) {
  for (auto& y : x.members)
    if (y.id != id && tag_of(y.id) == tag_of(id))
      return y.id;
  return std::nullopt;
}

/// Returns whether *y* never came to vote, and its manager is another member
/// now.
bool is_stillborn(const membership_facts& x, const member_record& y) {
  return !y.votes && !reachable(x, y.id)
         && std::any_of(
           x.connected.begin(), x.connected.end(),
           [&](uint64_t id) { return tag_of(id) == tag_of(y.id); });
}

std::optional<members> advance(const membership_facts& x,
                               const member_record& y) {
  if (y.votes || !reachable(x, y.id)
      || x.match(y.id) + small_lag < x.last_index)
    return std::nullopt;
  if (auto former = predecessor(x, y.id))
    return drop(x, *former);
  return promoted(x.members, y.id);
}

} // namespace

uint32_t manager_tag(std::string_view name) noexcept {
  // FNV-1a: the number is stored, so no hash that may change.
  uint32_t x = 0x811c9dc5;
  for (auto byte : name)
    x = (x ^ static_cast<unsigned char>(byte)) * 0x01000193;
  return x == 0 ? 1 : x;
}

std::vector<proto::ManagerRow> known_managers(manager_sources x) {
  auto result = std::move(x.configured);
  for (auto& row : x.stored) {
    auto known = std::find_if(result.begin(), result.end(),
                              [&](auto& y) { return y.name() == row.name(); });
    if (known == result.end())
      result.push_back(std::move(row));
    else
      known->set_removed(row.removed());
  }
  return result;
}

std::optional<std::vector<member_record>>
next_members(const membership_facts& x) {
  auto is_removed
    = [&](uint64_t id) { return contains(x.removed, tag_of(id)); };
  for (auto& y : x.members)
    if (is_removed(y.id) || is_stillborn(x, y))
      if (auto after = drop(x, y.id))
        return after;
  for (auto& y : x.members)
    if (auto after = advance(x, y))
      return after;
  for (auto id : x.connected) {
    auto known = std::any_of(x.members.begin(), x.members.end(),
                             [&](auto& y) { return y.id == id; });
    if (known || is_removed(id) || x.members.size() >= max_members)
      continue;
    auto after = x.members;
    after.push_back({id, false});
    return after;
  }
  return std::nullopt;
}

} // namespace coppice
