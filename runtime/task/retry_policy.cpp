// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/retry_policy.hpp"

#include <algorithm>

namespace coppice {

namespace {

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): each bit of *x*
/// changes half of the result's. Part of the replicated state machine: never
/// change it.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

uint64_t jitter(const task_id& id, uint32_t tries) {
  auto x = mix((uint64_t{id.product} << 32) | id.epoch);
  return mix(mix(x ^ id.sequence) ^ tries);
}

} // namespace

std::chrono::milliseconds backoff(const retry_rule& rule, uint32_t tries,
                                  const task_id& id) {
  auto longest = std::max<int64_t>(rule.max_backoff.count(), 0);
  auto pause = std::clamp<int64_t>(rule.backoff.count(), 0, longest);
  if (tries == 0 || pause == 0)
    return std::chrono::milliseconds{0};
  for (auto i = uint32_t{1}; i < tries && pause < longest; ++i)
    pause = pause > longest / 2 ? longest : pause * 2;
  auto half = static_cast<uint64_t>(pause) / 2;
  auto shorter = static_cast<int64_t>(jitter(id, tries) % (half + 1));
  return std::chrono::milliseconds{pause - shorter};
}

retry_decision decide_retry(const retry_rule& rule, uint32_t tries,
                            std::string_view error_code, const task_id& id) {
  auto& finals = rule.final_errors;
  if (!error_code.empty()
      && std::find(finals.begin(), finals.end(), error_code) != finals.end())
    return {false, std::chrono::milliseconds{0}, proto::FINAL_ERROR};
  if (tries >= std::max(rule.attempts, 1u))
    return {false, std::chrono::milliseconds{0}, proto::ATTEMPTS_EXHAUSTED};
  return {true, backoff(rule, tries, id), proto::REASON_UNSPECIFIED};
}

} // namespace coppice
