// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "bench/support/web_servers.hpp"

#include "tests/process/support/real_node.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

namespace coppice::bench {

namespace {

namespace fs = std::filesystem;

constexpr auto nginx_binary = "/usr/sbin/nginx";
constexpr auto haproxy_binary = "/usr/sbin/haproxy";
constexpr auto gunicorn_binary = "/usr/bin/gunicorn";

/// One process that does all the work, connections that are never closed
/// because of their age, and no files outside of *folder*.
constexpr auto nginx_frame = R"(daemon off;
master_process off;
error_log stderr warn;
pid {folder}/{name}.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/{name}-body;
  proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-fastcgi;
  uwsgi_temp_path {folder}/{name}-uwsgi;
  scgi_temp_path {folder}/{name}-scgi;
{http}}}
)";

// Opened once: what a proxy costs is to be seen beside it.
constexpr auto files_part = R"(  open_file_cache max=16;
  server {{
    listen 127.0.0.1:@PORT@;
    root {};
  }}
)";

// What the gateway does as well: connections are kept, and the client is named.
constexpr auto proxy_part = R"(  upstream web {{
{servers}
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{from};
    location / {{
      proxy_pass http://web;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
{more}
    }}
  }}
)";

constexpr auto one_server = "    server 127.0.0.1:{};";

// A server that has failed is out for 10 s, and one alone is not tried again:
// both would be wrong for one that is back at once. Hence it is there twice.
constexpr auto same_server_twice = R"(    server 127.0.0.1:{0} max_fails=0;
    server 127.0.0.1:{0} max_fails=0;)";

constexpr auto nginx_retries = R"(      proxy_connect_timeout 1s;
      proxy_next_upstream error timeout non_idempotent;)";

// The pause before a connection is tried again is its time limit, or 1 s.
constexpr auto haproxy_retries = R"(
  retries 20
  retry-on conn-failure empty-response)";

constexpr auto haproxy_file = R"(global
  nbthread 1
  maxconn 1024
defaults
  mode http
  timeout connect {connect}
  timeout client 1h
  timeout server 1h
  option forwardfor
  http-reuse always{more}
frontend front
  bind 127.0.0.1:{from}
  default_backend web
backend web
  server web 127.0.0.1:{to}
)";

std::string in_frame(const std::string& name, const fs::path& folder,
                     const std::string& http) {
  return fmt::format(nginx_frame, fmt::arg("name", name),
                     fmt::arg("folder", folder.string()),
                     fmt::arg("http", http));
}

std::string proxy_to(const std::string& servers, uint16_t from,
                     const std::string& more) {
  return fmt::format(proxy_part, fmt::arg("servers", servers),
                     fmt::arg("from", from), fmt::arg("more", more));
}

/// @throws std::runtime_error if it is not installed.
std::string installed(const std::string& binary) {
  if (!fs::exists(binary))
    throw std::runtime_error{"there is no " + binary
                             + "; scripts/install-bench-dependencies gets it"};
  return binary;
}

} // namespace

running_program::running_program(const std::vector<std::string>& argv,
                                 const fs::path& log) {
  std::vector<char*> words;
  for (auto& x : argv)
    words.push_back(const_cast<char*>(x.c_str()));
  words.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0)
    throw std::runtime_error{"cannot start " + argv.front()};
  if (pid_ > 0)
    return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::execv(words[0], words.data());
  ::_exit(127);
}

running_program::~running_program() {
  ::kill(pid_, SIGTERM);
  auto ended
    = test::eventually([&] { return ::waitpid(pid_, nullptr, WNOHANG) != 0; },
                       std::chrono::seconds{5});
  if (ended)
    return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string nginx_files(const fs::path& folder) {
  return in_frame("files", folder, fmt::format(files_part, folder.string()));
}

std::string nginx_proxy(uint16_t from, uint16_t to, const fs::path& folder) {
  return in_frame("proxy", folder,
                  proxy_to(fmt::format(one_server, to), from, ""));
}

std::string nginx_retrying_proxy(uint16_t from, uint16_t to,
                                 const fs::path& folder) {
  return in_frame(
    "proxy", folder,
    proxy_to(fmt::format(same_server_twice, to), from, nginx_retries));
}

std::string haproxy_proxy(uint16_t from, uint16_t to) {
  return fmt::format(haproxy_file, fmt::arg("from", from), fmt::arg("to", to),
                     fmt::arg("connect", "5s"), fmt::arg("more", ""));
}

std::string haproxy_retrying_proxy(uint16_t from, uint16_t to) {
  return fmt::format(haproxy_file, fmt::arg("from", from), fmt::arg("to", to),
                     fmt::arg("connect", "250ms"),
                     fmt::arg("more", haproxy_retries));
}

std::vector<std::string> nginx_command(const fs::path& file) {
  return {installed(nginx_binary), "-e", "stderr", "-c", file.string()};
}

std::vector<std::string> haproxy_command(const fs::path& file) {
  return {installed(haproxy_binary), "-db", "-f", file.string()};
}

std::vector<std::string> gunicorn_command(uint16_t port,
                                          const std::string& module,
                                          const gunicorn_limits& limits) {
  return {installed(gunicorn_binary),          "--bind",
          "127.0.0.1:" + std::to_string(port), "--workers",
          std::to_string(limits.workers),      "--max-requests",
          std::to_string(limits.max_requests), "--max-requests-jitter",
          std::to_string(limits.jitter),       module + ":application"};
}

} // namespace coppice::bench
