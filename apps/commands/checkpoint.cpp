// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/progress_line.hpp"
#include "apps/commands/text.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace fs = std::filesystem;

namespace coppice {

namespace {

/// The node sets it: a folder of this attempt.
constexpr const char* folder_variable = "COPPICE_ATTEMPT_FOLDER";

/// Closes a descriptor at the end of a block.
struct descriptor {
  int fd;

  explicit descriptor(int x) : fd(x) {
    // nop
  }

  ~descriptor() {
    if (fd >= 0)
      close(fd);
  }

  descriptor(const descriptor&) = delete;

  descriptor& operator=(const descriptor&) = delete;
};

error failed(const std::string& what, const fs::path& file) {
  return {ec::system_failure, "cannot " + what + " " + quote(file.string())
                                + ": " + strerror(errno)};
}

result<> copy_bytes(int from, int to, const fs::path& source,
                    const fs::path& target) {
  std::array<char, 1 << 16> buffer;
  for (;;) {
    auto n = read(from, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return failed("read", source);
    if (n == 0)
      return ok();
    for (ssize_t done = 0; done < n;) {
      auto m = write(to, buffer.data() + done, static_cast<size_t>(n - done));
      if (m < 0 && errno != EINTR)
        return failed("write", target);
      done += std::max<ssize_t>(m, 0);
    }
  }
}

/// Returns the value of an environment variable; empty if it is not set.
std::string variable(const char* name) {
  auto* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// Where the copy of *source* goes: one name for all checkpoints of an attempt,
/// so that they do not pile up.
fs::path place_of_copy(const fs::path& source) {
  std::error_code code;
  auto folder = fs::path{variable(folder_variable)};
  if (folder.empty())
    folder = fs::absolute(source, code).parent_path();
  return fs::absolute(folder, code)
         / (".coppice-checkpoint-" + variable("COPPICE_TASK_ID") + "-"
            + variable("COPPICE_ATTEMPT"));
}

/// Copies *source*: the node reads a checkpoint some time later, and the script
/// writes to its file when it likes. The copy appears whole or not at all, and
/// a newer one in the place of one that was not read yet is as good.
result<fs::path> copy_aside(const fs::path& source) {
  descriptor in{open(source.c_str(), O_RDONLY | O_CLOEXEC)};
  if (in.fd < 0)
    return failed("read", source);
  auto place = place_of_copy(source);
  auto name = place.string() + "-XXXXXX";
  descriptor out{mkostemp(name.data(), O_CLOEXEC)};
  if (out.fd < 0)
    return failed("make a file", name);
  auto copied = copy_bytes(in.fd, out.fd, source, name);
  if (copied && rename(name.c_str(), place.c_str()) != 0)
    copied = failed("rename a file to", place);
  if (!copied) {
    unlink(name.c_str());
    return copied.error();
  }
  return place;
}

exit_code save(context& ctx, const std::string& file) {
  // Outside of a task there is nobody who would ever remove the copy.
  if (std::getenv("COPPICE_PROGRESS_FD") == nullptr)
    return write_protocol_line(ctx, {});
  auto copy = copy_aside(file);
  if (!copy) {
    ctx.complain(copy.error().message);
    return exit_code::usage;
  }
  auto path = copy.value().string();
  if (path.find('\n') != std::string::npos) {
    ctx.complain("the path " + quote(path) + " has a line end");
    return exit_code::usage;
  }
  return write_protocol_line(ctx, "checkpoint " + path);
}

result<action> prepare(const arguments& args) {
  if (auto okay = expect_words(args, 1, 1, "the file"); !okay)
    return okay.error();
  return action{
    [file = args.words[0]](context& ctx) { return save(ctx, file); }};
}

} // namespace

const command checkpoint_command_info{
  .name = "checkpoint",
  .brief = "save a file from which the next attempt can start",
  .synopsis = "FILE",
  .text
  = "The file is copied first, so the script may write to it again at once. If "
    "there is a\n"
    "next attempt, it finds the last checkpoint in the file that "
    "COPPICE_CHECKPOINT names.\n"
    "\n"
    "Example: coppice checkpoint state.json\n",
  .declare = nullptr,
  .prepare = prepare,
  .remote = false,
};

} // namespace coppice
