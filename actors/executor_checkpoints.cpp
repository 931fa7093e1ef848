// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// The part of the EXECUTOR that moves checkpoints.

#include "actors/executor.hpp"
#include "runtime/log.hpp"

#include <utility>

namespace coppice {

namespace {

using namespace std::chrono_literals;

result<> to_result(const proto::Error& x) {
  return error{static_cast<ec>(x.code()), x.message()};
}

} // namespace

// -- loading ------------------------------------------------------------------

void executor_state::load_checkpoint(attempt_map::iterator i,
                                     const proto::CheckpointHead& head) {
  auto download = checkpoint_download::start(head);
  if (!download) {
    load_failed(i, download.error());
    return;
  }
  i->second.resumed_bytes = static_cast<int64_t>(head.size());
  i->second.download.emplace(std::move(download.value()));
  ask_for_chunk(i);
}

void executor_state::ask_for_chunk(attempt_map::iterator i) {
  auto& [key, x] = *i;
  if (!connected() || x.transfer_in_flight)
    return;
  x.transfer_in_flight = true;
  proto::LoadCheckpoint ask;
  assign_ref(*ask.mutable_ref(), key);
  *ask.mutable_head() = x.download->head();
  ask.set_chunk(x.download->next());
  auto epoch = link.epoch;
  self
    ->request(link.tracker, caf::duration{options.answer_timeout},
              std::move(ask))
    .then(
      [this, epoch, k = key](const proto::CheckpointChunk& chunk) {
        if (epoch == link.epoch)
          on_chunk(k, chunk);
      },
      [this, epoch](caf::error& err) {
        if (epoch == link.epoch)
          lose("a checkpoint is not sent: " + self->system().render(err));
      });
}

void executor_state::on_chunk(const attempt_key& key,
                              const proto::CheckpointChunk& chunk) {
  auto i = live.find(key);
  if (i == live.end() || !i->second.download)
    return;
  auto& x = i->second;
  x.transfer_in_flight = false;
  auto outcome = chunk.has_error() ? to_result(chunk.error())
                                   : x.download->add(chunk.data());
  if (!outcome) {
    load_failed(i, outcome.error());
    return;
  }
  if (!x.download->complete()) {
    ask_for_chunk(i);
    return;
  }
  x.checkpoint = x.download->take();
  x.download.reset();
  ready(i);
}

void executor_state::load_failed(attempt_map::iterator i, const error& why) {
  auto& [key, x] = *i;
  log::warn("{} cannot load the checkpoint of {}: {}", label(), to_string(key),
            why.message);
  x.download.reset();
  switch (why.code) {
    case ec::fenced:
      drop(attempt_key{key});
      return;
    case ec::invalid_argument:
    case ec::not_found:
    case ec::corrupt_store:
      // It will never be there again: better afresh than not at all.
      x.resumed_bytes = -1;
      ready(i);
      return;
    default: {
      auto end = failed("no_checkpoint", why.message);
      // Counts, or it would be tried again without a pause.
      end.set_started(true);
      ended(i, std::move(end));
    }
  }
}

// -- saving -------------------------------------------------------------------

void executor_state::save_checkpoint(attempt_map::iterator i,
                                     run_checkpoint what) {
  auto& [key, x] = *i;
  if (x.dropped)
    return;
  if (x.upload) {
    // Only the latest matters.
    x.next_checkpoint = std::move(what);
    return;
  }
  x.upload.emplace(key, ++x.checkpoint_version, std::move(what.bytes),
                   std::move(what.progress));
  send_chunk(i);
}

void executor_state::send_chunk(attempt_map::iterator i) {
  auto& [key, x] = *i;
  if (!connected() || x.transfer_in_flight)
    return;
  x.transfer_in_flight = true;
  proto::SaveCheckpoint save;
  save.set_node(options.node);
  *save.mutable_chunk() = x.upload->chunk();
  auto epoch = link.epoch;
  self
    ->request(link.tracker, caf::duration{options.answer_timeout},
              std::move(save))
    .then(
      [this, epoch, k = key](const proto::CheckpointOutcome& outcome) {
        if (epoch == link.epoch)
          on_chunk_saved(k, outcome);
      },
      [this, epoch](caf::error& err) {
        if (epoch == link.epoch)
          lose("a checkpoint is not stored: " + self->system().render(err));
      });
}

void executor_state::on_chunk_saved(const attempt_key& key,
                                    const proto::CheckpointOutcome& outcome) {
  auto i = live.find(key);
  if (i == live.end() || !i->second.upload)
    return;
  auto& x = i->second;
  x.transfer_in_flight = false;
  if (outcome.has_error()) {
    auto said = to_result(outcome.error());
    if (said.error().code == ec::fenced) {
      log::warn("{} ends attempt {}: it is not the current one", label(),
                to_string(key));
      drop(key);
      return;
    }
    checkpoint_done(i, said);
    return;
  }
  if (x.upload->stored())
    checkpoint_done(i, ok());
  else
    send_chunk(i);
}

void executor_state::checkpoint_done(attempt_map::iterator i,
                                     const result<>& outcome) {
  auto& [key, x] = *i;
  x.upload.reset();
  if (!outcome)
    log::warn("{} cannot save a checkpoint of {}: {}", label(), to_string(key),
              outcome.error().message);
  // The next one may never be the last.
  if (outcome && !x.end && drain != proto::NO_DRAIN) {
    stop_attempt(attempt_key{key}, proto::NODE_DRAINED);
    return;
  }
  if (x.stop == proto::REASON_UNSPECIFIED && x.next_checkpoint) {
    auto next = std::move(*x.next_checkpoint);
    x.next_checkpoint.reset();
    save_checkpoint(i, std::move(next));
    return;
  }
  if (x.end) {
    auto end = std::move(*x.end);
    x.end.reset();
    ended(i, std::move(end));
    return;
  }
  if (x.control)
    x.control->checkpoint_saved(outcome);
}

void executor_state::resume_transfers() {
  for (auto i = live.begin(); i != live.end(); ++i) {
    auto& x = i->second;
    if (x.download)
      ask_for_chunk(i);
    if (x.upload) {
      // How much of the last try arrived is unknown.
      x.upload->restart(++x.checkpoint_version);
      send_chunk(i);
    }
  }
}

} // namespace coppice
