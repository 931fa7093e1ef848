// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/http_bridge.hpp"

#include "actors/replies.hpp"

#include <caf/test/dsl.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// What a manager was asked, and what it says next.
struct manager {
  std::vector<proto::Request> asked;
  /// Said in turn, the last one again and again; none: it says nothing.
  std::vector<proto::Reply> says;
  directory_actor handle;
};

using manager_ptr = std::shared_ptr<manager>;

directory_actor::behavior_type fake_directory(directory_actor::pointer self,
                                              const manager_ptr& x) {
  return {
    [=](const proto::Request& request) -> caf::result<proto::Reply> {
      auto promise = self->make_response_promise<proto::Reply>();
      auto n = x->asked.size();
      x->asked.push_back(request);
      if (!x->says.empty())
        promise.deliver(x->says[std::min(n, x->says.size() - 1)]);
      return promise;
    },
    [](const proto::Hello&, const worker_actor&)
      -> caf::result<proto::Welcome, job_scheduler_actor, task_tracker_actor> {
      return {proto::Welcome{}, job_scheduler_actor{}, task_tracker_actor{}};
    },
    [](const proto::ManagerHello&, const caf::strong_actor_ptr&,
       const peer_actors&) -> caf::result<proto::ManagerHello, peer_actors> {
      return {proto::ManagerHello{}, peer_actors{}};
    },
    [](const proto::Registration&, const state_monitor_actor&)
      -> caf::result<proto::RegistrationReply, information_centre_actor> {
      return {proto::RegistrationReply{}, information_centre_actor{}};
    },
  };
}

/// Leads to its managers in turn, or to none.
using managers_ptr = std::shared_ptr<std::vector<manager_ptr>>;

worker_link_actor::behavior_type fake_link(worker_link_actor::pointer,
                                           const managers_ptr& xs) {
  return {
    [xs, turn = size_t{0}](caf::connect_atom, const std::string&) mutable
    -> caf::result<directory_actor> {
      if (xs->empty())
        return caf::make_error(caf::sec::cannot_connect_to_node);
      return (*xs)[turn++ % xs->size()]->handle;
    },
  };
}

struct heard {
  std::vector<http::response> answers;
  std::vector<http::response> heads;
  std::string body;
  std::vector<http::exchange::listener> told;
  bool closed = false;
  bool is_gone = false;
};

class fake_exchange : public http::exchange {
public:
  explicit fake_exchange(std::shared_ptr<heard> to) : to_(std::move(to)) {}

  void respond(http::response x) override {
    to_->answers.push_back(std::move(x));
  }

  void open(http::response head) override {
    to_->heads.push_back(std::move(head));
  }

  void send(std::string part, listener done) override {
    to_->body += part;
    to_->told.push_back(std::move(done));
  }

  void close() override {
    to_->closed = true;
  }

  bool is_open() const override {
    return !to_->is_gone;
  }

private:
  std::shared_ptr<heard> to_;
};

struct fixture : test_coordinator_fixture<> {
  ~fixture() {
    end(bridge);
    end(cluster);
    end(link);
    for (auto& x : all)
      end(x->handle);
    consume_messages();
  }

  template <class Handle>
  void end(Handle& x) {
    if (x)
      self->send_exit(x, caf::exit_reason::kill);
    x = nullptr;
  }

  manager_ptr make_manager() {
    auto x = std::make_shared<manager>();
    x->handle = sys.spawn(fake_directory, x);
    all.push_back(x);
    return x;
  }

  /// A bridge in the node of a manager.
  manager_ptr start_local() {
    auto x = make_manager();
    ask_at({x->handle, {}});
    start(http_bridge_options{});
    return x;
  }

  void ask_at(manager_contacts managers) {
    cluster_link_options options;
    options.managers = std::move(managers);
    cluster = sys.spawn(cluster_link, options);
  }

  void start(http_bridge_options options) {
    options.cluster = caf::actor_cast<cluster_link_actor>(cluster);
    bridge = sys.spawn(http_bridge, std::move(options));
    consume_messages();
  }

  /// A bridge that has to look for managers.
  void start_remote() {
    link = sys.spawn(fake_link, reachable);
    ask_at({{}, link});
    start(http_bridge_options{});
  }

