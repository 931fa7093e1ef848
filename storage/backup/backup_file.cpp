// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/backup/backup_file.hpp"

#include "runtime/files.hpp"
#include "runtime/key_codec.hpp"
#include "storage/backup/backup_layout.hpp"
#include "storage/tables.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

namespace coppice {

using namespace backup_layout;

namespace fs = std::filesystem;

namespace {

error unreadable(const fs::path& file, const std::string& why) {
  return {ec::system_failure, "'" + file.string() + "' " + why};
}

error newer(const fs::path& file, const char* what, uint32_t found,
            uint32_t known) {
  return {ec::corrupt_store,
          "'" + file.string() + "' was written by a newer version of Coppice: "
            + what + " is " + std::to_string(found) + ", this version knows "
            + std::to_string(known)};
}

} // namespace

/// Goes through a backup once, from the beginning to the end.
class backup_reader {
public:
  explicit backup_reader(backup_file& to) : to_(to) {
    // nop
  }

  result<> run() {
    if (auto done = read_start(); !done)
      return done;
    if (auto done = read_header(); !done)
      return done;
    for (auto& name : to_.header_.groups())
      if (auto done = read_group(name); !done)
        return done;
    return read_end();
  }

private:
  error damaged(const std::string& what) const {
    return {ec::corrupt_store, "'" + to_.file_.string() + "' is damaged: "
                                 + what + "; use another backup"};
  }

  /// Reads the next *n* bytes.
  result<std::string_view> take(uint64_t n) {
    if (n > to_.size_ - at_)
      return error{ec::corrupt_store,
                   "'" + to_.file_.string() + "' is not whole: it ends after "
                     + std::to_string(to_.size_)
                     + " bytes, in the midst of something; use another backup"};
    buffer_.resize(n);
    for (uint64_t have = 0; have < n;) {
      auto got = ::pread(to_.fd_.get(), buffer_.data() + have, n - have,
                         static_cast<off_t>(at_ + have));
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        return unreadable(to_.file_, got < 0
                                       ? "cannot be read: "
                                           + std::string{std::strerror(errno)}
                                       : "has become shorter");
      have += static_cast<uint64_t>(got);
    }
    at_ += n;
    return std::string_view{buffer_};
  }

  result<std::string_view> take_summed(uint64_t n) {
    auto bytes = take(n);
    if (bytes)
      sum_.update(bytes.value());
    return bytes;
  }

  result<uint32_t> take_number() {
    auto bytes = take_summed(number_size);
    if (!bytes)
      return bytes.as_failure();
    return read_big_endian<uint32_t>(bytes.value(), 0);
  }

  result<> read_start() {
    // A shorter file is no backup either, whatever it is.
    auto n = std::min<uint64_t>(to_.size_, magic.size());
    auto start = take_summed(n);
    if (!start)
      return start.as_failure();
    if (start.value() != magic)
      return error{ec::corrupt_store,
                   "'" + to_.file_.string() + "' is no backup of Coppice"};
    auto format = take_number();
    if (!format)
      return format.as_failure();
    if (format.value() > backup_format)
      return newer(to_.file_, "its format", format.value(), backup_format);
    if (format.value() == 0)
      return damaged("its format is 0");
    return ok();
  }

  result<proto::BackupSection> read_head(const char* what) {
    auto size = take_number();
    if (!size)
      return size.as_failure();
    if (size.value() > max_head_bytes)
      return damaged(std::string{what} + " cannot be so large");
    auto bytes = take_summed(size.value());
    if (!bytes)
      return bytes.as_failure();
    proto::BackupSection x;
    if (!x.ParseFromArray(bytes.value().data(),
                          static_cast<int>(bytes.value().size())))
      return damaged(std::string{what} + " makes no sense");
    return x;
  }

  result<> check_sum(const std::string& what) {
    auto sum = sum_.finish();
    auto written = take(sum_size);
    if (!written)
      return written.as_failure();
    if (written.value() != sum)
      return damaged("the checksum of " + what + " is another one");
    return ok();
  }

