// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/kinds/checksum_list.hpp"

#include "actors/kinds/small_file.hpp"
#include "runtime/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

namespace fs = std::filesystem;

namespace coppice {

namespace {

/// First line of a checkpoint.
constexpr std::string_view header = "coppice checksum 1\n";

/// Between the name of the output and the number of the attempt.
constexpr std::string_view part_suffix = ".part-";

/// Takes a number and the space behind it.
bool take_number(std::string_view& text, uint64_t& x) {
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), x);
  auto size = static_cast<size_t>(end - text.data());
  if (bad != std::errc{} || size >= text.size() || text[size] != ' ')
    return false;
  text.remove_prefix(size + 1);
  return true;
}

/// Returns whether *path* is the list itself, complete or not.
bool is_list(std::string_view path, std::string_view output) {
  return path.substr(0, output.size()) == output
         && (path.size() == output.size()
             || path.substr(output.size(), part_suffix.size()) == part_suffix);
}

/// Adds what is directly in *folder*.
void find_in(const std::string& folder, const std::string& output,
             checksum_files& found, std::vector<std::string>& folders) {
  std::error_code err;
  fs::directory_iterator i{folder, err};
  while (!err && i != fs::directory_iterator{}) {
    auto path = i->path().string();
    struct stat facts {};
    // What vanishes meanwhile is not there: nothing was skipped.
    if (!is_list(path, output) && ::lstat(path.c_str(), &facts) == 0) {
      if (S_ISDIR(facts.st_mode))
        folders.push_back(path);
      if (S_ISREG(facts.st_mode)) {
        found.bytes += static_cast<uint64_t>(facts.st_size);
        found.paths.push_back(std::move(path));
      }
    }
    i.increment(err);
  }
  found.skipped += err ? 1 : 0;
}

} // namespace

// -- files --------------------------------------------------------------------

checksum_files find_files(const std::string& folder, bool flat,
                          const std::string& output,
                          const std::function<bool()>& go_on) {
  checksum_files found;
  std::vector<std::string> folders{folder};
  while (!folders.empty() && go_on()) {
    auto next = std::move(folders.back());
    folders.pop_back();
    find_in(next, output, found, folders);
    if (flat)
      break;
  }
  std::sort(found.paths.begin(), found.paths.end());
  return found;
}

std::string checksum_line(std::string_view sum, std::string_view path) {
  std::string name;
  auto escaped = false;
  for (auto c : path) {
    auto* special = c == '\\' ? "\\\\" : c == '\n' ? "\\n" : nullptr;
    if (c == '\r')
      special = "\\r";
    escaped |= special != nullptr;
    if (special)
      name += special;
    else
      name += c;
  }
  std::string line = escaped ? "\\" : "";
  line += sum;
  line += "  ";
  line += name;
  line += '\n';
  return line;
}

// -- checksum_state -----------------------------------------------------------

std::string encode(const checksum_state& x) {
  std::string text{header};
  for (auto number :
       {uint64_t{x.attempt}, x.length, x.bytes, x.files, x.skipped})
    text += std::to_string(number) + ' ';
  return text + x.last;
}

result<checksum_state> decode_checksum_state(std::string_view text) {
  checksum_state x;
  uint64_t attempt = 0;
  if (text.substr(0, header.size()) != header)
    return error{ec::invalid_argument, "this is no checkpoint of a checksum"};
  text.remove_prefix(header.size());
  for (auto* number : {&attempt, &x.length, &x.bytes, &x.files, &x.skipped})
    if (!take_number(text, *number))
      return error{ec::invalid_argument, "a checkpoint is damaged"};
  x.attempt = static_cast<uint32_t>(attempt);
  x.last = std::string{text};
  return x;
}

// -- checksum_list ------------------------------------------------------------

result<checksum_list> checksum_list::create(fs::path output, uint32_t attempt) {
  checksum_list x;
  x.output_ = std::move(output);
  x.attempt_ = attempt;
  std::error_code err;
  fs::create_directories(x.output_.parent_path(), err);
  x.fd_ = unique_fd{::open(x.part(attempt).c_str(),
                           O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
  if (!x.fd_)
    return x.fail("write").error();
  return x;
}

result<> checksum_list::take_over(uint32_t attempt, uint64_t length) {
  constexpr size_t largest_list = size_t{1} << 32;
  auto before = read_small_file(part(attempt), largest_list);
  if (!before || before.value().size() < length)
    return error{ec::not_found, "the list of attempt " + std::to_string(attempt)
                                  + " is not there"};
  return append(std::string_view{before.value()}.substr(0, length));
}

result<> checksum_list::append(std::string_view text) {
  sum_.update(text);
  length_ += text.size();
  while (!text.empty()) {
    auto n = ::write(fd_.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail("write");
    text.remove_prefix(static_cast<size_t>(n));
  }
  return ok();
}

result<> checksum_list::sync() {
  if (::fsync(fd_.get()) != 0)
    return fail("write");
  return ok();
}

result<std::string> checksum_list::complete() {
  if (auto synced = sync(); !synced)
    return synced.error();
  if (::rename(part(attempt_).c_str(), output_.c_str()) != 0)
    return fail("rename").error();
  if (auto done = sync_folder(output_.parent_path()); !done)
    return done.error();
  std::error_code ignored;
  for (uint32_t i = 1; i < attempt_; ++i)
    fs::remove(part(i), ignored);
  return sum_.finish();
}

fs::path checksum_list::part(uint32_t attempt) const {
  return output_.string() + std::string{part_suffix} + std::to_string(attempt);
}

result<> checksum_list::fail(const char* what) const {
  return error{ec::system_failure, std::string{"cannot "} + what + " "
                                     + part(attempt_).string() + ": "
                                     + std::system_category().message(errno)};
}

} // namespace coppice
