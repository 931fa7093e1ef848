// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "gateway/api/routes.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace coppice::api {

/// An answer that comes in parts, made of what the cluster says again and
/// again. Pure: whoever drives it asks, waits and sends.
class stream {
public:
  /// What to do after a reply.
  struct step {
    /// Once, before the first part: the head. One with a body is the whole
    /// answer, and the last step.
    std::optional<http::response> head;
    /// To be sent; may be empty.
    std::string part;
    bool ends = false;
    /// Before the next question, once the part is sent.
    std::chrono::milliseconds pause{0};
    /// With *ends*: what was sent is not all, and must not look so.
    bool cut = false;
  };

  virtual ~stream() = default;

  /// Returns what to ask next.
  virtual proto::Request next() = 0;

  /// Takes the answer to that, which may be a refusal.
  virtual step on_reply(const proto::Reply& x) = 0;
};

/// The output of a task.
/// @returns `invalid_argument` that says what is wrong with the call.
result<stream_ptr> open_logs(const call& x);

/// What becomes of a task, as server-sent events.
/// @returns as `open_logs`.
result<stream_ptr> open_progress(const call& x);

} // namespace coppice::api
