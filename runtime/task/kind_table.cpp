// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/kind_table.hpp"

#include "runtime/duration.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

proto::KindInfo make_kind(const char* name, uint32_t attempts,
                          milliseconds total, milliseconds stall) {
  proto::KindInfo x;
  x.set_name(name);
  x.mutable_retry()->set_attempts(attempts);
  *x.mutable_timeouts()->mutable_total() = to_proto(total);
  if (stall.count() > 0)
    *x.mutable_timeouts()->mutable_stall() = to_proto(stall);
  return x;
}

/// Returns the first that is there, or *otherwise*.
milliseconds first_of(bool has, const google::protobuf::Duration& x,
                      bool kind_has, const google::protobuf::Duration& of_kind,
                      milliseconds otherwise) {
  if (has)
    return to_milliseconds(x);
  return kind_has ? to_milliseconds(of_kind) : otherwise;
}

} // namespace

void kind_table::add(proto::KindInfo x) {
  auto name = x.name();
  kinds_.insert_or_assign(std::move(name), std::move(x));
}

const proto::KindInfo* kind_table::find(std::string_view name) const {
  auto i = kinds_.find(name);
  return i == kinds_.end() ? nullptr : &i->second;
}

std::vector<std::string> kind_table::names() const {
  std::vector<std::string> result;
  for (auto& [name, info] : kinds_)
    result.push_back(name);
  return result;
}

kind_table built_in_kinds() {
  kind_table result;
  result.add(make_kind("exec", 3, hours{24}, milliseconds{0}));
  result.add(make_kind("checksum", 5, hours{24}, minutes{10}));
  result.add(make_kind("sleep", 3, hours{1}, milliseconds{0}));
  result.add(make_kind("noop", 3, seconds{60}, milliseconds{0}));
  return result;
}

clocks effective_clocks(const proto::TaskSpec& spec,
                        const proto::KindInfo& kind) {
  auto& x = spec.timeouts();
  auto& y = kind.timeouts();
  constexpr milliseconds off{0};
  return {first_of(x.has_total(), x.total(), y.has_total(), y.total(), off),
          first_of(x.has_no_answer(), x.no_answer(), y.has_no_answer(),
                   y.no_answer(), off),
          first_of(x.has_stall(), x.stall(), y.has_stall(), y.stall(), off)};
}

retry_rule effective_retry(const proto::TaskSpec& spec,
                           const proto::KindInfo& kind) {
  auto& x = spec.retry();
  auto& y = kind.retry();
  retry_rule result;
  if (auto n = x.attempts() > 0 ? x.attempts() : y.attempts(); n > 0)
    result.attempts = n;
  result.backoff = first_of(x.has_backoff(), x.backoff(), y.has_backoff(),
                            y.backoff(), result.backoff);
  result.max_backoff
    = first_of(x.has_max_backoff(), x.max_backoff(), y.has_max_backoff(),
               y.max_backoff(), result.max_backoff);
  auto& finals = result.final_errors;
  finals.assign(x.final_errors().begin(), x.final_errors().end());
  for (auto& code : y.final_errors())
    if (std::find(finals.begin(), finals.end(), code) == finals.end())
      finals.push_back(code);
  return result;
}

} // namespace coppice
