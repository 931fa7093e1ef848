// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// What a request to a process service costs: clients that ask for a small page,
// each over one connection, from one thread; a gateway and a worker as
// processes of their own on this machine. The same process is asked
//
//   directly   at its port
//   by owner   at the listener of the worker that has it: the second hop of a
//              gateway
//   by gateway at /s/web/ of a gateway that is another node: both hops
//   by own     at /s/web/ of the node that has it, which is a gateway as well:
//              one hop
//   by nginx, by haproxy   as proxies with one worker, or thread, each
//
// in turns, so that a noisy machine troubles all of them; what counts is the
// ratio of figures of one round. Fails if any answer is wrong or missing.
//
//   forwarder [ROUNDS] [--connections 1,32] [--span 3s] [--proxies no]
//   forwarder --upstream PORT
//
// Without proxies it needs no nginx: the process is this program itself, as in
// the second form.

#include "bench/support/http_load.hpp"
#include "bench/support/options.hpp"
#include "bench/support/usage.hpp"
#include "bench/support/web_servers.hpp"
#include "bench/support/workload.hpp"
#include "gateway/http/server.hpp"
#include "runtime/duration.hpp"
#include "tests/process/support/real_node.hpp"
#include "tests/support/http_socket.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace coppice;
using namespace coppice::bench;
using namespace coppice::test;
using namespace std::chrono_literals;

namespace {

const std::string service = "web";

const std::string page(1024, 'x');

/// Where the ways through gateways stand among all.
constexpr size_t two_hops = 2;
constexpr size_t one_hop = 3;

/// What one way gave, with a number of connections, in all rounds.
struct figures {
  std::vector<double> per_second;
  std::vector<double> p50_us;
  std::vector<double> p99_us;
  /// Of the processes between client and upstream, per request.
  std::vector<double> cpu_us;
};

/// One way to the page.
struct way {
  std::string name;
  uint16_t port = 0;
  std::string path;
  /// Further headers, each with its end.
  std::string headers;
  /// What is between client and upstream.
  std::vector<pid_t> processes;
  /// By the number of connections.
  std::map<size_t, figures> found;
};

struct settings {
  int rounds = 1;
  std::vector<size_t> connections;
  std::chrono::milliseconds span{};
  bool proxies = false;
};

// -- the upstream -------------------------------------------------------------

/// Serves the page until it is told to end.
int serve(uint16_t port) {
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  http::server_options options;
  options.port = port;
  auto started = http::server::start(options, [](auto, auto to) {
    http::response x;
    x.type = "text/plain";
    x.body = page;
    to->respond(std::move(x));
  });
  if (!started)
    throw std::runtime_error{started.error().message};
  auto got = 0;
  ::sigwait(&ends, &got);
  started.value()->stop(1s);
  return 0;
}

/// Writes the program of the service: it says at which port it is, and becomes
/// the upstream.
/// @returns The file.
std::filesystem::path write_program(const std::filesystem::path& folder,
                                    bool nginx) {
  auto in = [&](const char* name) { return (folder / name).string(); };
  auto said = "printf %s \"$1\" >" + in("port.new") + " && mv " + in("port.new")
              + ' ' + in("port") + "\nexec";
  auto file = folder / "upstream.sh";
  std::ofstream out{file};
  out << "set -e\n";
  if (nginx) {
    std::ofstream{folder / "page"} << page;
    std::ofstream{folder / "files.in"} << nginx_files(folder);
    out << "sed \"s/@PORT@/$1/\" " << in("files.in") << " >" << in("files.conf")
        << '\n'
        << said;
    for (auto& word : nginx_command(folder / "files.conf"))
      out << ' ' << word;
  } else {
    out << said << ' ' << std::filesystem::canonical("/proc/self/exe").string()
        << " --upstream \"$1\"";
  }
  out << '\n';
  return file;
}

// -- all that is measured -----------------------------------------------------

/// A worker with the service, a gateway, and the proxies beside them.
class stage {
public:
  explicit stage(bool proxies) {
    gateway_.set("http.listen", "127.0.0.1:" + std::to_string(http_));
    worker_.set("http.listen", "127.0.0.1:" + std::to_string(own_http_));
    worker_.start();
    gateway_.start();
    try {
      apply(proxies);
      find_ways();
      if (proxies)
        start_proxies();
    } catch (...) {
      stop();
      throw;
    }
  }

  /// The process of the service ends with the worker, if that ends in order.
  ~stage() {
    stop();
  }

  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  std::vector<way> ways;

private:
  void stop() {
    programs_.clear();
    gateway_.stop();
    worker_.stop();
  }

