// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "proto/cluster.pb.h"
#include "runtime/error.hpp"
#include "runtime/task/attempt_ref.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace coppice {

/// Checkpoints travel in chunks of this size: a larger message would hold up
/// the heartbeats of the connection.
inline constexpr size_t checkpoint_chunk_bytes = size_t{256} << 10;

/// A checkpoint on its way to the manager, one chunk at a time.
class checkpoint_upload {
public:
  // -- constructors, destructors, and assignment operators --------------------

  /// @param version Counts the checkpoints of the attempt from 1.
  checkpoint_upload(attempt_key key, uint32_t version, std::string bytes,
                    proto::Progress progress);

  // -- modifiers --------------------------------------------------------------

  /// Takes note that the chunk was stored.
  /// @returns Whether it was the last: the checkpoint is durable.
  bool stored();

  /// Begins anew: how much of the earlier try arrived is unknown.
  void restart(uint32_t version);

  // -- properties -------------------------------------------------------------

  /// Returns the chunk to send.
  proto::CheckpointCommand chunk() const;

private:
  // -- member variables -------------------------------------------------------

  attempt_key key_;

  uint32_t version_;

  std::string bytes_;

  proto::Progress progress_;

  /// How many chunks are stored.
  uint32_t stored_ = 0;
};

/// A checkpoint on its way from the manager, one chunk at a time.
class checkpoint_download {
public:
  // -- constructors, destructors, and assignment operators --------------------

  /// @returns `invalid_argument` if *head* cannot be that of a checkpoint.
  static result<checkpoint_download> start(proto::CheckpointHead head);

  // -- modifiers --------------------------------------------------------------

  /// Takes the chunk that `next` named.
  /// @returns `corrupt_store` if it does not fit what the head says.
  result<> add(const std::string& chunk);

  /// Returns the whole.
  /// @pre `complete()`
  std::string take();

  // -- properties -------------------------------------------------------------

  const proto::CheckpointHead& head() const {
    return head_;
  }

  /// Returns the number of the chunk to ask for.
  uint32_t next() const {
    return loaded_;
  }

  bool complete() const {
    return loaded_ == head_.chunks();
  }

private:
  explicit checkpoint_download(proto::CheckpointHead head);

  // -- member variables -------------------------------------------------------

  proto::CheckpointHead head_;

  std::string bytes_;

  /// How many chunks arrived.
  uint32_t loaded_ = 0;
};

} // namespace coppice
