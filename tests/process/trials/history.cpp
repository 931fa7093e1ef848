// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/trials/history.hpp"

#include "runtime/error.hpp"

#include <utility>

namespace coppice::trial {

namespace {

fate fate_after_cancel(const proto::CancelReply::Item& said) {
  switch (said.state()) {
    case proto::CANCELLED: // With an error, too: asked twice.
      return fate::cancelled;
    case proto::SUCCEEDED:
      return fate::succeeds;
    default:
      return said.has_error() ? fate::either : fate::asked_to_stop;
  }
}

} // namespace

void history::on_submit(const std::string& id, proto::TaskSpec spec) {
  if (!tasks.emplace(id, accepted{fate::succeeds, std::move(spec)}).second)
    faults.push_back("the id " + id + " was given to two tasks");
}

void history::on_cancel(const std::string& id,
                        const proto::CancelReply::Item& said) {
  tasks[id].expected = fate_after_cancel(said);
  ++cancels;
}

void history::on_retry(const std::string& id,
                       const proto::RetryReply::Item& said) {
  // It has not ended, or succeeded: then nothing has changed.
  if (said.error().code() == static_cast<uint32_t>(ec::conflict))
    return;
  tasks[id].expected = said.has_error() ? fate::either : fate::succeeds;
  retries += said.has_error() ? 0 : 1;
}

void history::on_bind(const std::string& product, uint32_t shard) {
  bound[product] = shard;
  ++binds;
}

} // namespace coppice::trial
