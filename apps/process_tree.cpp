// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/process_tree.hpp"

#include "runtime/files.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>

namespace coppice {

namespace fs = std::filesystem;

namespace {

std::string proc_folder(pid_t pid) {
  return "/proc/" + std::to_string(pid);
}

/// Returns what a file of /proc says; nothing if its process is gone.
std::string read_all(const std::string& file) {
  auto text = read_file(file);
  return text ? std::move(text).value() : std::string{};
}

/// Returns the names in a folder; none if it is gone meanwhile.
std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> result;
  std::error_code err;
  for (fs::directory_iterator i{folder, err}, end; !err && i != end;
       i.increment(err))
    result.push_back(i->path().filename().string());
  return result;
}

/// Reaps every child that has ended. Returns whether any is left.
bool reap_children() {
  for (;;) {
    auto pid = waitpid(-1, nullptr, WNOHANG);
    if (pid == 0)
      return true;
    if (pid < 0 && errno == ECHILD)
      return false;
  }
}

} // namespace

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> result;
  auto tasks = proc_folder(pid) + "/task/";
  for (auto& task : names_in(tasks)) {
    std::istringstream in{read_all(tasks + task + "/children")};
    for (pid_t child = 0; in >> child;)
      result.push_back(child);
  }
  return result;
}

void kill_tree(pid_t pid) {
  // Listed before the kill: its children become children of the subreaper.
  auto children = children_of(pid);
  kill(pid, SIGKILL);
  for (auto child : children)
    kill_tree(child);
}

void kill_descendants() {
  // The kernel may leave out a child while others end (proc(5)), and one may
  // fork while it is killed: again until there is nothing to wait for.
  while (reap_children()) {
    for (auto child : children_of(getpid()))
      kill_tree(child);
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

std::string environment_of(pid_t pid, const std::string& name) {
  auto text = read_all(proc_folder(pid) + "/environ");
  auto rest = std::string_view{text};
  while (!rest.empty()) {
    auto entry = rest.substr(0, rest.find('\0'));
    if (entry.size() > name.size() && entry.starts_with(name)
        && entry[name.size()] == '=')
      return std::string{entry.substr(name.size() + 1)};
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
  }
  return {};
}

std::string process_name(pid_t pid) {
  auto text = read_all(proc_folder(pid) + "/comm");
  return text.substr(0, text.find('\n'));
}

unsigned long long start_time(pid_t pid) {
  // Field 22 of proc(5); the second one, in parentheses, may hold anything.
  auto text = read_all(proc_folder(pid) + "/stat");
  auto name_end = text.rfind(')');
  if (name_end == std::string::npos)
    return 0;
  std::istringstream in{text.substr(name_end + 1)};
  std::string state;
  in >> state;
  if (state == "Z" || state == "X")
    return 0;
  std::string skipped;
  for (auto field = 4; field < 22; ++field)
    in >> skipped;
  unsigned long long result = 0;
  in >> result;
  return result;
}

void close_descriptors_but(std::initializer_list<int> kept) {
  for (auto& name : names_in("/proc/self/fd")) {
    auto fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    auto is_kept = std::find(kept.begin(), kept.end(), fd) != kept.end();
    if (fd > STDERR_FILENO && !is_kept)
      close(fd);
  }
}

} // namespace coppice
