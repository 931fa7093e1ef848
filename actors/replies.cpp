// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/replies.hpp"

#include <caf/error.hpp>
#include <caf/sec.hpp>

#include <chrono>
#include <utility>

namespace coppice {

namespace {

std::string say_silence(const caf::error& why) {
  return why == caf::sec::request_timeout ? "the log did not answer in time"
                                          : "the log is starting again";
}

} // namespace

void set_error(proto::Error& out, const error& x) {
  out.set_code(static_cast<uint32_t>(x.code));
  out.set_message(x.message);
}

error to_error(const proto::Error& x) {
  return {static_cast<ec>(x.code()), x.message()};
}

proto::Reply refusal(const error& x) {
  proto::Reply result;
  set_error(*result.mutable_error(), x);
  return result;
}

proto::Reply refusal(ec code, std::string message) {
  return refusal(error{code, std::move(message)});
}

proto::Error unknown_outcome(const caf::error& why) {
  proto::Error result;
  set_error(result,
            {ec::deadline_exceeded,
             "whether this took effect is not known: " + say_silence(why)
               + "; ask again, with the same idempotency key"});
  return result;
}

proto::Error lost_read(const caf::error& why) {
  proto::Error result;
  set_error(result, {ec::not_leader, say_silence(why) + "; ask again"});
  return result;
}

std::string other_cluster(const std::string& own, const std::string& node,
                          const std::string& named) {
  return "this is cluster '" + own + "', and node " + node + " is of cluster '"
         + named + "': see cluster.name in their config files";
}

int64_t wall_clock_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch())
    .count();
}

proto::TaskRef to_ref(const task_id& x) {
  proto::TaskRef result;
  result.set_product(x.product);
  result.set_epoch(x.epoch);
  result.set_sequence(x.sequence);
  return result;
}

task_id from_ref(const proto::TaskRef& x) {
  return {x.product(), x.epoch(), x.sequence()};
}

} // namespace coppice