  std::shared_ptr<heard> ask(std::string method, std::string target,
                             std::string body = {}) {
    auto result = std::make_shared<heard>();
    http::header_list headers{{"host", "localhost"},
                              {"content-type", "application/json"}};
    static const api::token_book none;
    auto routed = api::route_request(
      {std::move(method), std::move(target), headers, std::move(body), true},
      &none, 0);
    auto* call = std::get_if<api::routed_call>(&routed);
    CAF_REQUIRE(call);
    caf::anon_send(bridge, std::make_shared<api_call>(api_call{
                             *call, std::make_shared<fake_exchange>(result)}));
    consume_messages();
    return result;
  }

  void pass(std::chrono::milliseconds time) {
    while (time.count() > 0) {
      auto step = std::min<std::chrono::milliseconds>(time, 25ms);
      time -= step;
      sched.advance_time(step);
      consume_messages();
    }
  }

  static unsigned status(const std::shared_ptr<heard>& x) {
    CAF_REQUIRE(x->answers.size() <= 1);
    return x->answers.empty() ? 0 : x->answers.front().status;
  }

  static proto::Reply products() {
    proto::Reply x;
    x.mutable_products()->add_products()->set_name("p");
    return x;
  }

  static proto::Reply retried() {
    proto::Reply x;
    x.mutable_retry()->add_items()->set_id("1.1.1");
    return x;
  }

  managers_ptr reachable = std::make_shared<std::vector<manager_ptr>>();
  std::vector<manager_ptr> all;
  worker_link_actor link;
  cluster_link_impl cluster;
  http_bridge_impl bridge;
};

const auto no_leader = refusal(ec::not_leader, "they elect one");

} // namespace

CAF_TEST_FIXTURE_SCOPE(http_bridge_tests, fixture)

CAF_TEST(an answer of the cluster is the answer) {
  auto m = start_local();
  m->says = {products()};
  auto x = ask("GET", "/v1/products");
  CAF_REQUIRE_EQUAL(status(x), 200u);
  CAF_CHECK(x->answers[0].body == "{\"products\":[{\"name\":\"p\"}]}\n");
  CAF_CHECK(x->answers[0].operation == "listProducts");
}

CAF_TEST(what is wrong with a request is said without asking) {
  auto m = start_local();
  auto x = ask("GET", "/v1/tasks?limit=many");
  CAF_CHECK_EQUAL(status(x), 400u);
  CAF_CHECK(m->asked.empty());
}

CAF_TEST(a refusal is a problem) {
  auto m = start_local();
  m->says = {refusal(ec::not_found, "no such task")};
  CAF_CHECK_EQUAL(status(ask("GET", "/v1/tasks/1.1.1/explain")), 404u);
}

CAF_TEST(a submit that is asked again has the same key) {
  auto m = start_local();
  proto::Reply accepted;
  accepted.mutable_submit()->add_items()->set_id("1.1.1");
  m->says = {refusal(ec::deadline_exceeded, "nobody knows"), accepted};
  auto x = ask("POST", "/v1/tasks", R"({"kind":"noop"})");
  pass(100ms);
  CAF_CHECK_EQUAL(status(x), 201u);
  CAF_REQUIRE_EQUAL(m->asked.size(), 2u);
  CAF_CHECK(m->asked[0].submit().specs(0) == m->asked[1].submit().specs(0));
}

CAF_TEST(tasks are leased again only with an id of the request) {
  auto m = start_local();
  proto::Reply none;
  none.mutable_lease_tasks();
  m->says = {no_leader, none};
  auto x = ask("POST", "/v1/leases", R"({"client":"c","kinds":["k"]})");
  CAF_CHECK_EQUAL(status(x), 503u);
  m->asked.clear();
  m->says = {refusal(ec::deadline_exceeded, "nobody knows"), none};
  x = ask("POST", "/v1/leases",
          R"({"client":"c","kinds":["k"],"requestId":"r"})");
  pass(100ms);
  CAF_CHECK_EQUAL(status(x), 200u);
  CAF_CHECK_EQUAL(m->asked.size(), 2u);
}

CAF_TEST(news of a lease are told again) {
  auto m = start_local();
  proto::Reply done;
  done.mutable_client_lease()->set_state(proto::SUCCEEDED);
  m->says = {no_leader, refusal(ec::deadline_exceeded, "nobody knows"), done};
  auto x
    = ask("POST", "/v1/leases/1.1.1.1/finish", R"({"outcome":"SUCCEEDED"})");
  pass(200ms);
  CAF_CHECK_EQUAL(status(x), 200u);
  CAF_CHECK_EQUAL(m->asked.size(), 3u);
}