  void apply(bool nginx) {
    auto program = write_program(folder_.path(), nginx);
    client_ = connect(worker_);
    proto::Request request;
    auto& spec = *request.mutable_service()->mutable_apply();
    spec.set_name(service);
    spec.set_form(proto::PROCESS_SERVICE);
    for (auto& word :
         {std::string{"/bin/sh"}, program.string(), std::string{"{port}"}})
      spec.add_command(word);
    ask(*client_, request);
  }

  /// Returns where the worker takes requests, once the service is ready.
  std::optional<proto::ServicePlace> place() {
    proto::Request request;
    request.mutable_services();
    auto reply = ask(*client_, request);
    for (auto& row : reply.services().services())
      for (auto& x : row.places())
        if (x.status() == proto::SERVICE_READY)
          return x;
    return std::nullopt;
  }

  void find_ways() {
    std::optional<proto::ServicePlace> owner;
    if (!eventually([&] { return (owner = place()).has_value(); }))
      throw std::runtime_error{"the service does not get ready:\n"
                               + worker_.log()};
    auto upstream = read_file(folder_.path() / "port");
    upstream_ = static_cast<uint16_t>(std::stoi(upstream));
    auto colon = owner->address().rfind(':');
    auto listener = std::stoi(owner->address().substr(colon + 1));
    ways.push_back({"directly", upstream_, "/page", {}, {}, {}});
    ways.push_back(
      {"by owner",
       static_cast<uint16_t>(listener),
       "/page",
       "Coppice-Service: " + service
         + "\r\nCoppice-Instance: " + std::to_string(owner->instance())
         + "\r\nCoppice-Epoch: " + std::to_string(owner->epoch()) + "\r\n",
       {worker_.node_pid().value()},
       {}});
    ways.push_back({"by gateway",
                    http_,
                    "/s/" + service + "/page",
                    {},
                    {gateway_.node_pid().value(), worker_.node_pid().value()},
                    {}});
    await(ways.back());
    ways.push_back({"by own",
                    own_http_,
                    "/s/" + service + "/page",
                    {},
                    {worker_.node_pid().value()},
                    {}});
    await(ways.back());
  }

  void start_proxies() {
    auto start = [&](const std::string& name, uint16_t port,
                     const std::string& text, auto command) {
      auto file = folder_.path() / (name + ".conf");
      std::ofstream{file} << text;
      programs_.push_back(std::make_unique<running_program>(
        command(file), folder_.path() / (name + ".log")));
      ways.push_back(
        {"by " + name, port, "/page", {}, {programs_.back()->pid()}, {}});
      await(ways.back());
    };
    auto nginx = free_port();
    start("nginx", nginx, nginx_proxy(nginx, upstream_, folder_.path()),
          nginx_command);
    auto haproxy = free_port();
    start("haproxy", haproxy, haproxy_proxy(haproxy, upstream_),
          haproxy_command);
  }

  void await(const way& x) {
    http_answer last;
    auto answers = eventually([&] {
      last = http_socket{x.port}.ask("GET", x.path, {}, x.headers);
      return last.status == 200 && last.body == page;
    });
    if (!answers)
      throw std::runtime_error{"no page " + x.name + ": "
                               + std::to_string(last.status) + ' ' + last.body
                               + '\n' + gateway_.log() + worker_.log()};
  }

