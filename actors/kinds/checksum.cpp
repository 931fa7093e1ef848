// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/kinds/checksum.hpp"

#include "actors/kinds/checksum_list.hpp"
#include "runtime/task/kind_table.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

namespace coppice {

namespace {

using clock = std::chrono::steady_clock;

/// What is read at once; little enough for a slow limit to be even.
constexpr size_t piece_bytes = 256 << 10;

/// One attempt.
class checksum_run {
public:
  checksum_run(task_context& context, const checksum_limits& limits)
    : context_(context),
      limits_(limits),
      payload_(context.spec().checksum()),
      list_(open_list()),
      buffer_(piece_bytes) {
    state_.attempt = context.attempt();
    resume();
  }

  task_result run() {
    auto folder = payload_.folder();
    while (folder.size() > 1 && folder.back() == '/')
      folder.pop_back();
    context_.progress(0, "looking for files");
    auto found = find_files(folder, payload_.flat(), payload_.output(),
                            [this] { return !context_.cancelled(); });
    total_ = found.bytes;
    files_ = found.paths.size();
    started_at_ = saved_at_ = clock::now();
    auto next
      = std::upper_bound(found.paths.begin(), found.paths.end(), state_.last);
    if (state_.last.empty())
      next = found.paths.begin();
    for (; next != found.paths.end(); ++next) {
      add_file(*next);
      save_if_due();
    }
    stop_if_cancelled();
    state_.skipped += found.skipped;
    auto sum = take(list_.complete());
    context_.progress(100, std::to_string(state_.files) + " files");
    return "files=" + std::to_string(state_.files)
           + " bytes=" + std::to_string(state_.bytes)
           + " skipped=" + std::to_string(state_.skipped) + " sha256=" + sum;
  }

private:
  // -- helpers ----------------------------------------------------------------

  template <class T>
  static T take(result<T> x) {
    if (!x)
      throw task_failure("bad_output", x.error().message);
    return std::move(x.value());
  }

  static void check(const result<>& x) {
    if (!x)
      throw task_failure("bad_output", x.error().message);
  }

  void stop_if_cancelled() {
    if (context_.cancelled())
      throw task_stopped();
  }

  // -- beginning --------------------------------------------------------------

  checksum_list open_list() {
    struct stat facts {};
    auto& folder = payload_.folder();
    if (!context_.spec().has_checksum() || folder.empty() || folder[0] != '/')
      throw task_failure("bad_folder", "the folder is not an absolute path");
    if (::stat(folder.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode))
      throw task_failure("bad_folder", folder + " is no folder");
    if (payload_.output().empty() || payload_.output()[0] != '/')
      throw task_failure("bad_output", "the output is not an absolute path");
    return take(checksum_list::create(payload_.output(), context_.attempt()));
  }

  void resume() {
    if (!context_.last_checkpoint())
      return;
    auto before = decode_checksum_state(*context_.last_checkpoint());
    if (before) {
      auto& x = before.value();
      if (auto taken = list_.take_over(x.attempt, x.length); taken) {
        state_ = std::move(x);
        state_.attempt = context_.attempt();
        return;
      } else {
        before = taken.error();
      }
    }
    context_.log("begins afresh: " + before.error().message);
  }

  // -- files ------------------------------------------------------------------

  void add_file(const std::string& path) {
    stop_if_cancelled();
    if (auto sum = sum_of(path)) {
      check(list_.append(checksum_line(*sum, path)));
      ++state_.files;
    } else {
      context_.log("skipped: " + path);
      ++state_.skipped;
    }
    state_.last = path;
  }

  /// @returns Nothing if the file is gone or cannot be read.
  std::optional<std::string> sum_of(const std::string& path) {
    unique_fd fd{
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    struct stat facts {};
    if (!fd || ::fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode))
      return std::nullopt;
    uint64_t read_bytes = 0;
    for (;;) {
      auto n = ::read(fd.get(), buffer_.data(), buffer_.size());
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0) {
        sum_.finish();
        state_.bytes -= read_bytes;
        return std::nullopt;
      }
      if (n == 0)
        return sum_.finish();
      auto size = static_cast<size_t>(n);
      sum_.update({buffer_.data(), size});
      read_bytes += size;
      count(size);
    }
  }

  /// Takes note of bytes that were read, and holds the speed limit.
  void count(size_t size) {
    state_.bytes += size;
    read_ += size;
    // What was added to files since they were counted must not exceed 100.
    auto done = total_ == 0 ? 1.0
                            : static_cast<double>(state_.bytes)
                                / static_cast<double>(total_);
    context_.progress(std::min(100 * done, 100.0),
                      std::to_string(state_.files) + " of "
                        + std::to_string(files_) + " files");
    stop_if_cancelled();
    auto limit = payload_.max_bytes_per_second();
    if (limit == 0)
      return;
    std::chrono::duration<double> due{static_cast<double>(read_)
                                      / static_cast<double>(limit)};
    auto ahead = due - (clock::now() - started_at_);
    if (ahead.count() > 0
        && !context_.sleep_for(
          std::chrono::duration_cast<std::chrono::nanoseconds>(ahead)))
      throw task_stopped();
  }

  // -- checkpoints ------------------------------------------------------------

  void save_if_due() {
    if (!context_.checkpoint_wanted()
        && clock::now() - saved_at_ < limits_.interval
        && state_.bytes - saved_bytes_ < limits_.bytes)
      return;
    // What a checkpoint says is there must be there, also after a power cut.
    check(list_.sync());
    state_.length = list_.length();
    context_.checkpoint(encode(state_));
    saved_at_ = clock::now();
    saved_bytes_ = state_.bytes;
  }

  // -- member variables -------------------------------------------------------

  task_context& context_;
  checksum_limits limits_;
  const proto::ChecksumPayload& payload_;
  checksum_list list_;
  checksum_state state_;
  std::vector<char> buffer_;
  sha256 sum_;
  uint64_t total_ = 0;
  uint64_t files_ = 0;
  /// Bytes that this attempt read.
  uint64_t read_ = 0;
  clock::time_point started_at_;
  clock::time_point saved_at_;
  uint64_t saved_bytes_ = 0;
};

} // namespace

task_result checksum(task_context& context, const checksum_limits& limits) {
  return checksum_run{context, limits}.run();
}

task_kind checksum_kind() {
  task_kind x;
  x.info = *built_in_kinds().find("checksum");
  x.run = [](task_context& context) { return checksum(context); };
  return x;
}

} // namespace coppice
