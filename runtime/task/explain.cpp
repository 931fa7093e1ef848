// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/explain.hpp"

#include "runtime/duration.hpp"
#include "runtime/task/task_state.hpp"

#include <algorithm>

namespace coppice {

namespace {

std::string span(int64_t from_ms, int64_t to_ms) {
  return format_duration(
    std::chrono::milliseconds{std::max<int64_t>(0, to_ms - from_ms)});
}

void explain_waiting(const proto::Task& x, int64_t now_ms,
                     std::vector<std::string>& out) {
  if (x.due_ms() != 0)
    out.push_back("it pauses before its next attempt, which may start in "
                  + span(now_ms, x.due_ms()));
  else
    out.push_back("it has been in the queue for "
                  + span(x.changed_ms(), now_ms));
  if (x.attempt() > 0)
    out.push_back(
      "attempt " + std::to_string(x.attempt())
      + " ended: " + describe(x.reason())
      + (x.error().message().empty() ? "" : ": " + x.error().message()));
}

/// Rounded down, so that only what is complete is 100. Not a number is nothing.
std::string percent_text(double x) {
  return std::to_string(x > 0 ? static_cast<int>(std::min(x, 100.0)) : 0) + "%";
}

void explain_progress(const proto::Progress& x, int64_t now_ms,
                      std::vector<std::string>& out) {
  if (x.changed_ms() == 0)
    return;
  out.push_back("it is at " + percent_text(x.percent())
                + (x.message().empty() ? "" : " (" + x.message() + ")")
                + ", which it said " + span(x.changed_ms(), now_ms) + " ago");
}

void explain_live(const proto::Task& x, int64_t now_ms,
                  std::vector<std::string>& out) {
  auto attempt = "attempt " + std::to_string(x.attempt());
  auto since = span(x.changed_ms(), now_ms) + " ago";
  if (x.state() == proto::RUNNING) {
    out.push_back(attempt + " runs on node " + x.node() + ", which got it "
                  + since);
    explain_progress(x.progress(), now_ms, out);
  } else {
    out.push_back(attempt + " was given to node " + x.node() + ' ' + since
                  + "; the node has not said that it started");
  }
  if (x.cancel_requested())
    out.push_back("it is to be cancelled: its node was asked to stop it");
}

} // namespace

const char* describe(proto::Reason x) noexcept {
  switch (x) {
    case proto::NEW:
      return "never tried";
    case proto::COMPLETED:
      return "completed";
    case proto::ATTEMPT_FAILED:
      return "the attempt failed";
    case proto::FINAL_ERROR:
      return "the retry policy calls this error final";
    case proto::ATTEMPTS_EXHAUSTED:
      return "the retry policy allows no further attempt";
    case proto::NODE_GONE:
      return "the process of its node was gone";
    case proto::LEASE_EXPIRED:
      return "its node was silent for too long";
    case proto::NEVER_STARTED:
      return "the attempt never reached its node";
    case proto::TOTAL_TIMEOUT:
      return "the total timeout passed";
    case proto::STALLED:
      return "progress stood still for too long";
    case proto::CANCEL_REQUESTED:
      return "somebody cancelled it";
    case proto::RETRY_REQUESTED:
      return "somebody asked for it to be tried again";
    case proto::REFUSED_BY_NODE:
      return "its node refused it";
    case proto::NODE_STOPPED:
      return "its node was stopped";
    case proto::NODE_DRAINED:
      return "its node is drained";
    case proto::RESTORED:
      return "the cluster was restored from a backup";
    default:
      return "no reason known";
  }
}

std::vector<std::string> explain_state(const proto::Task& x, int64_t now_ms) {
  std::vector<std::string> out;
  switch (x.state()) {
    case proto::WAITING:
      explain_waiting(x, now_ms, out);
      break;
    case proto::LEASED:
    case proto::RUNNING:
      explain_live(x, now_ms, out);
      break;
    default:
      if (!has_ended(x.state())) {
        out.push_back("this version of Coppice does not know its state");
        break;
      }
      out.push_back(
        std::string{"it has ended: "} + describe(x.reason())
        + (x.error().message().empty() ? "" : ": " + x.error().message()));
      break;
  }
  return out;
}

} // namespace coppice
