// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "tests/runtime/health/simulated_node.hpp"
#include "tests/runtime/health/simulated_time.hpp"

#include <functional>
#include <utility>

namespace coppice::test {

/// Carries messages between nodes and leaders, or does not. What is frozen gets
/// them when it thaws.
class simulated_network {
public:
  using node = simulated_node;
  using centre = simulated_centre;

  explicit simulated_network(simulated_time& clock) : time_(clock) {}

  /// Sends to a leader. It does not come very late: it is one connection.
  void to_centre(node& x, centre& c, std::function<void(centre&)> what) {
    if (!is_bad || !time_.chance(25))
      surely_to_centre(x, c, std::move(what));
  }

  /// The same for keep-alives: no more than two in a row are lost.
  void beat(node& x, centre& c, std::function<void(centre&)> what) {
    auto is_lost = is_bad && x.lost < 2 && time_.chance(25);
    x.lost = is_lost ? x.lost + 1 : 0;
    if (!is_lost)
      surely_to_centre(x, c, std::move(what));
  }

  /// Sends to this start of a node. Anything may happen to it.
  void to_node(node& x, std::function<void(node&)> what) {
    if (is_bad && time_.chance(25))
      return;
    for (auto n = copies(); n > 0; --n) {
      auto most = !is_bad ? 20 : time_.chance(5) ? 6'000 : 300;
      time_.after(time_.pause(1, most), [&x, what, who = x.start()] {
        if (x.alive && !x.cut && x.start() == who)
          x.deliver([&x, what] { what(x); });
      });
    }
  }

  /// It loses, delays and doubles.
  bool is_bad = true;

private:
  void surely_to_centre(node& x, centre& c, std::function<void(centre&)> what) {
    if (x.cut)
      return;
    for (auto n = copies(); n > 0; --n)
      time_.after(time_.pause(1, is_bad ? 200 : 20),
                  [&c, what] { c.deliver([&c, what] { what(c); }); });
  }

  int copies() {
    return is_bad && time_.chance(10) ? 2 : 1;
  }

  simulated_time& time_;
};

} // namespace coppice::test
