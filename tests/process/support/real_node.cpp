// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/support/real_node.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace coppice::test {

namespace {

namespace fs = std::filesystem;

std::vector<char*> c_strings(const std::vector<std::string>& xs) {
  std::vector<char*> result;
  for (auto& x : xs)
    result.push_back(const_cast<char*>(x.c_str()));
  result.push_back(nullptr);
  return result;
}

/// Starts a program with its standard streams on the given descriptors.
/// @param net_namespace Descriptor of its network namespace; -1: this one.
/// @param more What is added to the environment of this process.
pid_t start_program(const std::vector<std::string>& argv, int in, int out,
                    int err, int net_namespace = -1,
                    const std::vector<std::string>& more = {}) {
  auto args = c_strings(argv);
  auto environment = c_strings(more);
  environment.pop_back();
  for (auto x = environ; *x; ++x)
    environment.push_back(*x);
  environment.push_back(nullptr);
  auto pid = ::fork();
  if (pid != 0)
    return pid;
  ::setpgid(0, 0);
  // A test that aborts ends nothing. What it has started must not live on.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (net_namespace >= 0 && ::setns(net_namespace, CLONE_NEWNET) != 0)
    ::_exit(126);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  ::execve(args[0], args.data(), environment.data());
  ::_exit(127);
}

/// A file without a name, for what a program reads or writes.
class scratch_file {
public:
  explicit scratch_file(const std::string& text = {})
    : fd_(::memfd_create("scratch", MFD_CLOEXEC)) {
    [[maybe_unused]] auto n = ::write(fd_, text.data(), text.size());
    ::lseek(fd_, 0, SEEK_SET);
  }

  ~scratch_file() {
    ::close(fd_);
  }

  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;

  int fd() const {
    return fd_;
  }

  std::string text() const {
    std::string result;
    char buf[4096];
    ::lseek(fd_, 0, SEEK_SET);
    for (ssize_t n; (n = ::read(fd_, buf, sizeof(buf))) > 0;)
      result.append(buf, static_cast<size_t>(n));
    return result;
  }

private:
  int fd_;
};

/// Returns the command name and parent of a process.
std::optional<std::pair<std::string, pid_t>> look_at(const fs::path& proc) {
  auto text = read_file(proc / "stat");
  auto open = text.find('(');
  auto close = text.rfind(')');
  if (close == std::string::npos || text.size() < close + 5)
    return std::nullopt;
  auto state = text[close + 2];
  if (state == 'Z' || state == 'X')
    return std::nullopt;
  return std::pair{text.substr(open + 1, close - open - 1),
                   std::atoi(text.c_str() + close + 4)};
}

bool is_number(const std::string& x) {
  return !x.empty() && x.find_first_not_of("0123456789") == std::string::npos;
}

/// Returns the children of *parent* that are called *name*, or all.
std::vector<pid_t> children(pid_t parent, const std::string& name = {}) {
  std::vector<pid_t> result;
  std::error_code err;
  for (auto& entry : fs::directory_iterator{"/proc", err}) {
    auto number = entry.path().filename().string();
    if (!is_number(number))
      continue;
    auto seen = look_at(entry.path());
    if (seen && seen->second == parent && (name.empty() || seen->first == name))
      result.push_back(std::atoi(number.c_str()));
  }
  return result;
}

} // namespace

// -- helpers ------------------------------------------------------------------

bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit) {
  auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline)
      return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return true;
}

temp_folder::temp_folder() {
  auto pattern = (fs::temp_directory_path() / "coppice-test-XXXXXX").string();
  if (!::mkdtemp(pattern.data()))
    throw std::runtime_error{"cannot make a temporary folder"};
  path_ = pattern;
}

temp_folder::~temp_folder() {
  std::error_code err;
  if (!std::getenv("COPPICE_KEEP"))
    fs::remove_all(path_, err);
}

uint16_t free_port() {
  // The kernel may well offer a port again that nobody listens on yet.
  static std::set<uint16_t> given;
  for (;;) {
    auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in addr{};
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(addr);
    ::bind(fd, reinterpret_cast<sockaddr*>(&addr), size);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&addr), &size);
    ::close(fd);
    if (given.insert(ntohs(addr.sin_port)).second)
      return ntohs(addr.sin_port);
  }
}

command_result run_program(const std::vector<std::string>& argv,
                           const std::string& input) {
  scratch_file in{input};
  scratch_file out;
  scratch_file err;
  auto pid = start_program(argv, in.fd(), out.fd(), err.fd());
  auto status = 0;
  auto ended
    = eventually([&] { return ::waitpid(pid, &status, WNOHANG) == pid; },
                 std::chrono::minutes{3});
  if (!ended) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, &status, 0);
    return {-1, out.text(), err.text() + "\n(did not end in time)"};
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          out.text(), err.text()};
}

command_result run_coppice(const std::vector<std::string>& args,
                           const std::string& input) {
  std::vector<std::string> argv{COPPICE_BINARY};
  argv.insert(argv.end(), args.begin(), args.end());
  return run_program(argv, input);
}

