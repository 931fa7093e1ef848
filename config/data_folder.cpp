// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/data_folder.hpp"

#include "runtime/files.hpp"
#include "runtime/launch/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <set>
#include <string>

namespace coppice {

namespace fs = std::filesystem;

namespace {

constexpr const char* version_file = "VERSION";
constexpr const char* incarnation_file = "incarnation";
constexpr const char* member_file = "member";

/// The groups of a restore that is not finished.
constexpr const char* restoring_folder = "groups.restoring";

/// Less free space than this is none.
constexpr uintmax_t scarce_bytes = uintmax_t{1} << 20;

error refuse(ec code, const fs::path& file, const std::string& why) {
  return {code, "'" + file.string() + "' " + why};
}

error storage_error(const fs::path& file, const char* what) {
  return refuse(ec::storage_failure, file,
                std::string{what} + ": " + std::strerror(errno));
}

/// Reads a file that holds one number and a line feed.
std::optional<uint64_t> read_number(const fs::path& file) {
  auto text = read_file(file);
  if (!text)
    return std::nullopt;
  uint64_t x = 0;
  auto end = text.value().data() + text.value().size();
  auto [at, err] = std::from_chars(text.value().data(), end, x);
  if (err != std::errc{} || std::string_view(at, end) != "\n")
    return std::nullopt;
  return x;
}

/// Replaces *name* so that a crash leaves the old number or the new one.
result<> write_number(const fs::path& dir, const char* name, uint64_t x) {
  auto file = dir / name;
  auto temporary = file;
  temporary += ".tmp";
  unique_fd fd{
    open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!fd)
    return storage_error(temporary, "cannot be written");
  auto text = std::to_string(x) + "\n";
  if (auto done = write_all(fd.get(), 0, text, temporary); !done)
    return done;
  if (auto done = sync_file(fd.get(), temporary); !done)
    return done;
  if (rename(temporary.c_str(), file.c_str()) != 0)
    return storage_error(file, "cannot be replaced");
  return sync_folder(dir);
}

/// Whether a data folder that was only half made has *name* in it.
bool is_of_creation(const std::string& name) {
  return name == lock_file_name || name == std::string{version_file} + ".tmp";
}

/// Whether a restore that was not finished has left *name*, or a data folder
/// that is new.
bool is_of_restore(const std::string& name) {
  return name == restoring_folder || name == version_file || name == member_file
         || name == std::string{member_file} + ".tmp";
}

result<> check_version(const fs::path& file) {
  auto version = read_number(file);
  if (!version || *version == 0)
    return refuse(ec::corrupt_store, file, "is not the number of a format");
  if (*version > data_format)
    return refuse(ec::corrupt_store, file.parent_path(),
                  "was written by a newer version of Coppice: its format is "
                    + std::to_string(*version) + ", this version knows "
                    + std::to_string(data_format));
  if (*version < data_format)
    return refuse(ec::corrupt_store, file.parent_path(),
                  "was written by a trial version of Coppice, format "
                    + std::to_string(*version)
                    + ", which no later one reads: choose another folder");
  return ok();
}

/// Returns the names of what is in *dir*, none if it is not there; an error if
/// it is something else than a folder, or cannot be read.
result<std::set<std::string>> names_in(const fs::path& dir) {
  std::set<std::string> names;
  std::error_code err;
  auto type = fs::status(dir, err).type();
  if (type == fs::file_type::not_found)
    return names;
  if (type != fs::file_type::none && type != fs::file_type::directory)
    return refuse(ec::conflict, dir, "is not a folder");
  for (fs::directory_iterator i{dir, err}, end; !err && i != end;
       i.increment(err))
    names.insert(i->path().filename().string());
  if (err)
    return refuse(ec::system_failure, dir, "cannot be read: " + err.message());
  return names;
}

} // namespace

result<> check_data_folder(const fs::path& dir) {
  auto names = names_in(dir);
  if (!names)
    return names.as_failure();
  if (names.value().contains(restoring_folder))
    return refuse(ec::conflict, dir,
                  "has a restore in it that was not finished: restore again, "
                  "or remove the folder");
  if (names.value().contains(version_file))
    return check_version(dir / version_file);
  for (auto& name : names.value())
    if (!is_of_creation(name))
      return refuse(ec::conflict, dir,
                    "has files in it and is no data folder of Coppice: it has"
                    " no file VERSION");
  return ok();
}

result<> create_data_folder(const fs::path& dir) {
  if (auto checked = check_data_folder(dir); !checked)
    return checked;
  std::error_code err;
  if (fs::exists(dir / version_file, err))
    return ok();
  auto made = fs::create_directories(dir, err);
  if (err)
    return refuse(ec::storage_failure, dir, "cannot be made: " + err.message());
  if (made) // Payloads of tasks are nobody else's business.
    fs::permissions(dir, fs::perms::owner_all, err);
  if (auto done = write_number(dir, version_file, data_format); !done)
    return done;
  auto parent = fs::absolute(dir, err).lexically_normal().parent_path();
  return err ? ok() : sync_folder(parent);
}

result<uint64_t> member_number(const fs::path& dir, uint32_t tag) {
  auto file = dir / member_file;
  std::error_code err;
  if (fs::exists(file, err)) {
    auto stored = read_number(file);
    if (!stored || *stored == 0)
      return refuse(ec::corrupt_store, file, "is not the number of a member");
    if (*stored >> 32 != tag)
      return refuse(ec::conflict, dir,
                    "is the data folder of a manager with another name; a"
                    " manager keeps its node.id");
    return *stored;
  }
  auto drawn = uint64_t{tag} << 32 | std::random_device{}();
  if (auto done = write_number(dir, member_file, drawn); !done)
    return done.error();
  return drawn;
}

result<uint64_t> next_incarnation(const fs::path& dir,
                                  std::chrono::system_clock::time_point now) {
  using std::chrono::milliseconds;
  auto file = dir / incarnation_file;
  uint64_t last = 0;
  std::error_code err;
  if (fs::exists(file, err)) {
    auto stored = read_number(file);
    // To begin anew could repeat a number that others have seen.
    if (!stored || *stored == std::numeric_limits<uint64_t>::max())
      return refuse(ec::corrupt_store, file, "is not the number of a start");
    last = *stored;
  }
  auto since_epoch = now.time_since_epoch();
  auto wall = std::chrono::duration_cast<milliseconds>(since_epoch).count();
  auto next
    = std::max(last + 1, static_cast<uint64_t>(std::max<int64_t>(wall, 0)));
  if (auto done = write_number(dir, incarnation_file, next); !done)
    return done.error();
  return next;
}

// -- restore ------------------------------------------------------------------

result<> check_restorable(const fs::path& dir) {
  auto names = names_in(dir);
  if (!names)
    return names.as_failure();
  for (auto& name : names.value())
    if (!is_of_creation(name) && !is_of_restore(name))
      return refuse(ec::conflict, dir,
                    "has '" + name
                      + "' in it, and a backup is restored to an empty folder: "
                        "stop the node if it runs, and move the folder away or "
                        "choose another data.dir");
  return ok();
}

result<fs::path> begin_restore(const fs::path& dir) {
  abandon_restore(dir);
  // First the folder that keeps a node from starting here.
  auto groups = dir / restoring_folder;
  std::error_code err;
  fs::create_directory(groups, err);
  if (err)
    return refuse(ec::storage_failure, groups,
                  "cannot be made: " + err.message());
  if (auto done = write_number(dir, version_file, data_format); !done)
    return done.as_failure();
  return groups;
}

result<> finish_restore(const fs::path& dir) {
  auto groups = dir / restoring_folder;
  if (auto done = sync_folder(groups); !done)
    return done;
  if (rename(groups.c_str(), (dir / groups_folder_name).c_str()) != 0)
    return storage_error(groups, "cannot be renamed");
  if (auto done = sync_folder(dir); !done)
    return done;
  std::error_code err;
  auto parent = fs::absolute(dir, err).lexically_normal().parent_path();
  return err ? ok() : sync_folder(parent);
}

void abandon_restore(const fs::path& dir) {
  std::error_code ignored;
  for (auto name : {member_file, version_file, restoring_folder})
    fs::remove_all(dir / name, ignored);
}

bool is_disk_full(const fs::path& dir) {
  std::error_code err;
  auto disk = fs::space(dir, err);
  return !err && disk.available < scarce_bytes;
}

} // namespace coppice
