// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/command.pb.h"

#include <cstdint>

namespace coppice::test {

/// What clients and machines send each other: a question to a group, or to
/// whoever finds out which group has to answer; or what was said to one.
struct letter {
  uint64_t from = 0;
  uint64_t to = 0;
  /// Of the question, drawn by who asks.
  uint64_t number = 0;
  bool is_answer = false;
  /// Find the shard that takes it.
  bool to_be_routed = false;
  /// 0: the cluster group; else 1 + the number of a shard.
  size_t group = 0;
  proto::Command question;
  proto::Outcome answer;
};

/// Makes a letter that answers *x*.
inline letter answer_to(const letter& x, proto::Outcome said) {
  letter y;
  y.from = x.to;
  y.to = x.from;
  y.number = x.number;
  y.is_answer = true;
  y.answer = std::move(said);
  return y;
}

} // namespace coppice::test