std::string read_file(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// -- real_node ----------------------------------------------------------------

real_node::real_node(const fs::path& folder, std::string name,
                     std::map<std::string, std::string> settings,
                     std::string binary, node_place place)
  : folder_(folder),
    data_(folder / name),
    name_(std::move(name)),
    binary_(std::move(binary)),
    place_(std::move(place)),
    port_(free_port()) {
  settings.try_emplace("node.id", name_);
  settings.try_emplace("node.listen", address());
  if (!is_loopback(listens_at()))
    settings.try_emplace("node.insecure", "yes");
  settings.try_emplace("data.dir", data_.string());
  settings.try_emplace("storage.reserve", "1MiB");
  settings.try_emplace("keeper.max_restarts", "10000");
  settings.try_emplace("keeper.backoff_min", "20ms");
  settings.try_emplace("keeper.min_uptime", "500ms");
  settings.try_emplace("keeper.backoff_max", "200ms");
  std::ofstream out{folder_ / (name_ + ".conf")};
  for (auto& [key, value] : settings)
    out << key << " = " << value << '\n';
}

real_node::~real_node() {
  if (keeper_ > 0)
    kill_both();
}

void real_node::set(const std::string& key, const std::string& value) {
  std::ofstream out{folder_ / (name_ + ".conf"), std::ios::app};
  out << key << " = " << value << '\n';
}

void real_node::set_environment(const std::string& key,
                                const std::string& value) {
  environment_.push_back(key + "=" + value);
}

void real_node::start() {
  auto in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  auto log = ::open((folder_ / (name_ + ".log")).c_str(),
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  keeper_ = start_program(
    {binary_, "node", "--config", (folder_ / (name_ + ".conf")).string()}, in,
    log, log, place_.net_namespace, environment_);
  ::close(in);
  ::close(log);
}

int real_node::stop() {
  ::kill(keeper_, SIGTERM);
  return wait();
}

int real_node::wait() {
  auto status = 0;
  auto pid = std::exchange(keeper_, -1);
  if (!eventually([&] { return ::waitpid(pid, &status, WNOHANG) == pid; })) {
    keeper_ = pid;
    kill_both();
    return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::optional<pid_t> real_node::node_pid() const {
  auto found = children(keeper_, "coppice-node");
  return found.empty() ? std::nullopt : std::optional{found.front()};
}

std::optional<pid_t> real_node::signal_node(int signal) {
  auto pid = node_pid();
  if (pid)
    ::kill(*pid, signal);
  return pid;
}

void real_node::kill_both() {
  auto node = node_pid();
  ::kill(keeper_, SIGKILL);
  if (node)
    ::kill(*node, SIGKILL);
  ::waitpid(keeper_, nullptr, 0);
  keeper_ = -1;
}

std::string real_node::log() const {
  return read_file(folder_ / (name_ + ".log"));
}

// -- clients ------------------------------------------------------------------

std::unique_ptr<client> connect(const real_node& node,
                                std::vector<host_port> others) {
  client_options options;
  options.address = node.listens_at();
  options.others = std::move(others);
  options.patience = patience;
  options.persistence = patience;
  return std::make_unique<client>(options);
}

proto::Reply ask(client& c, const proto::Request& x) {
  auto reply = c.ask(x);
  if (!reply)
    throw std::runtime_error{to_string(reply.error())};
  if (reply.value().has_error())
    throw std::runtime_error{"refused: " + reply.value().error().message()};
  return std::move(reply.value());
}

std::vector<std::string> submit(client& c,
                                const std::vector<proto::TaskSpec>& specs) {
  proto::Request request;
  for (auto x : specs) {
    if (x.idempotency_key().empty())
      x.set_idempotency_key(make_idempotency_key());
    request.mutable_submit()->add_specs(x.SerializeAsString());
  }
  std::vector<std::string> ids;
  auto reply = ask(c, request);
  for (auto& item : reply.submit().items()) {
    if (item.has_error())
      throw std::runtime_error{"refused: " + item.error().message()};
    ids.push_back(item.id());
  }
  return ids;
}

proto::Task get_task(client& c, const std::string& id) {
  proto::Request request;
  request.mutable_get()->add_ids(id);
  request.mutable_get()->set_full(true);
  auto reply = ask(c, request);
  auto& item = reply.get().items(0);
  if (item.has_error())
    throw std::runtime_error{"refused: " + item.error().message()};
  return item.task();
}

proto::Node find_node(client& c, const std::string& name) {
  proto::Request request;
  request.mutable_nodes();
  auto reply = ask(c, request);
  for (auto& x : reply.nodes().nodes())
    if (x.name() == name)
      return x;
  return {};
}

bool takes_tasks(const proto::Node& x) {
  return x.state() == "healthy" && x.connected() && x.slots() > 0;
}

bool has_ended(const proto::Task& x) {
  return x.state() >= proto::SUCCEEDED;
}

proto::Task await_end(client& c, const std::string& id) {
  proto::Task task;
  auto ended = eventually([&] { return has_ended(task = get_task(c, id)); });
  if (!ended)
    throw std::runtime_error{"task " + id
                             + " does not end: " + task.ShortDebugString()};
  return task;
}

} // namespace coppice::test
