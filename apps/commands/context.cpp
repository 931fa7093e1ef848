// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command.hpp"
#include "apps/commands/text.hpp"

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
