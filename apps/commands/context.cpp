// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command.hpp"
#include "apps/commands/text.hpp"
#include "runtime/duration.hpp"

namespace coppice {

client& context::cluster() {
  if (!client_)
    client_ = std::make_unique<client>(how_);
  return *client_;
}

bool context::ask(proto::Request request, proto::Reply& reply,
                  exit_code& code) {
  auto answer = cluster().ask(std::move(request));
  if (!answer) {
    code = complain_of_silence(answer.error());
    return false;
  }
  if (answer.value().has_error()) {
    complain(answer.value().error().message());
    code = exit_code::refused;
    return false;
  }
  reply = std::move(answer.value());
  return true;
}

void context::note_age(const proto::Reply& reply) {
  if (!reply.has_age_ms())
    return;
  err << "coppice: ";
  if (reply.age_ms() == 0)
    err << "as the manager that leads has it";
  else if (reply.age_ms() < 0)
    err << "old: this manager has heard of no leader since it started";
  else
    err << "as of "
        << format_duration(std::chrono::milliseconds{reply.age_ms()})
        << " ago, when this manager last heard that it lacks nothing";
  err << "; without how far running tasks are" << std::endl;
}

exit_code context::complain_of_silence(const error& why) {
  auto hint = why.code == ec::unreachable
                ? "; is its node running? --connect and COPPICE_ADDRESS name "
                  "another one"
                : "";
  complain(why.message + hint);
  return exit_code::no_cluster;
}

void context::complain(const std::string& what) {
  err << "coppice: " << printable(what) << std::endl;
}

} // namespace coppice
