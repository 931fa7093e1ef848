// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/kinds/small_file.hpp"
#include "apps/commands/command_list.hpp"
#include "apps/commands/progress_line.hpp"
#include "apps/commands/text.hpp"
#include "runtime/task/task_context.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace fs = std::filesystem;

namespace coppice {

namespace {

/// The node sets it: a folder of this attempt.
constexpr const char* folder_variable = "COPPICE_ATTEMPT_FOLDER";

/// One name for all checkpoints of an attempt, so that they do not pile up.
constexpr const char* copy_name = ".coppice-checkpoint";

/// Reads what is worth to be saved.
result<std::string> read_checkpoint(const fs::path& file) {
  auto bytes = read_small_file(file, max_checkpoint_bytes);
  // Else a file that could not be written, say because the disk is full, would
  // take the place of a good checkpoint.
  if (bytes && bytes.value().empty())
    return error{ec::invalid_argument, file.string() + " is empty"};
  return bytes;
}

/// Writes *bytes* into the folder of the attempt, whole or not at all; a newer
/// copy in the place of one that the node has not read yet is as good.
result<fs::path> write_copy(std::string_view bytes) {
  auto* folder = std::getenv(folder_variable);
  if (folder == nullptr || *folder == '\0')
    return error{ec::invalid_argument, "COPPICE_ATTEMPT_FOLDER is not set: "
                                       "leave it as the node has set it"};
  auto place = fs::path{folder} / copy_name;
  auto draft = fs::path{place.string() + "-" + std::to_string(getpid())};
  auto written = write_small_file(draft, bytes);
  std::error_code err;
  if (written)
    fs::rename(draft, place, err);
  if (written && err)
    written = error{ec::system_failure,
                    "cannot write " + place.string() + ": " + err.message()};
  if (written)
    return place;
  fs::remove(draft, err);
  return written.error();
}

/// Copies *file*: the node reads a checkpoint some time later, and the script
/// writes to its file when it likes.
result<fs::path> copy_aside(const fs::path& file) {
  auto bytes = read_checkpoint(file);
  if (!bytes)
    return bytes.error();
  return write_copy(bytes.value());
}

exit_code save(context& ctx, const std::string& file) {
  // Outside of a task there is nobody who would ever remove the copy.
  if (std::getenv("COPPICE_PROGRESS_FD") == nullptr)
    return write_protocol_line(ctx, {});
  auto copy = copy_aside(file);
  if (!copy) {
    ctx.complain("the checkpoint is not saved, the last one stays: "
                 + copy.error().message);
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
  = "The file is copied first, so the script may write to it again, or remove "
    "it, at once. It\n"
    "has 1 byte to 16 MiB. If there is a next attempt, it finds the last "
    "checkpoint in the\n"
    "file that COPPICE_CHECKPOINT names.\n"
    "\n"
    "Example: coppice checkpoint state.json\n",
  .declare = nullptr,
  .prepare = prepare,
  .remote = false,
};

} // namespace coppice