  temp_folder folder_;
  uint16_t http_ = free_port();
  uint16_t own_http_ = free_port();
  uint16_t upstream_ = 0;
  real_node worker_{
    folder_.path(), "w1", {{"node.roles", "manager,worker,gateway"}}};
  real_node gateway_{
    folder_.path(),
    "g1",
    {{"node.roles", "gateway"}, {"worker.managers", worker_.address()}}};
  std::unique_ptr<client> client_;
  std::vector<std::unique_ptr<running_program>> programs_;
};

double cpu_seconds(const std::vector<pid_t>& processes) {
  work_done sum;
  for (auto x : processes)
    sum = sum + work_of(x);
  return sum.cpu_seconds;
}

/// @throws std::runtime_error if not all answers were right.
void measure(way& x, size_t connections, std::chrono::milliseconds span) {
  http_load load;
  load.port = x.port;
  load.request
    = "GET " + x.path + " HTTP/1.1\r\nHost: localhost\r\n" + x.headers + "\r\n";
  load.body = page;
  load.connections = connections;
  load.warm_up = 0ms;
  load.span = span / 10;
  auto first = run_http_load(load);
  load.span = span;
  auto cpu = cpu_seconds(x.processes);
  auto got = run_http_load(load);
  cpu = cpu_seconds(x.processes) - cpu;
  for (auto& part : {first, got})
    if (part.errors > 0 || got.answers == 0)
      throw std::runtime_error{
        x.name + ", " + std::to_string(connections)
        + " connections: " + std::to_string(part.errors) + " errors beside "
        + std::to_string(part.answers) + " answers; " + part.first_error};
  auto& found = x.found[connections];
  found.per_second.push_back(got.per_second);
  found.p50_us.push_back(got.p50_us);
  found.p99_us.push_back(got.p99_us);
  found.cpu_us.push_back(cpu * 1e6 / static_cast<double>(got.answers));
}

// -- what is printed ----------------------------------------------------------

/// Returns the median of what *f* makes of the figures of each round.
template <class F>
double
over_rounds(const std::vector<double>& xs, const std::vector<double>& ys, F f) {
  std::vector<double> out;
  for (size_t i = 0; i < xs.size(); ++i)
    out.push_back(f(xs[i], ys[i]));
  return median(std::move(out));
}

double ratio(const std::vector<double>& xs, const std::vector<double>& ys) {
  return over_rounds(xs, ys, [](double x, double y) { return x / y; });
}

double difference(const std::vector<double>& xs,
                  const std::vector<double>& ys) {
  return over_rounds(xs, ys, [](double x, double y) { return x - y; });
}

void print(const std::vector<way>& ways, size_t connections) {
  auto of
    = [&](size_t i) -> const figures& { return ways[i].found.at(connections); };
  std::printf("%zu connection%s\n"
              "              requests/s    p50 us    p99 us  added p50  "
              "added p99  CPU us/request\n",
              connections, connections == 1 ? "" : "s");
  for (size_t i = 0; i < ways.size(); ++i)
    std::printf("  %-12s%10.0f%10.0f%10.0f%11.0f%11.0f%16.1f\n",
                ways[i].name.c_str(), median(of(i).per_second),
                median(of(i).p50_us), median(of(i).p99_us),
                difference(of(i).p50_us, of(0).p50_us),
                difference(of(i).p99_us, of(0).p99_us), median(of(i).cpu_us));
  for (size_t gateway : {two_hops, one_hop})
    for (size_t i = 0; i < ways.size(); ++i)
      if (i != gateway)
        std::printf("  %-10s to %-10s  requests/s %.2f  p50 %.2f  p99 %.2f\n",
                    ways[gateway].name.c_str(), ways[i].name.c_str(),
                    ratio(of(gateway).per_second, of(i).per_second),
                    ratio(of(gateway).p50_us, of(i).p50_us),
                    ratio(of(gateway).p99_us, of(i).p99_us));
  std::printf("  the owner's part of what the gateway adds to p50: %.0f %%\n",
              100 * difference(of(1).p50_us, of(0).p50_us)
                / difference(of(two_hops).p50_us, of(0).p50_us));
}

int run(const settings& how) {
  stage all{how.proxies};
  for (auto round = 0; round < how.rounds; ++round)
    for (auto connections : how.connections)
      for (auto& x : all.ways)
        measure(x, connections, how.span);
  std::printf("%d rounds, %.1f s each; %zu bytes from %s; medians\n"
              "every answer was right\n",
              how.rounds, std::chrono::duration<double>(how.span).count(),
              page.size(),
              how.proxies ? "nginx (one process)" : "a server of Coppice");
  for (auto connections : how.connections)
    print(all.ways, connections);
  return 0;
}

settings read_settings(std::map<std::string, std::string> xs) {
  settings how;
  how.rounds = std::max(1, std::stoi(xs["count"]));
  std::istringstream in{xs["connections"]};
  for (std::string word; std::getline(in, word, ',');)
    how.connections.push_back(std::stoul(word));
  auto span = parse_duration(xs["span"]);
  if (!span || span.value() < 10ms || how.connections.empty())
    throw std::runtime_error{"that is no span, or no number of connections"};
  how.span = span.value();
  how.proxies = xs["proxies"] != "no";
  return how;
}

} // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    auto xs = read_options(argc, argv,
                           {{"count", "6"},
                            {"connections", "1,32"},
                            {"span", "3s"},
                            {"proxies", "yes"},
                            {"upstream", ""}});
    if (!xs["upstream"].empty())
      return serve(static_cast<uint16_t>(std::stoi(xs["upstream"])));
    return run(read_settings(xs));
  } catch (const std::exception& x) {
    std::fprintf(stderr, "forwarder: %s\n", x.what());
    return 1;
  }
}
