// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/services/process_run.hpp"

#include "runtime/files.hpp"
#include "runtime/launch/unique_fd.hpp"
#include "runtime/log.hpp"
#include "runtime/utf8.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <utility>

namespace coppice {

namespace {

using ms = std::chrono::milliseconds;

/// The output of an instance is begun anew at its next start behind this size.
constexpr uintmax_t most_log_bytes = uintmax_t{16} << 20;

constexpr std::string_view port_word = "{port}";

void add(proto::StartCommand& to, std::string name, std::string value) {
  auto& x = *to.add_environment();
  x.set_name(std::move(name));
  x.set_value(std::move(value));
}

std::string with_port(std::string text, uint16_t port) {
  for (auto i = text.find(port_word); i != std::string::npos;
       i = text.find(port_word, i))
    text.replace(i, port_word.size(), std::to_string(port));
  return text;
}

/// See ServiceSpec.
constexpr int64_t default_capture_ms = 60'000;

/// So much of the end of its output is told where it has failed.
constexpr size_t told_bytes = 300;

/// Returns the last lines of *file*, on one line.
std::string end_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary | std::ios::ate};
  auto size = in ? static_cast<int64_t>(in.tellg()) : 0;
  std::string text(std::min<size_t>(told_bytes, static_cast<size_t>(size)),
                   '\0');
  in.seekg(size - static_cast<int64_t>(text.size()));
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in)
    return {};
  // Whole lines, if there are.
  if (static_cast<size_t>(size) > text.size())
    if (auto line = text.find('\n'); line + 1 < text.size())
      text.erase(0, line + 1);
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  for (auto i = text.find('\n'); i != std::string::npos;
       i = text.find('\n', i + 3))
    text.replace(i, 1, " | ");
  return clean_utf8(text, told_bytes * 3);
}

std::string describe(const proto::CommandExited& x) {
  if (x.how_case() == proto::CommandExited::kSignal)
    return "it was ended by signal " + std::to_string(x.signal()) + " ("
           + ::strsignal(x.signal()) + ")";
  return "it ended with exit code " + std::to_string(x.code());
}

} // namespace

uint16_t find_free_port() {
  unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in x{};
  x.sin_family = AF_INET;
  x.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(x);
  auto* where = reinterpret_cast<sockaddr*>(&x);
  if (::bind(fd.get(), where, size) != 0
      || ::getsockname(fd.get(), where, &size) != 0)
    return 0;
  return ntohs(x.sin_port);
}

process_run_state::~process_run_state() {
  if (options.keeper)
    caf::anon_send_exit(options.keeper, caf::exit_reason::kill);
  if (!options.here.services)
    return;
  options.here.services->erase(options.start.who, options.start.epoch);
  // Killed: the command must not outlive its place.
  if (running)
    stop(ms{0});
}

// -- initialization -----------------------------------------------------------

