// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "storage/tables_transfer.hpp"

#include "runtime/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <string>
#include <utility>

namespace coppice {

namespace fs = std::filesystem;

namespace {

// In the folder of a group. A transfer goes from one name to the next; only
// the last step may follow a restart.
constexpr const char* incoming_name = "tables.incoming";
constexpr const char* received_name = "tables.received";

error refusal(const fs::path& file, const char* what, int code) {
  return {ec::storage_failure,
          "'" + file.string() + "' " + what + ": " + std::strerror(code)};
}

} // namespace

uint64_t draw_number() {
  std::random_device device;
  uint64_t x = 0;
  while (x == 0)
    x = uint64_t{device()} << 32 | device();
  return x;
}

// -- tables_copy --------------------------------------------------------------

result<tables_copy> tables_copy::make(tables& db, const fs::path& dir) {
  auto name = (dir / "tables.copy-XXXXXX").string();
  unique_fd fd{::mkostemp(name.data(), O_CLOEXEC)};
  if (!fd)
    return refusal(dir, "cannot take a copy of the tables", errno);
  ::unlink(name.c_str());
  auto tasks = db.rows_on_disk(table::task);
  if (!tasks)
    return tasks.as_failure();
  if (auto done = db.copy_to(fd.get()); !done)
    return done.as_failure();
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0)
    return refusal(dir, "cannot take a copy of the tables", errno);
  return tables_copy{std::move(fd), draw_number(),
                     static_cast<uint64_t>(info.st_size), tasks.value()};
}

result<proto::TablesPart> tables_copy::read(uint64_t offset,
                                            size_t max_bytes) const {
  proto::TablesPart x;
  x.set_copy(number_);
  x.set_offset(offset);
  x.set_total(size_);
  if (offset >= size_)
    return x;
  auto& data = *x.mutable_data();
  data.resize(std::min<uint64_t>(max_bytes, size_ - offset));
  for (size_t have = 0; have < data.size();) {
    auto n = ::pread(fd_.get(), data.data() + have, data.size() - have,
                     static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return error{
        ec::storage_failure,
        std::string{"a copy of the tables cannot be read: "}
          + (n < 0 ? std::strerror(errno) : "it has become shorter")};
    have += static_cast<size_t>(n);
  }
  return x;
}

// -- tables_intake ------------------------------------------------------------

result<tables_intake> tables_intake::begin(const fs::path& folder) {
  auto dir = folder / incoming_name;
  std::error_code err;
  fs::remove_all(dir, err);
  if (!err)
    fs::create_directories(dir, err);
  if (err)
    return refusal(dir, "cannot be made anew", err.value());
  auto file = dir / tables_file_name;
  unique_fd fd{::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
  if (!fd)
    return refusal(file, "cannot be made", errno);
  return tables_intake{folder, std::move(fd)};
}

result<bool> tables_intake::take(const proto::TablesPart& x) {
  auto file = folder_ / incoming_name / tables_file_name;
  if (x.copy() != copy_ && x.offset() == 0 && x.copy() != 0) {
    if (::ftruncate(fd_.get(), 0) != 0)
      return refusal(file, "cannot be emptied", errno);
    copy_ = x.copy();
    offset_ = 0;
  }
  if (x.copy() != copy_ || x.offset() != offset_ || x.data().empty())
    return false;
  if (auto done = write_all(fd_.get(), offset_, x.data(), file); !done)
    return done.as_failure();
  offset_ += x.data().size();
  if (offset_ < x.total())
    return false;
  if (auto done = finish(); !done)
    return done.as_failure();
  return true;
}

result<> tables_intake::finish() {
  auto from = folder_ / incoming_name;
  if (auto done = sync_file(fd_.get(), from / tables_file_name); !done)
    return done;
  if (auto done = sync_folder(from); !done)
    return done;
  std::error_code err;
  auto to = folder_ / received_name;
  fs::remove_all(to, err);
  if (!err)
    fs::rename(from, to, err);
  if (err)
    return refusal(from, "cannot be renamed", err.value());
  return sync_folder(folder_);
}

proto::TablesWanted tables_intake::wanted() const {
  proto::TablesWanted x;
  x.set_copy(copy_);
  x.set_offset(offset_);
  return x;
}

// -- open_tables --------------------------------------------------------------

result<std::unique_ptr<tables>> open_tables(const fs::path& folder,
                                            const tables_options& options) {
  auto received = folder / received_name;
  auto dir = folder / tables_folder_name;
  std::error_code err;
  fs::remove_all(folder / incoming_name, err);
  if (fs::exists(received, err)) {
    // A crash in between leaves the received ones, and this begins again.
    fs::remove_all(dir, err);
    if (!err)
      fs::rename(received, dir, err);
    if (err)
      return refusal(received, "cannot replace the tables", err.value());
    if (auto done = sync_folder(folder); !done)
      return done.as_failure();
  }
  return tables::open(dir, options);
}

} // namespace coppice
