// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coppice {

/// What an entry of the replicated log is for. The number is stored and sent:
/// append, never reorder.
enum class entry_type : uint8_t {
  /// Data of the user.
  command = 1,
  /// Nothing: its commit proves who leads.
  barrier = 2,
  /// The members of the group from here on.
  configuration = 3,
};

/// One entry of the replicated log. Its data is immutable and shared, so that
/// the log, its followers and the state machine hold one copy.
struct log_entry {
  uint64_t term = 0;
  entry_type type = entry_type::command;
  std::shared_ptr<const std::string> data;

  std::string_view bytes() const noexcept {
    return data ? std::string_view{*data} : std::string_view{};
  }
};

/// Makes an entry that owns *data*.
/// @relates log_entry
inline log_entry make_log_entry(uint64_t term, entry_type type,
                                std::string data) {
  return {term, type, std::make_shared<const std::string>(std::move(data))};
}

/// Where an entry stands. The pair names one proposal for ever; an index alone
/// may be taken over by another leader's entry.
struct log_position {
  uint64_t index = 0;
  uint64_t term = 0;

  friend bool operator==(const log_position&, const log_position&) = default;
};

/// An entry that a quorum has, ready to be applied.
struct committed_entry {
  uint64_t index = 0;
  log_entry entry;
};

/// What a member must never forget: its term, and whom it voted for in it.
struct hard_state {
  uint64_t term = 0;
  uint64_t voted_for = 0; ///< 0: nobody.

  friend bool operator==(const hard_state&, const hard_state&) = default;
};

/// The members of a group, as an entry of the log or a snapshot states them.
struct configuration_record {
  uint64_t index = 0; ///< 0: none.
  std::string data;   ///< Encoded by the consensus engine.

  friend bool
  operator==(const configuration_record&, const configuration_record&)
    = default;
};

/// What precedes the first entry of a log that was trimmed.
struct log_base {
  log_position position; ///< Of the last entry that is gone; 0 if none is.
  configuration_record configuration; ///< In force there.

  friend bool operator==(const log_base&, const log_base&) = default;
};

/// Returns *x* as it is stored.
/// @relates log_base
std::string encode(const log_base& x);

/// Reads what `encode` wrote, or nothing if it is damaged.
/// @relates log_base
std::optional<log_base> decode_log_base(std::string_view in);

} // namespace coppice