CAF_TEST(whether it is ready is said soon) {
  auto m = start_local();
  m->says = {no_leader};
  auto x = ask("GET", "/readyz");
  pass(600ms);
  CAF_CHECK_EQUAL(status(x), 503u);
  m->says.clear();
  x = ask("GET", "/readyz");
  pass(600ms);
  CAF_CHECK_EQUAL(status(x), 503u);
}

CAF_TEST(without a manager the answer comes after a while) {
  start_remote();
  auto x = ask("GET", "/v1/products");
  auto probe = ask("GET", "/readyz");
  pass(6s);
  CAF_CHECK_EQUAL(status(x), 503u);
  CAF_CHECK_EQUAL(status(probe), 503u);
}

CAF_TEST(parts are asked for when the one before is sent) {
  auto m = start_local();
  proto::Reply running;
  auto& task = *running.mutable_get()->add_items()->mutable_task();
  task.set_id("1.1.1");
  task.set_state(proto::RUNNING);
  auto done = running;
  done.mutable_get()->mutable_items(0)->mutable_task()->set_state(
    proto::SUCCEEDED);
  m->says = {running, done};
  auto x = ask("GET", "/v1/tasks/1.1.1/progress");
  CAF_REQUIRE_EQUAL(x->heads.size(), 1u);
  CAF_CHECK(x->heads[0].operation == "watchTask");
  pass(2s);
  // The client does not read.
  CAF_CHECK_EQUAL(m->asked.size(), 1u);
  x->told[0](true);
  consume_messages();
  pass(1s);
  CAF_CHECK_EQUAL(m->asked.size(), 2u);
  CAF_CHECK(x->closed);
  CAF_CHECK(x->body.find("SUCCEEDED") != std::string::npos);
}

CAF_TEST(nothing is asked for a client that is gone) {
  auto m = start_local();
  proto::Reply running;
  running.mutable_get()->add_items()->mutable_task()->set_state(proto::RUNNING);
  m->says = {running};
  auto first = ask("GET", "/v1/tasks/1.1.1/progress");
  first->told[0](false);
  auto second = ask("GET", "/v1/tasks/1.1.1/progress");
  second->is_gone = true;
  second->told[0](true);
  consume_messages();
  pass(2s);
  CAF_CHECK_EQUAL(m->asked.size(), 2u);
  CAF_CHECK(!first->closed && !second->closed);
}

CAF_TEST(a stream that cannot begin is a problem) {
  auto m = start_local();
  m->says = {refusal(ec::not_found, "there is no such task")};
  auto x = ask("GET", "/v1/tasks/1.1.1/logs?follow=true");
  CAF_CHECK_EQUAL(status(x), 404u);
  CAF_CHECK(x->heads.empty());
  auto bad = ask("GET", "/v1/tasks/nonsense/logs");
  CAF_CHECK_EQUAL(status(bad), 400u);
}

CAF_TEST(who is not answered when the bridge ends hears of it) {
  start_local();
  auto x = ask("GET", "/v1/products");
  std::weak_ptr<heard> alive = x;
  x.reset();
  end(bridge);
  consume_messages();
  // The exchange is gone, and says so by itself.
  CAF_CHECK(alive.expired());
}

CAF_TEST(the tokens are asked for again and again) {
  auto m = make_manager();
  proto::Reply some;
  some.mutable_tokens()->add_tokens()->set_name("ci");
  proto::Reply none;
  none.mutable_tokens();
  m->says = {some, no_leader, none};
  std::vector<int> told;
  ask_at({m->handle, {}});
  http_bridge_options options;
  options.on_tokens
    = [&](const proto::TokensReply& x) { told.push_back(x.tokens_size()); };
  start(options);
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0], 1);
  pass(2'500ms);
  // Who does not lead says nothing of the tokens.
  CAF_REQUIRE_EQUAL(told.size(), 2u);
  CAF_CHECK_EQUAL(told[1], 0);
}

CAF_TEST(a manager that does not answer has the tokens stay as they are) {
  auto m = make_manager();
  auto told = 0;
  ask_at({m->handle, {}});
  http_bridge_options options;
  options.on_tokens = [&](const proto::TokensReply&) { ++told; };
  start(options);
  pass(10s);
  CAF_CHECK_EQUAL(told, 0);
  // And is not asked over and over.
  CAF_CHECK_EQUAL(m->asked.size(), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
