// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/request_forwarder.hpp"

#include "runtime/files.hpp"
#include "runtime/launch/unique_fd.hpp"
#include "runtime/log.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace coppice {

namespace {

/// Replaces *file* as a whole.
result<> write_file(const std::filesystem::path& file,
                    const std::string& bytes) {
  auto draft = file;
  draft += ".new";
  auto fail = [&] {
    return error{ec::storage_failure,
                 draft.string() + ": " + std::strerror(errno)};
  };
  unique_fd fd{
    ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (fd.get() < 0)
    return fail();
  if (auto done = write_all(fd.get(), 0, bytes, draft); !done)
    return done;
  if (auto done = sync_file(fd.get(), draft); !done)
    return done;
  if (std::rename(draft.c_str(), file.c_str()) != 0)
    return fail();
  return sync_folder(file.parent_path());
}

} // namespace

// -- handlers -----------------------------------------------------------------

void request_forwarder_state::on_news(const node_news& x) {
  auto before = down;
  for (auto& row : *x.rows)
    if (row.state == node_state::healthy)
      down.erase(row.start.node);
    else
      down[row.start.node] = row.start.incarnation;
  if (down != before)
    publish();
}

void request_forwarder_state::ask() {
  proto::Request request;
  auto& question = *request.mutable_services();
  question.set_known(known);
  question.set_wait_ms(options.wait.count());
  auto asked = self->clock().now();
  // CLUSTER_LINK always answers.
  self->request(options.cluster, caf::infinite, std::move(request))
    .then([this, asked](proto::Reply& x) { on_reply(x, asked); },
          [this](const caf::error&) { again(); });
}

// -- parts of the handlers ----------------------------------------------------

void request_forwarder_state::load() {
  std::error_code ignored;
  if (options.file.empty() || !std::filesystem::exists(options.file, ignored))
    return;
  auto bytes = read_file(options.file);
  proto::ServicesReply read;
  if (!bytes || !read.ParseFromString(bytes.value())) {
    log::warn("{} cannot be read; services are reached once a manager answers",
              options.file.string());
    return;
  }
  services = std::move(read);
  publish();
}

void request_forwarder_state::save() const {
  if (options.file.empty())
    return;
  if (auto done = write_file(options.file, services.SerializeAsString()); !done)
    log::warn("where the services are cannot be kept for the next start: {}",
              done.error().message);
}

void request_forwarder_state::on_reply(proto::Reply& x,
                                       caf::actor_clock::time_point asked) {
  if (x.has_error() || !x.has_services()) {
    again();
    return;
  }
  auto& news = *x.mutable_services();
  auto is_new = known == 0 || news.version() != known;
  if (is_new) {
    known = news.version();
    services = std::move(news);
    publish();
    self->delayed_send(self, options.save_after, caf::put_atom::value, known);
  }
  // Who does not wait is not asked without a pause.
  if (!is_new && self->clock().now() - asked < options.wait / 2) {
    again();
    return;
  }
  ask();
}

void request_forwarder_state::again() {
  self->delayed_send(self, options.pause, atom::tick::value);
}

void request_forwarder_state::publish() {
  auto source = known == 0 ? forward::route_source::last_start
                           : forward::route_source::manager;
  options.publish(
    std::make_shared<forward::route_table>(services, down, source));
}

// -- request_forwarder --------------------------------------------------------

request_forwarder_impl::behavior_type request_forwarder(
  request_forwarder_impl::stateful_pointer<request_forwarder_state> self,
  request_forwarder_options options) {
  auto& state = self->state;
  state.options = std::move(options);
  state.load();
  state.ask();
  return {
    [self](const node_news& x) { self->state.on_news(x); },
    [self](atom::tick) { self->state.ask(); },
    [self](caf::put_atom, uint64_t version) {
      if (version == self->state.known)
        self->state.save();
    },
  };
}

} // namespace coppice
