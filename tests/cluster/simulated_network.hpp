// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace coppice::test {

using time_point = std::chrono::steady_clock::time_point;
using milliseconds = std::chrono::milliseconds;

/// The source of all chance in a simulation. Its numbers are the same
/// everywhere, unlike those of the standard's distributions.
class dice {
public:
  explicit dice(uint32_t seed) : rng_(seed) {
    // nop
  }

  /// Returns a number in [0, *n*).
  uint32_t below(uint32_t n) {
    return static_cast<uint32_t>(rng_()) % n;
  }

  /// Returns true *n* times of 1,000.
  bool permille(uint32_t n) {
    return below(1000) < n;
  }

  /// Returns a time in [*from*, *to*].
  milliseconds between(milliseconds from, milliseconds to) {
    auto n = static_cast<uint32_t>((to - from).count()) + 1;
    return from + milliseconds{below(n)};
  }

private:
  std::mt19937 rng_;
};

/// How bad a network is.
struct weather {
  uint32_t lost_permille = 0;
  uint32_t doubled_permille = 0;
  /// Most messages take up to *delay*, some up to *late*: they overtake.
  uint32_t late_permille = 100;
  milliseconds delay{2};
  milliseconds late{2};
};

/// Carries messages between members: late, twice, out of order, or not at all.
/// @tparam Message Has the members `from` and `to`.
template <class Message>
class simulated_network {
public:
  simulated_network(size_t members, dice& chance)
    : inboxes_(members + 1),
      chance_(&chance) {
    // nop
  }

  // -- modifiers --------------------------------------------------------------

  void set(const weather& x) {
    weather_ = x;
  }

  /// Cuts the way from one member to another, in this direction only.
  void cut(uint64_t from, uint64_t to) {
    cuts_.insert({from, to});
  }

  void heal() {
    cuts_.clear();
  }

  void send(Message x, time_point now) {
    if (cuts_.count({x.from, x.to}) > 0
        || chance_->permille(weather_.lost_permille))
      return;
    if (chance_->permille(weather_.doubled_permille))
      deliver(x, now);
    deliver(std::move(x), now);
  }

  /// Returns the next message to *to* that has arrived, if any.
  std::optional<Message> receive(uint64_t to, time_point now) {
    auto& inbox = inboxes_[to];
    if (inbox.empty() || inbox.top().arrival > now)
      return std::nullopt;
    auto x = inbox.top().message;
    inbox.pop();
    // A cut catches what is under way, too.
    if (cuts_.count({x.from, x.to}) > 0)
      return receive(to, now);
    return x;
  }

  // -- properties -------------------------------------------------------------

  bool connected(uint64_t from, uint64_t to) const {
    return cuts_.count({from, to}) == 0;
  }

  /// Returns when the next message for *to* arrives.
  time_point next_arrival(uint64_t to) const {
    auto& inbox = inboxes_[to];
    return inbox.empty() ? time_point::max() : inbox.top().arrival;
  }

private:
  struct parcel {
    time_point arrival;
    uint64_t number = 0;
    Message message;

    bool operator<(const parcel& x) const {
      return std::pair{arrival, number} > std::pair{x.arrival, x.number};
    }
  };

  void deliver(Message x, time_point now) {
    auto most = chance_->permille(weather_.late_permille) ? weather_.late
                                                          : weather_.delay;
    auto arrival = now + chance_->between(milliseconds{1}, most);
    auto to = x.to;
    inboxes_[to].push({arrival, ++number_, std::move(x)});
  }

  std::vector<std::priority_queue<parcel>> inboxes_;
  std::set<std::pair<uint64_t, uint64_t>> cuts_;
  weather weather_;
  uint64_t number_ = 0;
  dice* chance_;
};

} // namespace coppice::test
