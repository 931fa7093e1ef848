// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/forward/route_table.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace coppice::forward {

/// What a delivery says of its place.
enum class place_verdict : uint8_t {
  /// It answered.
  fine,
  /// It could not be reached, or broke off.
  failed,
  /// It said that it takes no requests at this time.
  refused,
  /// Nothing: the client went away, or the connection was an old one.
  nothing,
};

/// Chooses among the places of one service. Pure: times are told.
///
/// A place that failed rests for a moment, so that who is refused does not ask
/// again at once. After three failures in a row it is out for a second, doubled
/// to half a minute while it goes on, as long as there is another one.
class balance {
public:
  // -- member types -----------------------------------------------------------

  using time = std::chrono::steady_clock::time_point;

  /// The most that are delivered to one place at a time.
  static constexpr size_t most_open = 64;

  /// So many failures in a row take a place out.
  static constexpr uint32_t most_failures = 3;

  static constexpr std::chrono::milliseconds first_rest{25};
  static constexpr std::chrono::milliseconds last_rest{400};
  static constexpr std::chrono::milliseconds first_out{1'000};
  static constexpr std::chrono::milliseconds last_out{30'000};

  // -- modifiers --------------------------------------------------------------

  /// Takes the places as they are now. Who is known keeps what is known of it;
  /// in a new epoch a place begins afresh.
  void update(const std::vector<route_place>& places);

  /// Chooses the place with the fewest open deliveries, in turn among equals,
  /// and counts one more for it.
  /// @returns nothing if there is none that may be asked now.
  std::optional<route_place> pick(time now);

  /// A delivery to the place is over. Unknown places are nothing.
  void ended(const route_place& x, place_verdict verdict, time now);

  // -- properties -------------------------------------------------------------

  /// Returns whether any place is ready, be it that it rests.
  bool has_ready() const;

private:
  struct entry {
    route_place place;
    size_t open = 0;
    uint32_t failures = 0;
    /// How often it was out without an answer since.
    uint32_t outs = 0;
    time rests_until{};
    time out_until{};
  };

  static void fail(entry& x, bool counts, time now);

  std::vector<entry> entries_;

  /// Where the next search begins.
  size_t turn_ = 0;
};

} // namespace coppice::forward
