// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/handlers.hpp"
#include "gateway/api/stream.hpp"
#include "gateway/http/problem.hpp"
#include "runtime/proto_json.hpp"

#include <utility>

namespace coppice::api {

namespace {

using namespace std::chrono_literals;

/// Pause between two looks at a task.
constexpr auto look_again = 500ms;

/// A client that went away is noticed by what is sent to it.
constexpr auto sign_of_life = 15s;

/// So many looks in a row may fail before the client is left to come again.
constexpr int most_failures = 10;

bool is_over(proto::TaskState x) {
  return x != proto::WAITING && x != proto::LEASED && x != proto::RUNNING;
}

/// Events of one task: `task` with the task as JSON, at first and whenever it
/// has changed, and `end` after the last one.
class progress_stream : public stream {
public:
  explicit progress_stream(std::string id) : id_(std::move(id)) {}

  proto::Request next() override {
    proto::Request x;
    x.mutable_get()->add_ids(id_);
    return x;
  }

  step on_reply(const proto::Reply& x) override {
    if (x.has_error())
      return on_refusal(x.error());
    if (x.get().items_size() != 1 || x.get().items(0).has_error())
      return gone(x.get());
    failures_ = 0;
    auto& task = x.get().items(0).task();
    auto result = begin();
    auto text = to_json(task);
    if (text != last_) {
      result.part += "event: task\ndata: " + text + "\n\n";
      last_ = std::move(text);
      quiet_ = {};
    } else {
      stay_alive(result);
    }
    result.ends = is_over(task.state());
    if (result.ends)
      result.part += "event: end\ndata: {}\n\n";
    return result;
  }

private:
  /// The task is not there, or not any more.
  step gone(const proto::GetReply& x) {
    auto why = x.items_size() == 1
                 ? refused(x.items(0).error())
                 : http::problem({ec::not_found, "there is no task " + id_});
    if (!began_)
      return {std::move(why), {}, true, 0ms};
    return {std::nullopt, "event: end\ndata: {}\n\n", true, 0ms};
  }

  /// While managers elect a leader the stream goes on.
  step on_refusal(const proto::Error& x) {
    if (!began_)
      return {refused(x), {}, true, 0ms};
    step result;
    result.pause = look_again;
    result.ends = ++failures_ >= most_failures;
    stay_alive(result);
    return result;
  }

  step begin() {
    step result;
    result.pause = look_again;
    if (!std::exchange(began_, true))
      result.head
        = {200, "text/event-stream", {{"Cache-Control", "no-store"}}, {}};
    return result;
  }

  void stay_alive(step& x) {
    quiet_ += look_again;
    if (quiet_ < sign_of_life)
      return;
    x.part += ": still there\n\n";
    quiet_ = {};
  }

  std::string id_;
  std::string last_;
  bool began_ = false;
  int failures_ = 0;
  std::chrono::milliseconds quiet_{0};
};

} // namespace

result<stream_ptr> open_progress(const call& x) {
  auto id = task(x);
  if (!id)
    return id.error();
  return stream_ptr{std::make_unique<progress_stream>(id.value())};
}

} // namespace coppice::api