void process_run_state::init(process_run_options xs) {
  options = std::move(xs);
  auto& who = options.start.who;
  log_file = options.folder
             / (who.service + '-' + std::to_string(who.instance) + ".log");
  if (auto ready = prepare(); !ready)
    return finish(proto::SERVICE_FAILED, ready.error().message);
  port = find_free_port();
  if (port == 0)
    return finish(proto::SERVICE_FAILED, "no port of 127.0.0.1 is free");
  restored = !options.keeper;
  auto patience = options.start.spec.start_timeout_ms();
  start_ends = self->clock().now() + ms{patience > 0 ? patience : 30'000};
  id = next_launch_id();
  self->monitor(options.launcher);
  self->send(options.launcher,
             launch_command{command(), caf::actor_cast<launch_observer>(self)});
  running = true;
  say(proto::SERVICE_STARTING);
}

result<> process_run_state::prepare() {
  if (auto made = make_folders(options.folder); !made)
    return made;
  std::error_code code;
  if (std::filesystem::file_size(log_file, code) > most_log_bytes && !code)
    std::filesystem::resize_file(log_file, 0, code);
  return ok();
}

proto::StartCommand process_run_state::command() const {
  auto& spec = options.start.spec;
  proto::StartCommand x;
  x.set_id(id);
  for (auto& word : spec.command())
    x.add_argv(with_port(word, port));
  // Of a map: in an order that is always the same.
  std::map<std::string, std::string> environment(spec.environment().begin(),
                                                 spec.environment().end());
  for (auto& [key, value] : environment)
    add(x, key, value);
  add(x, "PORT", std::to_string(port));
  add(x, "COPPICE_SERVICE", spec.name());
  add(x, "COPPICE_INSTANCE", std::to_string(options.start.who.instance));
  add(x, "COPPICE_EPOCH", std::to_string(options.start.epoch));
  x.set_working_folder(spec.working_folder());
  x.set_log_file(log_file.string());
  if (options.start.lease)
    x.set_ends_at_ns(options.start.lease->at().count());
  return x;
}

// -- handlers -----------------------------------------------------------------

void process_run_state::on_event(const proto::LaunchEvent& x) {
  switch (x.event_case()) {
    case proto::LaunchEvent::kStarted: {
      if (leaving)
        break;
      local_service here;
      in_flight = here.in_flight;
      here.epoch = options.start.epoch;
      here.port = port;
      here.lease = options.start.lease;
      here.pid = x.started().pid();
      auto& spec = options.start.spec;
      here.memory_limit = spec.memory_limit();
      here.health_path = spec.health_path();
      if (spec.health_interval_ms() > 0)
        here.health_interval_ms = spec.health_interval_ms();
      if (spec.request_timeout_ms() > 0)
        here.request_timeout_ms = spec.request_timeout_ms();
      options.here.services->put(options.start.who, std::move(here));
      self->delayed_send(self, options.tick, caf::tick_atom::value);
      break;
    }
    case proto::LaunchEvent::kNotStarted:
      running = false;
      finish(proto::SERVICE_FAILED, x.not_started().reason());
      break;
    case proto::LaunchEvent::kExited:
      on_exited(x.exited());
      break;
    case proto::LaunchEvent::kLine: // It has no progress to tell.
    case proto::LaunchEvent::EVENT_NOT_SET:
      break;
  }
}

void process_run_state::on_exited(const proto::CommandExited& x) {
  running = false;
  if (leaving && trouble.empty())
    return finish(proto::SERVICE_STOPPED, ended_for);
  // The launcher does not wait for a node that is frozen.
  auto& lease = options.start.lease;
  if (lease && lease->is_over())
    return finish(proto::SERVICE_STOPPED, "its lease was over");
  auto why = trouble.empty() ? describe(x) : trouble;
  auto output = end_of(log_file);
  finish(proto::SERVICE_FAILED,
         why + "; its output is in " + log_file.string() + " of its node"
           + (output.empty() ? "" : ", and ends with: " + output));
}

void process_run_state::on_leave() {
  if (std::exchange(leaving, true) || over)
    return;
  options.here.services->erase(options.start.who, options.start.epoch);
  say(proto::SERVICE_LEAVING);
  auto longest = options.start.spec.request_timeout_ms();
  leave_ends = self->clock().now() + ms{longest > 0 ? longest : 30'000};
  next_capture = self->clock().now();
  await_requests();
}

void process_run_state::on_end(const std::string& why) {
  options.here.services->erase(options.start.who, options.start.epoch);
  leaving = true;
  stopped = true;
  ended_for = why;
  // The launcher says when it is gone.
  stop(ms{0});
}

void process_run_state::on_owner() {
  auto& lease = options.start.lease;
  if (!lease || !running)
    return;
  renew_command x;
  x.renew.set_id(id);
  x.renew.set_ends_at_ns(lease->at().count());
  self->send(options.launcher, std::move(x));
}

void process_run_state::await_requests() {
  if (over || stopped)
    return;
  auto now = self->clock().now();
  auto unsaved = options.keeper && restored && !captured;
  if (!has_done_its_work()
      || (unsaved && now < leave_ends + options.save_patience)) {
    if (has_done_its_work() && now >= next_capture)
      capture();
    self->delayed_send(self, options.tick, caf::flush_atom::value);
    return;
  }
  if (unsaved)
    log::error("service {} loses what it did since its state was saved last: "
               "it could not be saved in time",
               options.start.who.service);
  stopped = true;
  stop(options.term_grace);
}

void process_run_state::on_tick() {
  if (over || leaving)
    return;
  self->delayed_send(self, options.tick, caf::tick_atom::value);
  auto healthy
    = options.here.services->is_healthy(options.start.who, options.start.epoch);
  if (said == proto::SERVICE_STARTING) {
    if (healthy && restored)
      return say(proto::SERVICE_READY);
    if (healthy)
      restore();
    if (self->clock().now() < start_ends)
      return;
    trouble = "it was not healthy in time after its start";
    leaving = true;
    options.here.services->erase(options.start.who, options.start.epoch);
    return stop(options.term_grace);
  }
  auto status = healthy ? proto::SERVICE_READY : proto::SERVICE_UNHEALTHY;
  if (status != said)
    say(status, healthy ? "" : "it does not answer as healthy");
  if (options.keeper && self->clock().now() >= next_capture)
    capture();
}

// -- its state ----------------------------------------------------------------

void process_run_state::restore() {
  if (std::exchange(keeping, true))
    return;
  self->request(options.keeper, caf::infinite, caf::put_atom::value, port)
    .then([this](const std::string& problem) { on_restored(problem); },
          [this](const caf::error& why) {
            on_restored(self->system().render(why));
          });
}

void process_run_state::on_restored(const std::string& problem) {
  keeping = false;
  if (over || leaving)
    return;
  restored = problem.empty();
  schedule_capture();
  if (restored)
    return;
  trouble = "its state cannot be restored: " + problem;
  leaving = true;
  options.here.services->erase(options.start.who, options.start.epoch);
  stop(options.term_grace);
}

void process_run_state::schedule_capture() {
  auto interval = options.start.spec.capture_interval_ms();
  next_capture
    = self->clock().now() + ms{interval > 0 ? interval : default_capture_ms};
}

void process_run_state::capture() {
  if (std::exchange(keeping, true))
    return;
  schedule_capture();
  // What was begun before it left may lack what came then.
  auto is_last = has_done_its_work();
  self->request(options.keeper, caf::infinite, caf::get_atom::value, port)
    .then([this, is_last](
            const std::string& problem) { on_captured(is_last, problem); },
          [this, is_last](const caf::error& why) {
            on_captured(is_last, self->system().render(why));
          });
}

bool process_run_state::has_done_its_work() const {
  return leaving
         && (!in_flight || *in_flight == 0
             || self->clock().now() >= leave_ends);
}

void process_run_state::on_captured(bool is_last, const std::string& problem) {
  keeping = false;
  captured = captured || (is_last && problem.empty());
  if (leaving)
    next_capture
      = self->clock().now() + (problem.empty() ? ms{0} : options.save_pause);
  if (!problem.empty())
    log::warn("the state of service {} is not saved, that is tried again: {}",
              options.start.who.service, problem);
}

// -- parts --------------------------------------------------------------------

void process_run_state::stop(ms grace) {
  stop_command x;
  x.stop.set_id(id);
  x.stop.set_grace_ms(static_cast<uint64_t>(grace.count()));
  caf::anon_send(options.launcher, std::move(x));
}

void process_run_state::say(proto::ServiceStatus status, std::string why) {
  said = status;
  self->send(options.here.observer,
             instance_news{options.start.who, options.start.epoch, status,
                           std::move(why)});
}

void process_run_state::finish(proto::ServiceStatus status, std::string why) {
  if (std::exchange(over, true))
    return;
  options.here.services->erase(options.start.who, options.start.epoch);
  say(status, std::move(why));
  self->quit();
}

// -- process_run --------------------------------------------------------------

process_run_actor::behavior_type
process_run(process_run_actor::stateful_pointer<process_run_state> self,
            process_run_options options) {
  self->state.init(std::move(options));
  self->set_down_handler([self](const caf::down_msg&) {
    self->state.running = false;
    self->state.finish(proto::SERVICE_FAILED, "the launcher is gone");
  });
  return {
    [self](const launch_event& x) { self->state.on_event(x.event); },
    [self](leave_service) { self->state.on_leave(); },
    [self](const end_service& x) { self->state.on_end(x.why); },
    [self](still_owner) { self->state.on_owner(); },
    [self](caf::tick_atom) { self->state.on_tick(); },
    [self](caf::flush_atom) { self->state.await_requests(); },
  };
}

} // namespace coppice
