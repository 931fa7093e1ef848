// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/executor_files.hpp"

#include "actors/task_run.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <set>
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

/// Calls *f* with each entry of *folder*; what cannot be read is left out.
template <class F>
void for_each_entry(const fs::path& folder, F f) {
  std::error_code err;
  fs::directory_iterator i{folder, err};
  for (; !err && i != fs::directory_iterator{}; i.increment(err))
    f(i->path());
}

/// Returns the attempt whose log file this is, or 0.
uint32_t attempt_of(const fs::path& file) {
  auto stem = file.stem().string();
  uint32_t number = 0;
  auto [end, bad]
    = std::from_chars(stem.data(), stem.data() + stem.size(), number);
  return bad == std::errc{} && end == stem.data() + stem.size() ? number : 0;
}

/// Returns the highest attempt that has a log file in *folder*, or 0.
uint32_t latest_log(const fs::path& folder) {
  uint32_t latest = 0;
  for_each_entry(folder, [&](const fs::path& file) {
    latest = std::max(latest, attempt_of(file));
  });
  return latest;
}

/// Returns when *file* was changed, Unix time in milliseconds; 0 if it is not
/// there.
int64_t changed_ms(const fs::path& file) {
  struct stat facts {};
  if (::stat(file.c_str(), &facts) != 0)
    return 0;
  return int64_t{facts.st_mtim.tv_sec} * 1'000
         + facts.st_mtim.tv_nsec / 1'000'000;
}

/// Sets what `changed_ms` returns; a file that is not there is not made.
void set_changed(const fs::path& file, int64_t at_ms) {
  timespec at{at_ms / 1'000, at_ms % 1'000 * 1'000'000};
  std::array<timespec, 2> both{at, at};
  ::utimensat(AT_FDCWD, file.c_str(), both.data(), 0);
}

/// Lets the time of *mark* be at least *at_ms*.
void raise_mark(const fs::path& mark, int64_t at_ms) {
  auto known = changed_ms(mark);
  if (known == 0)
    std::ofstream{mark};
  if (known < at_ms)
    set_changed(mark, at_ms);
}

kept_log describe(const attempt_key& key, const fs::path& file) {
  // A folder goes with it: without that, empty output would cost nothing.
  constexpr uint64_t folder_bytes = 4'096;
  std::error_code err;
  auto size = fs::file_size(file, err);
  return {key, folder_bytes + (err ? 0 : size), changed_ms(file)};
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

fs::path attempt_paths::logs() const {
  return data_dir / "logs";
}

fs::path attempt_paths::log_file(const attempt_key& x) const {
  return logs() / to_string(x.task) / (std::to_string(x.attempt) + ".log");
}

fs::path attempt_paths::removal_mark() const {
  return logs() / "removed-until";
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
  if (key.attempt == 0)
    return refusal(ec::not_found,
                   "this node has no output of task " + to_string(key.task));
  auto runs = x.known_runs && key.attempt == x.known;
  proto::Reply reply;
  auto& out = *reply.mutable_log();
  out.set_attempt(key.attempt);
  out.set_next(x.offset);
  auto fd = ::open(paths.log_file(key).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    out.set_missing(true);
    out.set_removed_until_ms(changed_ms(paths.removal_mark()));
    out.set_complete(!runs);
    return reply;
  }
  if (fd < 0)
    return refusal(ec::system_failure,
                   "the output cannot be read: "
                     + std::system_category().message(errno));
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
    // From now on its output ages, whenever the attempt last wrote.
    set_changed(paths.log_file(key), wall_ms());
  }
}

old_logs executor_files_state::find(const find_old_logs& x) const {
  std::set<attempt_key> running{x.running.begin(), x.running.end()};
  std::vector<kept_log> ended;
  for_each_entry(paths.logs(), [&](const fs::path& folder) {
    auto task = parse_task_id(folder.filename().string());
    if (!task)
      return;
    for_each_entry(folder, [&](const fs::path& file) {
      attempt_key key{task.value(), attempt_of(file)};
      if (key.attempt != 0 && !running.contains(key))
        ended.push_back(describe(key, file));
    });
  });
  return {beyond_bounds(std::move(ended), x.bounds, wall_ms())};
}

void executor_files_state::remove_some(remove_logs& x) const {
  // Whoever wants to read output waits for no more than this.
  constexpr size_t part = 200;
  auto end = std::min(x.items.size(), x.done + part);
  if (end == x.done)
    return;
  // Before the files: what is gone must not look as if nobody had written it.
  raise_mark(paths.removal_mark(), x.items[end - 1].ended_ms);
  for (; x.done < end; ++x.done) {
    auto file = paths.log_file(x.items[x.done].key);
    ::unlink(file.c_str());
    // Fails while output of another attempt is there, as it should.
    ::rmdir(file.parent_path().c_str());
  }
  self->send(self, std::move(x));
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
    [self](const find_old_logs& x) { return self->state.find(x); },
    [self](remove_logs& x) { self->state.remove_some(x); },
  };
}

} // namespace coppice
