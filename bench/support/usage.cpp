// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "bench/support/usage.hpp"

#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace coppice::bench {

namespace {

void check(int rc, const std::filesystem::path& dir) {
  if (rc != MDB_SUCCESS)
    throw std::runtime_error{"cannot look into " + dir.string() + ": "
                             + mdb_strerror(rc)};
}

using env_ptr = std::unique_ptr<MDB_env, decltype(&mdb_env_close)>;

using txn_ptr = std::unique_ptr<MDB_txn, decltype(&mdb_txn_abort)>;

using cursor_ptr = std::unique_ptr<MDB_cursor, decltype(&mdb_cursor_close)>;

/// Calls *fun* with each row of a table.
template <class F>
void for_each(MDB_txn* txn, MDB_dbi dbi, const std::filesystem::path& dir,
              F fun) {
  MDB_cursor* raw = nullptr;
  check(mdb_cursor_open(txn, dbi, &raw), dir);
  cursor_ptr cursor{raw, mdb_cursor_close};
  MDB_val key{};
  MDB_val value{};
  while (mdb_cursor_get(raw, &key, &value, MDB_NEXT) == MDB_SUCCESS)
    fun(key, value);
}

/// Counts the pages that are free: LMDB keeps lists of them in the table 0,
/// each with its length in front.
uint64_t free_pages(MDB_txn* txn, const std::filesystem::path& dir) {
  uint64_t n = 0;
  for_each(txn, 0, dir, [&](const MDB_val&, const MDB_val& value) {
    size_t length = 0;
    std::memcpy(&length, value.mv_data, sizeof(length));
    n += length;
  });
  return n;
}

environment_use::table use_of_table(MDB_txn* txn, const std::string& name,
                                    const std::filesystem::path& dir) {
  MDB_dbi dbi = 0;
  check(mdb_dbi_open(txn, name.c_str(), 0, &dbi), dir);
  MDB_stat stat{};
  check(mdb_stat(txn, dbi, &stat), dir);
  auto pages
    = stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
  return {stat.ms_entries, pages * stat.ms_psize};
}

/// Reads the lines `NAME: NUMBER` of a file of a process.
std::map<std::string, uint64_t> numbers_of(pid_t process,
                                           const std::string& file) {
  std::ifstream in{"/proc/" + std::to_string(process) + "/" + file};
  std::map<std::string, uint64_t> out;
  for (std::string line; std::getline(in, line);)
    if (auto end = line.find(':'); end != std::string::npos)
      out[line.substr(0, end)] = std::strtoull(&line[end + 1], nullptr, 10);
  if (out.empty())
    throw std::runtime_error{"cannot look at the process "
                             + std::to_string(process)};
  return out;
}

} // namespace

memory_use memory_of(pid_t process) {
  auto numbers = numbers_of(process, "status");
  return {numbers["RssAnon"] << 10, numbers["RssFile"] << 10};
}

work_done operator+(const work_done& x, const work_done& y) {
  return {x.cpu_seconds + y.cpu_seconds, x.written_bytes + y.written_bytes};
}

work_done operator-(const work_done& x, const work_done& y) {
  return {x.cpu_seconds - y.cpu_seconds, x.written_bytes - y.written_bytes};
}

work_done work_of(pid_t process) {
  auto numbers = numbers_of(process, "io");
  std::ifstream in{"/proc/" + std::to_string(process) + "/stat"};
  std::string text;
  std::getline(in, text, '\0');
  // Behind the name of the program, which may contain anything, come eleven
  // words that are not wanted here.
  std::istringstream words{text.substr(text.rfind(')') + 1)};
  std::string word;
  for (auto i = 0; i < 11; ++i)
    words >> word;
  uint64_t user = 0;
  uint64_t system = 0;
  words >> user >> system;
  return {static_cast<double>(user + system)
            / static_cast<double>(::sysconf(_SC_CLK_TCK)),
          numbers["write_bytes"]};
}

double cpu_seconds_of(pid_t process, const std::string& name) {
  double sum = 0;
  std::error_code err;
  for (auto& task : std::filesystem::directory_iterator{
         "/proc/" + std::to_string(process) + "/task", err}) {
    std::string found;
    std::getline(std::ifstream{task.path() / "comm"}, found);
    double nanoseconds = 0;
    if (name.empty() || name == found)
      std::ifstream{task.path() / "schedstat"} >> nanoseconds;
    sum += nanoseconds / 1e9;
  }
  return sum;
}

environment_use use_of(const std::filesystem::path& dir) {
  MDB_env* raw_env = nullptr;
  check(mdb_env_create(&raw_env), dir);
  env_ptr env{raw_env, mdb_env_close};
  check(mdb_env_set_maxdbs(raw_env, 64), dir);
  check(mdb_env_open(raw_env, dir.c_str(), MDB_RDONLY | MDB_NOTLS, 0600), dir);
  MDB_txn* raw_txn = nullptr;
  check(mdb_txn_begin(raw_env, nullptr, MDB_RDONLY, &raw_txn), dir);
  txn_ptr txn{raw_txn, mdb_txn_abort};
  MDB_envinfo info{};
  check(mdb_env_info(raw_env, &info), dir);
  MDB_stat stat{};
  check(mdb_env_stat(raw_env, &stat), dir);
  environment_use out;
  struct stat file {};
  if (::stat((dir / "data.mdb").c_str(), &file) == 0)
    out.file_bytes = static_cast<uint64_t>(file.st_blocks) * 512;
  out.used_bytes
    = (info.me_last_pgno + 1 - free_pages(raw_txn, dir)) * stat.ms_psize;
  MDB_dbi names = 0;
  check(mdb_dbi_open(raw_txn, nullptr, 0, &names), dir);
  for_each(raw_txn, names, dir, [&](const MDB_val& key, const MDB_val&) {
    std::string name{static_cast<const char*>(key.mv_data), key.mv_size};
    out.tables[name] = use_of_table(raw_txn, name, dir);
  });
  return out;
}

} // namespace coppice::bench
