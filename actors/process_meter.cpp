// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/process_meter.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

namespace coppice {

namespace {

std::string proc(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + '/' + file;
}

/// What stands in /proc/PID/stat behind the name, which may contain anything.
struct process_stat {
  pid_t group = 0;
  uint64_t threads = 0;
  uint64_t resident_pages = 0;
};

std::optional<process_stat> read_stat(pid_t pid) {
  std::ifstream in{proc(pid, "stat")};
  std::string text;
  if (!std::getline(in, text))
    return std::nullopt;
  auto name_end = text.rfind(')');
  if (name_end == std::string::npos)
    return std::nullopt;
  std::istringstream rest{text.substr(name_end + 1)};
  process_stat x;
  std::string skipped;
  // Fields 3 to 24 of proc(5).
  for (auto field = 3; field <= 24 && rest; ++field) {
    if (field == 5)
      rest >> x.group;
    else if (field == 20)
      rest >> x.threads;
    else if (field == 24)
      rest >> x.resident_pages;
    else
      rest >> skipped;
  }
  return rest ? std::optional{x} : std::nullopt;
}

/// Calls *fun* for the names in a folder that are numbers.
template <class F>
void for_each_number(const std::string& folder, F fun) {
  std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir(folder.c_str()),
                                          &::closedir};
  while (dir)
    if (auto* entry = ::readdir(dir.get())) {
      if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])))
        fun(static_cast<pid_t>(std::atoi(entry->d_name)));
    } else {
      return;
    }
}

process_sizes sizes_of(pid_t pid, const process_stat& x) {
  process_sizes out;
  out.resident_bytes
    = x.resident_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  out.threads = x.threads;
  for_each_number(proc(pid, "fd"), [&](pid_t) { ++out.open_files; });
  return out;
}

} // namespace

std::optional<process_sizes> measure_process(pid_t pid) {
  auto x = read_stat(pid);
  return x ? std::optional{sizes_of(pid, *x)} : std::nullopt;
}

std::map<pid_t, process_sizes> measure_groups(const std::set<pid_t>& groups) {
  std::map<pid_t, process_sizes> out;
  for (auto group : groups)
    out.try_emplace(group);
  if (groups.empty())
    return out;
  for_each_number("/proc", [&](pid_t pid) {
    auto x = read_stat(pid);
    auto i = x ? out.find(x->group) : out.end();
    if (i == out.end())
      return;
    auto own = sizes_of(pid, *x);
    i->second.resident_bytes += own.resident_bytes;
    i->second.open_files += own.open_files;
    i->second.threads += own.threads;
  });
  return out;
}

uint64_t open_files_limit(pid_t pid) {
  std::ifstream in{proc(pid, "limits")};
  const std::string label = "Max open files";
  std::string line;
  while (std::getline(in, line))
    if (line.starts_with(label)) {
      std::istringstream rest{line.substr(label.size())};
      uint64_t soft = 0;
      return rest >> soft ? soft : 0;
    }
  return 0;
}

uint64_t memory_limit() {
  auto pages = static_cast<uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  auto out = pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  // Of version 2; "max" if there is no limit.
  std::ifstream in{"/proc/self/cgroup"};
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with("0::"))
      continue;
    std::ifstream limit{"/sys/fs/cgroup" + line.substr(3) + "/memory.max"};
    uint64_t x = 0;
    if (limit >> x)
      out = std::min(out, x);
  }
  return out;
}

} // namespace coppice
