// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/handlers.hpp"
#include "gateway/api/stream.hpp"
#include "gateway/http/problem.hpp"
#include "proto/http.pb.h"
#include "runtime/proto_json.hpp"
#include "runtime/task/idempotency_key.hpp"
#include "runtime/task/request_rules.hpp"
#include "runtime/task/task_id.hpp"

#include <algorithm>

namespace coppice::api {

namespace {

/// As much as one message between nodes should carry, unless one task alone is
/// larger: a longer one holds up the heartbeats of the connection.
constexpr size_t batch_bytes = 1 << 20;

// -- submit -------------------------------------------------------------------

/// Asking again is safe only with a key.
void ensure_key(proto::TaskSpec& x) {
  if (x.idempotency_key().empty())
    x.set_idempotency_key(make_idempotency_key());
}

result<proto::Request> ask_submit(const call& x) {
  proto::TaskSpec spec;
  if (auto read = from_json(x.body, spec); !read)
    return error{ec::invalid_argument,
                 "not a task spec in JSON: " + read.error().message};
  auto key = http::find_header(x.headers, "idempotency-key");
  if (!key.empty()) {
    if (!spec.idempotency_key().empty() && spec.idempotency_key() != key)
      return error{ec::invalid_argument, "the header Idempotency-Key and"
                                         " idempotencyKey differ"};
    spec.set_idempotency_key(std::string{key});
  }
  ensure_key(spec);
  proto::Request request;
  request.mutable_submit()->add_specs(spec.SerializeAsString());
  return request;
}

http::response answer_submit(const call&, const proto::Reply& x) {
  if (x.submit().items_size() != 1)
    return http::problem({ec::protocol_violation, "the manager gave no id"});
  auto& item = x.submit().items(0);
  if (item.has_error())
    return refused(item.error());
  auto result = json(item, item.duplicate() ? 200 : 201);
  result.headers.emplace_back("Location", "/v1/tasks/" + item.id());
  return result;
}

result<proto::Request> ask_submit_batch(const call& x) {
  proto::SubmitTasks batch;
  if (auto read = from_json(x.body, batch); !read)
    return error{ec::invalid_argument,
                 "no tasks in JSON: " + read.error().message};
  if (batch.tasks().empty())
    return error{ec::invalid_argument, "there are no tasks in the body"};
  proto::Request request;
  size_t bytes = 0;
  for (auto& spec : *batch.mutable_tasks()) {
    ensure_key(spec);
    auto encoded = spec.SerializeAsString();
    bytes += encoded.size();
    request.mutable_submit()->add_specs(std::move(encoded));
  }
  if (bytes > batch_bytes && batch.tasks_size() > 1)
    return error{ec::invalid_argument,
                 "several tasks at once must have less than 1 MiB together;"
                 " send them in parts"};
  if (auto okay = check_request(request); !okay)
    return okay.error();
  return request;
}

http::response answer_submit_batch(const call&, const proto::Reply& x) {
  return json(x.submit());
}

// -- reads --------------------------------------------------------------------

result<proto::TaskState> parse_state(std::string_view text) {
  std::string name{text};
  for (auto& c : name)
    c = c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  auto state = proto::TASK_STATE_UNSPECIFIED;
  if (proto::TaskState_Parse(name, &state)
      && state != proto::TASK_STATE_UNSPECIFIED)
    return state;
  return error{ec::invalid_argument,
               "'" + std::string{text}
                 + "' is no state; there are waiting, leased, running,"
                   " succeeded, failed, cancelled, timed_out"};
}

result<proto::Request> ask_list(const call& x) {
  proto::Request request;
  auto& list = *request.mutable_list();
  list.set_product(std::string{x.parameter("product").value_or("")});
  if (auto after = x.parameter("after")) {
    if (auto id = parse_task_id(*after); !id)
      return id.error();
    list.set_after(std::string{*after});
  }
  auto limit = number(x, "limit", max_page_tasks);
  if (!limit)
    return limit.error();
  list.set_limit(limit.value());
  auto stale = flag(x, "stale");
  if (!stale)
    return stale.error();
  request.set_stale(stale.value());
  for (auto& [name, value] : x.query) {
    if (name != "state")
      continue;
    auto state = parse_state(value);
    if (!state)
      return state.error();
    list.add_states(state.value());
  }
  return request;
}

/// Says how old the answer is, if it is a stale one.
http::response with_age(http::response x, const proto::Reply& reply) {
  if (reply.has_age_ms())
    x.headers.emplace_back("Coppice-Age-Ms", std::to_string(reply.age_ms()));
  return x;
}

http::response answer_list(const call&, const proto::Reply& x) {
  return with_age(json(x.list()), x);
}

result<proto::Request> ask_get(const call& x) {
  auto id = task(x);
  if (!id)
    return id.error();
  auto stale = flag(x, "stale");
  if (!stale)
    return stale.error();
  proto::Request request;
  request.mutable_get()->add_ids(id.value());
  request.mutable_get()->set_full(true);
  request.set_stale(stale.value());
  return request;
}

http::response answer_get(const call& x, const proto::Reply& reply) {
  if (reply.get().items_size() != 1)
    return http::problem(
      {ec::not_found, "there is no task " + x.path.at("id")});
  auto& item = reply.get().items(0);
  return item.has_error() ? refused(item.error())
                          : with_age(json(item.task()), reply);
}

result<proto::Request> ask_explain(const call& x) {
  auto id = task(x);
  if (!id)
    return id.error();
  proto::Request request;
  request.mutable_explain()->set_id(id.value());
  return request;
}

http::response answer_explain(const call&, const proto::Reply& x) {
  return json(x.explain());
}

// -- changes ------------------------------------------------------------------

/// The answer of a change that names one task.
template <class Reply>
http::response answer_one(const Reply& x) {
  if (x.items_size() != 1)
    return http::problem({ec::protocol_violation, "the manager said nothing of"
                                                  " the task"});
  auto& item = x.items(0);
  return item.has_error() ? refused(item.error()) : json(item);
}

result<proto::Request> ask_cancel(const call& x) {
  auto id = task(x);
  if (!id)
    return id.error();
  proto::Request request;
  request.mutable_cancel()->add_ids(id.value());
  return request;
}

http::response answer_cancel(const call&, const proto::Reply& x) {
  return answer_one(x.cancel());
}

result<proto::Request> ask_retry(const call& x) {
  auto id = task(x);
  if (!id)
    return id.error();
  proto::Request request;
  request.mutable_retry()->add_ids(id.value());
  return request;
}

http::response answer_retry(const call&, const proto::Reply& x) {
  return answer_one(x.retry());
}

} // namespace

void add_task_routes(std::vector<route>& xs) {
  auto add = [&](auto method, auto path, auto operation, auto serve) -> route& {
    auto& x = xs.emplace_back(
      route{method, path, operation, {}, body_use::none, serve});
    if (x.method != "GET")
      x.least = proto::OPERATOR;
    return x;
  };
  add("POST", "/v1/tasks", "submitTask", question{ask_submit, answer_submit})
    .body
    = body_use::required;
  add("POST", "/v1/tasks/batch", "submitTasks",
      question{ask_submit_batch, answer_submit_batch})
    .body
    = body_use::required;
  add("GET", "/v1/tasks", "listTasks", question{ask_list, answer_list})
    .parameters
    = {{"product"}, {"state", true}, {"after"}, {"limit"}, {"stale"}};
  add("GET", "/v1/tasks/{id}", "getTask", question{ask_get, answer_get})
    .parameters
    = {{"stale"}};
  add("GET", "/v1/tasks/{id}/explain", "explainTask",
      question{ask_explain, answer_explain});
  add("GET", "/v1/tasks/{id}/logs", "getLogs", streaming{open_logs}).parameters
    = {{"attempt"}, {"follow"}};
  add("GET", "/v1/tasks/{id}/progress", "watchTask", streaming{open_progress});
  add("POST", "/v1/tasks/{id}/cancel", "cancelTask",
      question{ask_cancel, answer_cancel});
  add("POST", "/v1/tasks/{id}/retry", "retryTask",
      question{ask_retry, answer_retry});
}

} // namespace coppice::api
