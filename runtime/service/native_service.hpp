// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coppice {

/// A request to a service.
struct service_request {
  /// "GET", "POST" and so on.
  std::string method;
  /// Path and query behind `/s/NAME`, as they came: "/add?by=2".
  std::string target;
  /// Names in lower case.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

/// What a service answers.
struct service_reply {
  /// 200 to 599.
  unsigned status = 200;
  /// Beside those that say how long the body is.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

/// What a request comes to.
struct service_effect {
  service_reply reply;
  /// What changes, in any form that `apply` understands; none: nothing does.
  /// Together with the answer at most 768 KiB: larger ones are answered with
  /// 500 and change nothing.
  std::vector<std::string> events;
};

/// A service whose state survives its node: the state is what its events have
/// made of it ("event sourcing"). Events, and the answer, are durable before
/// the answer leaves, so no crash loses what was acknowledged; and a request
/// that comes again with the same id is answered from the record.
///
/// An object belongs to one thread at a time. After a crash another object, on
/// another node, is given the last saved state and the events behind it.
class native_service {
public:
  virtual ~native_service() = default;

  /// Decides about a request. Must change nothing: what changes is said by
  /// events. An exception is answered with 500 and changes nothing.
  virtual service_effect handle(const service_request& x) const = 0;

  /// Changes the state by an event that `handle` made, here or elsewhere, now
  /// or long ago. Must depend on the event and the state only. An exception
  /// ends the service: its state would not be what the events say.
  virtual void apply(std::string_view event) = 0;

  /// Returns the whole state, for `load`: at most 256 MiB. Called on an object
  /// of its own, so it may take its time.
  virtual std::string save() const = 0;

  /// Takes a state that `save` returned, of this or an older version.
  virtual result<> load(std::string_view state) = 0;
};

/// Makes objects of the classes that a program knows, by their names.
using service_classes
  = std::map<std::string, std::function<std::unique_ptr<native_service>()>>;

} // namespace coppice