  result<> read_header() {
    auto head = read_head("the header");
    if (!head)
      return head.as_failure();
    if (auto done = check_sum("the header"); !done)
      return done;
    if (!head.value().has_header())
      return damaged("it has no header");
    to_.header_ = std::move(*head.value().mutable_header());
    std::set<std::string> names;
    for (auto& name : to_.header_.groups())
      if (!is_group_name(name) || !names.insert(name).second)
        return damaged("it names a group that cannot be");
    if (names.empty())
      return damaged("it has no group");
    return ok();
  }

  result<> read_group(const std::string& name) {
    auto what = "group " + name;
    auto head = read_head(what.c_str());
    if (!head)
      return head.as_failure();
    auto& x = *head.value().mutable_group();
    auto at = at_;
    sha256 bytes_sum;
    for (auto left = x.size(); left > 0;) {
      auto block = take_summed(std::min<uint64_t>(left, block_bytes));
      if (!block)
        return block.as_failure();
      bytes_sum.update(block.value());
      left -= block.value().size();
    }
    if (auto done = check_sum(what); !done)
      return done;
    if (x.name() != name)
      return damaged(what + " is not where it should be");
    if (x.tables_format() > tables_format)
      return newer(to_.file_, "the format of its tables", x.tables_format(),
                   tables_format);
    bytes_ += x.size();
    to_.groups_.push_back(std::move(x));
    to_.places_.emplace_back(at, bytes_sum.finish());
    return ok();
  }

  result<> read_end() {
    auto head = read_head("the end");
    if (!head)
      return head.as_failure();
    if (auto done = check_sum("the end"); !done)
      return done;
    auto& x = head.value().end();
    if (!head.value().has_end() || x.groups() != to_.groups_.size()
        || x.bytes() != bytes_)
      return damaged("its end does not fit what is before it");
    if (at_ != to_.size_)
      return damaged("it goes on behind its end");
    return ok();
  }

  backup_file& to_;

  uint64_t at_ = 0;

  uint64_t bytes_ = 0;

  std::string buffer_;

  sha256 sum_;
};

result<backup_file> backup_file::open(const fs::path& file) {
  backup_file x;
  x.file_ = file;
  // Not to wait for who writes to a pipe.
  x.fd_ = unique_fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!x.fd_)
    return unreadable(file,
                      "cannot be opened: " + std::string{std::strerror(errno)});
  struct stat info {};
  if (::fstat(x.fd_.get(), &info) != 0)
    return unreadable(file,
                      "cannot be read: " + std::string{std::strerror(errno)});
  if (S_ISDIR(info.st_mode))
    return unreadable(file, "is a folder, not a backup");
  if (!S_ISREG(info.st_mode))
    return unreadable(file, "is no regular file");
  x.size_ = static_cast<uint64_t>(info.st_size);
  if (auto done = backup_reader{x}.run(); !done)
    return done.as_failure();
  return x;
}

result<> backup_file::extract(size_t group, const fs::path& to) const {
  unique_fd out{
    ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!out)
    return error{ec::storage_failure, "'" + to.string() + "' cannot be made: "
                                        + std::strerror(errno)};
  auto& [from, sum] = places_[group];
  auto size = groups_[group].size();
  sha256 seen;
  std::string buffer(block_bytes, '\0');
  for (uint64_t done = 0; done < size;) {
    auto n = ::pread(fd_.get(), buffer.data(),
                     std::min<uint64_t>(buffer.size(), size - done),
                     static_cast<off_t>(from + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return unreadable(file_, "cannot be read to its end");
    std::string_view bytes{buffer.data(), static_cast<size_t>(n)};
    seen.update(bytes);
    if (auto written = write_all(out.get(), done, bytes, to); !written)
      return written;
    done += bytes.size();
  }
  if (seen.finish() != sum)
    return error{ec::corrupt_store,
                 "'" + file_.string() + "' has changed while it was read"};
  return sync_file(out.get(), to);
}

} // namespace coppice
