// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace coppice {

/// What can go wrong, as peers, programs and people see it.
///
/// The number travels between nodes of different versions (it is the field
/// `code` of the protobuf message `Error`): append, never reorder, never reuse.
enum class ec : uint8_t {
  /// The caller passed something that can never work.
  invalid_argument = 1,
  /// What was asked for does not exist.
  not_found = 2,
  /// The request contradicts what is already there, e.g. an idempotency key
  /// that was used with another spec.
  conflict = 3,
  /// This node does not lead; the message names the leader if it is known.
  not_leader = 4,
  /// The attempt is not the current one: what it reports is refused.
  fenced = 5,
  /// What is on disk cannot be read back, or was written by a newer version.
  corrupt_store = 6,
  /// The disk or the database refused the operation.
  storage_failure = 7,
  /// A deadline passed; whether the request took effect is unknown.
  deadline_exceeded = 8,
  /// Nobody answers at the address.
  unreachable = 9,
  /// Too much is waiting already: try again later.
  overloaded = 10,
  /// The operating system refused something; the message says what.
  system_failure = 11,
  /// The peer sent what this version does not understand.
  protocol_violation = 12,
};

/// Returns the name of *x*, or "unknown" for a number from a newer peer.
/// @relates ec
const char* to_string(ec x) noexcept;

/// An error for people: what happened, where, and what to do about it.
struct error {
  ec code;
  /// One or two sentences without a full stop at the end.
  std::string message;
};

/// Renders *x* on one line: code and message.
/// @relates error
std::string to_string(const error& x);

/// A value, or the reason why there is none. Taking the value of a failed
/// result ends the process.
template <class T = void>
using result
  = boost::outcome_v2::basic_result<T, error,
                                    boost::outcome_v2::policy::terminate>;

/// What a function returns that has nothing to say but that it worked.
inline auto ok() {
  return boost::outcome_v2::success();
}

} // namespace coppice
