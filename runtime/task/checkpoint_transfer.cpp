// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/checkpoint_transfer.hpp"

#include "runtime/task/task_context.hpp"

#include <algorithm>
#include <utility>

namespace coppice {

// -- checkpoint_upload --------------------------------------------------------

checkpoint_upload::checkpoint_upload(attempt_key key, uint32_t version,
                                     std::string bytes,
                                     proto::Progress progress)
  : key_(key),
    version_(version),
    bytes_(std::move(bytes)),
    progress_(std::move(progress)) {}

bool checkpoint_upload::stored() {
  ++stored_;
  return size_t{stored_} * checkpoint_chunk_bytes >= bytes_.size();
}

void checkpoint_upload::restart(uint32_t version) {
  version_ = version;
  stored_ = 0;
}

proto::CheckpointCommand checkpoint_upload::chunk() const {
  proto::CheckpointCommand x;
  assign_ref(*x.mutable_id(), key_.task);
  x.set_attempt(key_.attempt);
  x.set_version(version_);
  x.set_chunk(stored_);
  auto begin = std::min(stored_ * checkpoint_chunk_bytes, bytes_.size());
  x.set_data(bytes_.substr(begin, checkpoint_chunk_bytes));
  if (begin + checkpoint_chunk_bytes >= bytes_.size()) {
    x.set_last(true);
    x.set_size(bytes_.size());
    if (progress_.changed_ms() != 0)
      *x.mutable_progress() = progress_;
  }
  return x;
}

// -- checkpoint_download ------------------------------------------------------

checkpoint_download::checkpoint_download(proto::CheckpointHead head)
  : head_(std::move(head)) {
  bytes_.reserve(head_.size());
}

result<checkpoint_download>
checkpoint_download::start(proto::CheckpointHead head) {
  auto least
    = (head.size() + checkpoint_chunk_bytes - 1) / checkpoint_chunk_bytes;
  if (head.chunks() == 0 || head.size() > max_checkpoint_bytes
      || head.chunks() < least)
    return error{ec::invalid_argument,
                 "a checkpoint of " + std::to_string(head.size()) + " bytes in "
                   + std::to_string(head.chunks()) + " chunks cannot be"};
  return checkpoint_download{std::move(head)};
}

result<> checkpoint_download::add(const std::string& chunk) {
  bytes_ += chunk;
  ++loaded_;
  if (bytes_.size() > head_.size()
      || (complete() && bytes_.size() != head_.size()))
    return error{ec::corrupt_store,
                 "the checkpoint has " + std::to_string(bytes_.size())
                   + " bytes instead of " + std::to_string(head_.size())};
  return ok();
}

std::string checkpoint_download::take() {
  return std::move(bytes_);
}

} // namespace coppice
