// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/executor_files.hpp"

#include "runtime/error.hpp"
#include "runtime/log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string>
#include <system_error>
#include <utility>

namespace fs = std::filesystem;

namespace coppice {

namespace {

constexpr uint64_t max_log_part = 256 << 10;

/// Folders of earlier incarnations that wait to be removed.
constexpr const char* retired = "attempts.old";

proto::Reply refusal(ec code, std::string message) {
  proto::Reply reply;
  reply.mutable_error()->set_code(static_cast<uint32_t>(code));
  reply.mutable_error()->set_message(std::move(message));
  return reply;
}

/// Returns the highest attempt that has a log file in *folder*, or 0.
uint32_t latest_log(const fs::path& folder) {
  uint32_t latest = 0;
  std::error_code err;
  fs::directory_iterator i{folder, err};
  for (; !err && i != fs::directory_iterator{}; i.increment(err)) {
    auto stem = i->path().stem().string();
    uint32_t number = 0;
    auto [end, bad]
      = std::from_chars(stem.data(), stem.data() + stem.size(), number);
    if (bad == std::errc{} && end == stem.data() + stem.size())
      latest = std::max(latest, number);
  }
  return latest;
}

/// Reads what there is of *limit* bytes.
/// @returns False if the file cannot be read.
bool read_part(int fd, uint64_t offset, uint64_t limit, std::string& out) {
  out.resize(limit);
  size_t got = 0;
  while (got < out.size()) {
    auto n = ::pread(fd, out.data() + got, out.size() - got,
                     static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return false;
    if (n == 0)
      break;
    got += static_cast<size_t>(n);
  }
  out.resize(got);
  return true;
}

} // namespace

// -- attempt_paths ------------------------------------------------------------

fs::path attempt_paths::folder(const attempt_key& x) const {
  return data_dir / "attempts" / to_string(x.task) / std::to_string(x.attempt);
}

fs::path attempt_paths::log_file(const attempt_key& x) const {
  return data_dir / "logs" / to_string(x.task)
         / (std::to_string(x.attempt) + ".log");
}

void retire_attempt_folders(const attempt_paths& paths) {
  std::error_code err;
  auto from = paths.data_dir / "attempts";
  if (!fs::exists(from, err))
    return;
  // One more level, because an earlier removal may not have been completed.
  auto to = paths.data_dir / retired;
  fs::create_directories(to, err);
  for (auto n = 0; n < 1'000; ++n) {
    fs::rename(from, to / std::to_string(n), err);
    if (!err)
      return;
  }
  log::warn("executor cannot move {} away: {}", from.string(), err.message());
}

// -- executor_files_state -----------------------------------------------------

proto::Reply executor_files_state::read(const read_log& x) const {
  auto key = x.key;
  if (key.attempt == 0)
    key.attempt
      = std::max(x.known, latest_log(paths.log_file(key).parent_path()));
  auto held = key.attempt != 0 && key.attempt == x.known;
  auto runs = held && x.known_runs;
  proto::Reply reply;
  auto& out = *reply.mutable_log();
  out.set_attempt(key.attempt);
  out.set_next(x.offset);
  auto fd = ::open(paths.log_file(key).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (!held || errno != ENOENT)
      return refusal(ec::not_found, "this node has no output of attempt "
                                      + std::to_string(key.attempt)
                                      + " of task " + to_string(key.task));
    out.set_complete(!runs);
    return reply;
  }
  auto limit = x.limit == 0 ? max_log_part : std::min(x.limit, max_log_part);
  auto good = read_part(fd, x.offset, limit, *out.mutable_data());
  ::close(fd);
  if (!good)
    return refusal(ec::system_failure,
                   "the output cannot be read: "
                     + std::system_category().message(errno));
  out.set_next(x.offset + out.data().size());
  out.set_complete(!runs && out.data().size() < limit);
  return reply;
}

void executor_files_state::remove(const remove_folders& xs) const {
  std::error_code err;
  for (auto& key : xs.keys) {
    auto folder = paths.folder(key);
    fs::remove_all(folder, err);
    // Fails while another attempt has a folder there, as it should.
    ::rmdir(folder.parent_path().c_str());
  }
}

// -- executor_files -----------------------------------------------------------

executor_files_actor::behavior_type executor_files(
  executor_files_actor::stateful_pointer<executor_files_state> self,
  attempt_paths paths) {
  std::error_code err;
  fs::remove_all(paths.data_dir / retired, err);
  self->state.paths = std::move(paths);
  return {
    [self](const read_log& x) { return self->state.read(x); },
    [self](const remove_folders& x) { self->state.remove(x); },
  };
}

} // namespace coppice
