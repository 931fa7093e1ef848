// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/handlers.hpp"
#include "gateway/api/stream.hpp"
#include "gateway/http/problem.hpp"

#include <charconv>
#include <cstdint>
#include <utility>

namespace coppice::api {

namespace {

using namespace std::chrono_literals;

/// Pause between two looks at output that grows.
constexpr auto look_again = 250ms;

/// So many looks in a row may fail: as long as a node takes to start again.
constexpr int most_failures = 40;

/// How far apart the clocks of a manager and a worker may be, in milliseconds.
constexpr int64_t clock_difference = 60'000;

/// As much as one question brings.
constexpr uint32_t part_bytes = 256 * 1024;

/// What a client wants of the output of a task.
struct wanted {
  std::string id;
  uint32_t attempt = 0;
  bool follow = false;
  /// Set: one part from here on, which has at most so many bytes.
  std::optional<uint64_t> from;
  uint32_t limit = 0;
};

/// The output of one attempt: of the one that is asked for, or the latest.
class log_stream : public stream {
public:
  explicit log_stream(wanted what)
    : what_(std::move(what)),
      offset_(what_.from.value_or(0)) {
    // nop
  }

  proto::Request next() override {
    proto::Request x;
    if (looks_at_task_) {
      x.mutable_get()->add_ids(what_.id);
      x.mutable_get()->set_full(true);
      return x;
    }
    auto& log = *x.mutable_log();
    log.set_id(what_.id);
    log.set_attempt(what_.attempt);
    log.set_offset(offset_);
    log.set_limit(what_.limit);
    return x;
  }

  step on_reply(const proto::Reply& x) override {
    if (x.has_error())
      return on_refusal(x.error());
    failures_ = 0;
    if (std::exchange(looks_at_task_, false))
      return on_task(x.get());
    return on_output(x.log());
  }

private:
  step on_output(const proto::LogReply& x) {
    // From now on this one, also when there is a later one.
    what_.attempt = x.attempt();
    if (x.missing()) {
      removed_until_ = x.removed_until_ms();
      looks_at_task_ = true;
      return {};
    }
    if (what_.from)
      return one_range(x);
    auto result = begin();
    result.part = x.data();
    offset_ = x.next();
    auto is_all = x.data().empty() && !what_.follow;
    result.ends = x.complete() || is_all;
    if (x.data().empty())
      result.pause = look_again;
    return result;
  }

  step one_range(const proto::LogReply& x) {
    auto size = x.data().size();
    if (size == 0) {
      auto refused = http::problem(416, "range_not_satisfiable",
                                   x.complete() ? "the output ends before"
                                                : "the output has not come so"
                                                  " far yet");
      refused.headers.emplace_back("Content-Range",
                                   "bytes */" + std::to_string(x.next()));
      return {std::move(refused), {}, true, 0ms};
    }
    auto result = head(206);
    result.headers.emplace_back("Content-Range",
                                "bytes " + std::to_string(offset_) + '-'
                                  + std::to_string(offset_ + size - 1) + "/*");
    result.body = x.data();
    return {std::move(result), {}, true, 0ms};
  }

  /// The node has no output of the attempt. Whether it wrote none, or it was
  /// removed, follows from when it ended.
  step on_task(const proto::GetReply& x) {
    if (x.items_size() != 1)
      return {http::problem({ec::not_found, "there is no task " + what_.id}),
              {},
              true,
              0ms};
    if (x.items(0).has_error())
      return {refused(x.items(0).error()), {}, true, 0ms};
    int64_t ended_ms = 0;
    for (auto& attempt : x.items(0).task().attempts())
      if (attempt.number() == what_.attempt)
        ended_ms = attempt.ended_ms();
    if (ended_ms == 0 && what_.follow)
      return {std::nullopt, {}, false, look_again};
    // It may have written and ended between the two answers.
    if (ended_ms != 0 && !std::exchange(asked_after_end_, true))
      return {};
    auto is_removed
      = ended_ms != 0 && ended_ms <= removed_until_ + clock_difference;
    if (is_removed && !began_)
      return {http::problem(410, "not_found",
                            "the output of attempt "
                              + std::to_string(what_.attempt)
                              + " was removed: its node keeps it for"
                                " worker.logs_keep, up to worker.logs_max"),
              {},
              true,
              0ms};
    auto result = begin();
    result.ends = true;
    return result;
  }

  step on_refusal(const proto::Error& x) {
    auto code = static_cast<ec>(x.code());
    auto passes = code == ec::not_leader || code == ec::unreachable
                  || code == ec::deadline_exceeded || code == ec::overloaded;
    if (!began_)
      return {refused(x), {}, true, 0ms};
    if (passes && ++failures_ < most_failures)
      return {std::nullopt, {}, false, look_again};
    // Cut off, so that it does not look complete.
    return {std::nullopt, {}, true, 0ms, true};
  }

  step begin() {
    step result;
    if (!std::exchange(began_, true))
      result.head = head(200);
    return result;
  }

  http::response head(unsigned status) const {
    return {status,
            "text/plain; charset=utf-8",
            {{"Accept-Ranges", "bytes"},
             {"Cache-Control", "no-store"},
             {"X-Content-Type-Options", "nosniff"},
             {"Coppice-Attempt", std::to_string(what_.attempt)}},
            {}};
  }

  wanted what_;
  uint64_t offset_;
  bool began_ = false;
  bool looks_at_task_ = false;
  bool asked_after_end_ = false;
  int64_t removed_until_ = 0;
  int failures_ = 0;
};

/// Reads "bytes=FIRST-" and "bytes=FIRST-LAST" into *out*. Other ranges are not
/// served: then the answer is the whole, as HTTP wants it.
void read_range(std::string_view text, wanted& out) {
  constexpr std::string_view unit = "bytes=";
  if (!text.starts_with(unit))
    return;
  text.remove_prefix(unit.size());
  auto dash = text.find('-');
  if (dash == std::string_view::npos)
    return;
  auto read = [](std::string_view digits, uint64_t& x) {
    auto* end = digits.data() + digits.size();
    auto [stopped, code] = std::from_chars(digits.data(), end, x);
    return code == std::errc{} && stopped == end;
  };
  uint64_t first = 0;
  uint64_t last = UINT64_MAX - 1;
  auto tail = text.substr(dash + 1);
  if (!read(text.substr(0, dash), first) || (!tail.empty() && !read(tail, last))
      || last < first || last == UINT64_MAX)
    return;
  out.from = first;
  auto size = last - first + 1;
  out.limit = static_cast<uint32_t>(std::min<uint64_t>(size, part_bytes));
}

} // namespace

result<stream_ptr> open_logs(const call& x) {
  wanted what;
  auto id = task(x);
  if (!id)
    return id.error();
  what.id = id.value();
  auto attempt = number(x, "attempt", 1'000'000'000);
  if (!attempt)
    return attempt.error();
  what.attempt = attempt.value();
  auto follow = flag(x, "follow");
  if (!follow)
    return follow.error();
  what.follow = follow.value();
  if (!what.follow)
    read_range(http::find_header(x.headers, "range"), what);
  return stream_ptr{std::make_unique<log_stream>(std::move(what))};
}

} // namespace coppice::api
