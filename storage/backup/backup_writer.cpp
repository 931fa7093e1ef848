// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/files.hpp"
#include "runtime/key_codec.hpp"
#include "storage/backup/backup_file.hpp"
#include "storage/backup/backup_layout.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace coppice {

using namespace backup_layout;

namespace fs = std::filesystem;

namespace {

fs::path part_of(const fs::path& file) {
  auto part = file;
  part += ".part";
  return part;
}

error refusal(const fs::path& file, const char* what, int code) {
  return {ec::storage_failure,
          "'" + file.string() + "' " + what + ": " + std::strerror(code)};
}

error exists_already(const fs::path& file) {
  return {ec::conflict, "'" + file.string()
                          + "' exists already; choose another name, or replace "
                            "it with --force"};
}

/// Returns whether *fd* is still what *file* names: whoever wrote there before
/// may just have given it another name.
bool is_named(int fd, const fs::path& file) {
  struct stat open {};
  struct stat named {};
  return ::fstat(fd, &open) == 0 && ::stat(file.c_str(), &named) == 0
         && open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

} // namespace

bool is_group_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '-'
         && std::all_of(name.begin(), name.end(), [](char c) {
              return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
                     || c == '-';
            });
}

// -- constructors, destructors, and assignment operators ----------------------

result<backup_writer> backup_writer::create(const fs::path& file,
                                            bool replace) {
  std::error_code err;
  auto there = fs::symlink_status(file, err);
  if (fs::is_directory(there))
    return error{ec::conflict, "'" + file.string() + "' is a folder"};
  if (fs::exists(there) && !fs::is_regular_file(there))
    return error{ec::conflict, "'" + file.string() + "' is no regular file"};
  if (fs::exists(there) && !replace)
    return exists_already(file);
  auto part = part_of(file);
  // What is in it is somebody's work until the lock says otherwise.
  unique_fd fd{
    ::open(part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!fd)
    return refusal(part, "cannot be made", errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 || !is_named(fd.get(), part))
    return error{ec::conflict,
                 "'" + part.string() + "' is being written by another backup"};
  if (::ftruncate(fd.get(), 0) != 0)
    return refusal(part, "cannot be emptied", errno);
  return backup_writer{file, replace, std::move(fd)};
}

backup_writer::backup_writer(fs::path file, bool replace, unique_fd fd)
  : file_(std::move(file)),
    replace_(replace),
    fd_(std::move(fd)) {
  // nop
}

backup_writer::~backup_writer() {
  if (fd_)
    ::unlink(part().c_str());
}

// -- modifiers ----------------------------------------------------------------

result<> backup_writer::begin(const proto::BackupHeader& x) {
  std::string start{magic};
  append_big_endian(start, backup_format);
  if (auto done = write(start); !done)
    return done;
  proto::BackupSection head;
  *head.mutable_header() = x;
  if (auto done = write_head(head); !done)
    return done;
  return write_sum();
}

result<> backup_writer::begin_group(const proto::BackupGroup& x) {
  if (group_at_ != 0) {
    if (::ftruncate(fd_.get(), static_cast<off_t>(group_at_)) != 0)
      return refusal(part(), "cannot be cut", errno);
    size_ = group_at_;
    sum_ = sha256{};
    end_.set_bytes(end_.bytes() - (expected_ - missing_));
  }
  group_at_ = size_;
  expected_ = missing_ = x.size();
  proto::BackupSection head;
  *head.mutable_group() = x;
  return write_head(head);
}

result<> backup_writer::append(std::string_view bytes) {
  if (bytes.size() > missing_)
    return error{ec::invalid_argument, "a group has more bytes than it said"};
  missing_ -= bytes.size();
  end_.set_bytes(end_.bytes() + bytes.size());
  return write(bytes);
}

result<> backup_writer::end_group() {
  if (missing_ != 0)
    return error{ec::invalid_argument, "a group has fewer bytes than it said"};
  if (auto done = write_sum(); !done)
    return done;
  group_at_ = 0;
  end_.set_groups(end_.groups() + 1);
  return ok();
}

result<> backup_writer::finish() {
  proto::BackupSection head;
  *head.mutable_end() = end_;
  if (auto done = write_head(head); !done)
    return done;
  if (auto done = write_sum(); !done)
    return done;
  if (auto done = sync_file(fd_.get(), part()); !done)
    return done;
  if (auto done = give_name(); !done)
    return done;
  fd_.reset();
  auto folder = file_.parent_path();
  return sync_folder(folder.empty() ? "." : folder);
}

result<> backup_writer::write(std::string_view bytes) {
  if (auto done = write_all(fd_.get(), size_, bytes, part()); !done)
    return done;
  sum_.update(bytes);
  size_ += bytes.size();
  return ok();
}

result<> backup_writer::write_head(const proto::BackupSection& x) {
  auto bytes = x.SerializeAsString();
  std::string head;
  append_big_endian(head, static_cast<uint32_t>(bytes.size()));
  return write(head + bytes);
}

result<> backup_writer::write_sum() {
  auto done = write_all(fd_.get(), size_, sum_.finish(), part());
  size_ += sum_size;
  return done;
}

result<> backup_writer::give_name() {
  auto from = part();
  if (replace_) {
    if (::rename(from.c_str(), file_.c_str()) != 0)
      return refusal(file_, "cannot be replaced", errno);
    return ok();
  }
  // A link, for it refuses a name that somebody has taken meanwhile.
  if (::link(from.c_str(), file_.c_str()) == 0) {
    ::unlink(from.c_str());
    return ok();
  }
  if (errno == EEXIST)
    return exists_already(file_);
  // Not every file system has links.
  if (::rename(from.c_str(), file_.c_str()) != 0)
    return refusal(file_, "cannot be made", errno);
  return ok();
}

fs::path backup_writer::part() const {
  return part_of(file_);
}

} // namespace coppice
