// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/cluster_link.hpp"

#include "actors/replies.hpp"

#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/test/dsl.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

/// A DIRECTORY: what it was asked, and what it says next.
struct manager {
  std::vector<proto::Request> asked;
  /// Said in turn, the last one again and again; none: it says nothing.
  std::vector<proto::Reply> says;
  api_actor handle;
};

using manager_ptr = std::shared_ptr<manager>;

api_actor::behavior_type fake_directory(api_actor::pointer self,
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
      return caf::actor_cast<directory_actor>(
        (*xs)[turn++ % xs->size()]->handle);
    },
  };
}

using answer_ptr = std::shared_ptr<std::vector<proto::Reply>>;

struct fixture : test_coordinator_fixture<> {
  ~fixture() {
    end(link);
    end(finder);
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

  manager_ptr make_manager(std::vector<proto::Reply> says = {}) {
    auto x = std::make_shared<manager>();
    x->says = std::move(says);
    x->handle = sys.spawn(fake_directory, x);
    all.push_back(x);
    return x;
  }

  /// In the node of a manager.
  manager_ptr start_local(std::vector<proto::Reply> says = {}) {
    auto x = make_manager(std::move(says));
    cluster_link_options options;
    options.managers.local = caf::actor_cast<directory_actor>(x->handle);
    link = sys.spawn(cluster_link, options);
    consume_messages();
    return x;
  }

  /// In a node that has to look for managers.
  void start_remote(std::vector<manager_ptr> xs = {}) {
    *reachable = std::move(xs);
    finder = sys.spawn(fake_link, reachable);
    cluster_link_options options;
    options.managers.link = finder;
    link = sys.spawn(cluster_link, options);
    consume_messages();
  }

  answer_ptr ask(const proto::Request& x) {
    auto result = std::make_shared<std::vector<proto::Reply>>();
    auto say_it = [=, to = link](caf::event_based_actor* client, int) {
      client->request(to, caf::infinite, x).then([result](proto::Reply& reply) {
        result->push_back(std::move(reply));
      });
    };
    sys.spawn(say_it, 0);
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

  static proto::Request read() {
    proto::Request x;
    x.mutable_products();
    return x;
  }

  static proto::Request append() {
    proto::Request x;
    x.mutable_journal()->mutable_change()->mutable_append();
    return x;
  }

  /// What must not happen twice.
  static proto::Request retry() {
    proto::Request x;
    x.mutable_retry();
    return x;
  }

  static proto::Reply products() {
    proto::Reply x;
    x.mutable_products();
    return x;
  }

  static proto::Reply journal() {
    proto::Reply x;
    x.mutable_journal();
    return x;
  }

  /// Returns whether there is one answer, a refusal with that code.
  static bool refused(const answer_ptr& x, ec code) {
    return x->size() == 1
           && x->front().error().code() == static_cast<uint32_t>(code);
  }

  static bool answered(const answer_ptr& x) {
    return x->size() == 1 && !x->front().has_error();
  }

  managers_ptr reachable = std::make_shared<std::vector<manager_ptr>>();
  std::vector<manager_ptr> all;
  worker_link_actor finder;
  cluster_link_impl link;
};

const auto no_leader = refusal(ec::not_leader, "they elect one");

const auto lost = refusal(ec::deadline_exceeded, "nobody knows");

} // namespace

CAF_TEST_FIXTURE_SCOPE(cluster_link_tests, fixture)

CAF_TEST(an answer of the cluster is the answer) {
  auto m = start_local({products()});
  auto x = ask(read());
  CAF_REQUIRE_EQUAL(x->size(), 1u);
  CAF_CHECK(x->front().has_products());
  CAF_CHECK_EQUAL(m->asked.size(), 1u);
}

CAF_TEST(a refusal that does not pass is the answer) {
  auto m = start_local({refusal(ec::fenced, "another one owns it")});
  auto x = ask(append());
  CAF_CHECK(refused(x, ec::fenced));
  CAF_CHECK_EQUAL(m->asked.size(), 1u);
}

CAF_TEST(while managers elect a leader they are asked again) {
  auto m = start_local({no_leader, no_leader, products()});
  auto x = ask(read());
  CAF_CHECK(x->empty());
  pass(100ms);
  CAF_CHECK(answered(x));
  CAF_CHECK_EQUAL(m->asked.size(), 3u);
}

CAF_TEST(a change of a journal is asked again while nobody leads) {
  auto m = start_local({no_leader, journal()});
  auto x = ask(append());
  pass(100ms);
  CAF_CHECK(answered(x));
  CAF_CHECK_EQUAL(m->asked.size(), 2u);
}

CAF_TEST(an election that takes too long is the answer) {
  auto m = start_local({no_leader});
  auto x = ask(read());
  pass(4s);
  CAF_CHECK(x->empty());
  pass(2s);
  CAF_CHECK(refused(x, ec::not_leader));
  CAF_CHECK(m->asked.size() < 25u);
}

CAF_TEST(what must not happen twice is asked once) {
  auto m = start_local({no_leader, products()});
  auto x = ask(retry());
  pass(1s);
  CAF_CHECK(refused(x, ec::not_leader));
  CAF_CHECK_EQUAL(m->asked.size(), 1u);
}

CAF_TEST(the owner of a journal hears that nobody knows of an append) {
  auto m = start_local({lost, journal()});
  auto x = ask(append());
  pass(1s);
  CAF_CHECK(refused(x, ec::deadline_exceeded));
  CAF_CHECK_EQUAL(m->asked.size(), 1u);
}

CAF_TEST(a cluster that says nothing is given up) {
  auto m = start_local();
  auto x = ask(read());
  pass(27s);
  CAF_CHECK(x->empty());
  pass(2s);
  CAF_CHECK(refused(x, ec::deadline_exceeded));
  CAF_CHECK_EQUAL(m->asked.size(), 1u);
}

CAF_TEST(who waits for news of services is not kept by a manager that is stuck) {
  auto a = make_manager();
  auto b = make_manager({products()});
  start_remote({a, b});
  proto::Request poll;
  poll.mutable_services()->set_wait_ms(2'000);
  auto x = ask(poll);
  pass(4900ms);
  CAF_CHECK(x->empty());
  pass(200ms);
  CAF_CHECK(refused(x, ec::deadline_exceeded));
  // The next one is asked elsewhere.
  CAF_CHECK(answered(ask(read())));
  CAF_CHECK_EQUAL(b->asked.size(), 1u);
}

CAF_TEST(a manager is looked for until there is one) {
  start_remote();
  auto x = ask(retry());
  pass(1s);
  CAF_CHECK(x->empty());
  auto m = make_manager({products()});
  reachable->push_back(m);
  pass(300ms);
  CAF_CHECK(answered(x));
  CAF_CHECK_EQUAL(m->asked.size(), 1u);
}

CAF_TEST(without a manager the answer comes after its patience) {
  start_remote();
  auto first = ask(read());
  pass(3s);
  auto second = ask(append());
  pass(2100ms);
  CAF_CHECK(refused(first, ec::unreachable));
  // Each has its own.
  CAF_CHECK(second->empty());
  pass(3s);
  CAF_CHECK(refused(second, ec::unreachable));
}

CAF_TEST(another manager is asked when one knows no leader) {
  auto a = make_manager({no_leader});
  auto b = make_manager({products()});
  start_remote({a, b});
  auto x = ask(read());
  pass(100ms);
  CAF_CHECK(answered(x));
  CAF_CHECK_EQUAL(a->asked.size(), 1u);
}

CAF_TEST(what was asked at a manager that went down is answered) {
  auto a = make_manager();
  auto b = make_manager({products()});
  start_remote({a, b});
  auto question = ask(read());
  auto change = ask(retry());
  CAF_REQUIRE_EQUAL(a->asked.size(), 2u);
  end(a->handle);
  pass(100ms);
  CAF_CHECK(answered(question));
  CAF_CHECK(refused(change, ec::deadline_exceeded));
  CAF_REQUIRE_EQUAL(b->asked.size(), 1u);
  CAF_CHECK(b->asked[0].has_products());
}

CAF_TEST(what was asked at the last manager is answered after its patience) {
  auto a = make_manager();
  start_remote({a});
  auto question = ask(read());
  reachable->clear();
  end(a->handle);
  pass(4s);
  CAF_CHECK(question->empty());
  pass(2s);
  CAF_CHECK(refused(question, ec::unreachable));
}

CAF_TEST(a manager that goes down after the patience answers at once) {
  auto a = make_manager();
  start_remote({a});
  auto question = ask(read());
  auto change = ask(append());
  pass(10s);
  end(a->handle);
  consume_messages();
  CAF_CHECK(refused(question, ec::unreachable));
  // It may have happened.
  CAF_CHECK(refused(change, ec::deadline_exceeded));
}

CAF_TEST(a manager that lost the lead may still answer what it was asked) {
  auto a = make_manager();
  start_remote({a});
  auto change = ask(retry());
  a->says = {no_leader, no_leader, products()};
  auto question = ask(read());
  pass(200ms);
  CAF_CHECK(answered(question));
  // It was asked before, and nothing was lost.
  CAF_CHECK(change->empty());
  pass(30s);
  CAF_CHECK(refused(change, ec::deadline_exceeded));
}

CAF_TEST_FIXTURE_SCOPE_END()
