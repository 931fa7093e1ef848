// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/regeneration.pb.h"
#include "runtime/error.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// What holds for every regeneration, wherever it is looked at.

namespace coppice {

inline constexpr size_t max_regeneration_words = size_t{1} << 10;

inline constexpr int max_evidence = 16;

/// Returns the name of *x* for people, e.g. "drain".
const char* describe(proto::RegenerationPhase x) noexcept;

/// @relates describe
const char* describe(proto::RegenerationCause x) noexcept;

/// @relates describe
const char* describe(proto::RegenerationEnd x) noexcept;

/// Says what is regenerated: "node n1", or "service web/0 on node n1".
std::string describe_target(const proto::RegenerationRow& x);

/// Says one thing that was measured, for people: "memory 512.0 MiB of 1.0 GiB,
/// 20.0 MiB more each hour, full in 25h".
std::string describe(const proto::Vital& x);

/// Returns whether *x* is about one instance of a service, and not about a
/// node.
inline bool is_of_service(const proto::RegenerationRow& x) {
  return !x.service().empty();
}

inline bool is_under_way(const proto::RegenerationRow& x) {
  return x.outcome() == proto::UNDER_WAY;
}

/// Returns whether two are about the same thing.
bool same_target(const proto::RegenerationRow& x,
                 const proto::RegenerationRow& y);

/// Counts *n* more that came to *x*.
void count_regeneration(
  google::protobuf::RepeatedPtrField<proto::RegenerationCount>& to,
  proto::RegenerationEnd x, uint64_t n = 1);

/// Returns how many of all that there ever were came to what.
/// @param kept All that are remembered, in their order.
google::protobuf::RepeatedPtrField<proto::RegenerationCount>
count_regenerations(const std::vector<proto::RegenerationRow>& kept);

/// Checks what is to begin: sizes and names.
/// @returns `invalid_argument` with what is wrong.
result<> check_regeneration(const proto::RegenerationRow& x);

} // namespace coppice
