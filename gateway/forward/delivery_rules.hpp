// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstdint>
#include <string_view>

// May a request be delivered again? Pure. The rule is for people in
// docs/http.md.

namespace coppice::forward {

/// How far a delivery came that did not succeed.
enum class delivery_end : uint8_t {
  /// There was no connection.
  not_connected,
  /// Nothing of it was sent.
  nothing_sent,
  /// The node said that it is not for it, or not now: it was not handled.
  refused,
  /// The node does not know whether it had an effect.
  unknown,
  /// It was sent, and the connection broke before an answer began.
  lost,
  /// It was sent, and there was no answer in time.
  late,
  /// It was answered, and that was no HTTP.
  malformed,
  /// The answer had begun.
  answering,
};

/// What the decision is based on.
struct delivery_facts {
  bool is_native = false;
  /// Its spec says so.
  bool idempotent = false;
  std::string_view method;
  /// The client gave its own id, so it knows what that means.
  bool has_client_id = false;
  delivery_end end = delivery_end::not_connected;
  /// How often it was sent, this time included, and not answered.
  uint32_t times_sent = 0;
};

/// A request that a process does not survive is not sent more often.
inline constexpr uint32_t most_times_sent = 3;

enum class next_step : uint8_t {
  again,
  /// 502.
  bad_gateway,
  /// 504.
  too_late,
  /// What was sent of the answer is cut off.
  cut,
};

/// Returns whether *method* asks for nothing to be changed.
bool is_safe(std::string_view method);

/// Returns whether the service may have seen the request, and done something.
bool may_have_effect(delivery_end x);

/// Returns whether a request may be delivered again though it may have had an
/// effect; how often it was sent is another matter.
bool may_be_repeated(const delivery_facts& x);

/// Decides what to do after a delivery that did not succeed.
next_step after_failure(const delivery_facts& x);

} // namespace coppice::forward
