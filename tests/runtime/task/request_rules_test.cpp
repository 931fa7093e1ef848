// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/request_rules.hpp"

#include <caf/test/unit_test.hpp>

#include <set>
#include <string>

using namespace coppice;

CAF_TEST(a request has no more than a thousand tasks) {
  auto fill = [](auto& ids) {
    for (auto i = 0; i < 1'000; ++i)
      ids.Add("1.1.1");
    return &ids;
  };
  proto::Request submit;
  proto::Request get;
  proto::Request cancel;
  proto::Request retry;
  for (auto& [x, tasks] :
       {std::pair{&submit, fill(*submit.mutable_submit()->mutable_specs())},
        std::pair{&get, fill(*get.mutable_get()->mutable_ids())},
        std::pair{&cancel, fill(*cancel.mutable_cancel()->mutable_ids())},
        std::pair{&retry, fill(*retry.mutable_retry()->mutable_ids())}}) {
    CAF_CHECK(check_request(*x));
    tasks->Add("1.1.2");
    auto checked = check_request(*x);
    CAF_REQUIRE(!checked);
    CAF_CHECK(checked.error().code == ec::invalid_argument);
    CAF_CHECK_EQUAL(checked.error().message,
                    "a request has at most 1000 tasks, this one has 1001");
  }
  CAF_CHECK(check_request({}));
}

CAF_TEST(a page has what was asked for within limits) {
  proto::ListRequest x;
  for (auto [asked, got] :
       {std::pair{0u, 100u}, {1u, 1u}, {1'000u, 1'000u}, {1'001u, 1'000u}}) {
    x.set_limit(asked);
    CAF_CHECK_EQUAL(page_limit(x), got);
  }
}

CAF_TEST(what may do more the second time is not repeated) {
  proto::Request x;
  x.mutable_service()->mutable_apply();
  CAF_CHECK(is_repeatable(x));
  x.mutable_service()->set_remove("counter");
  CAF_CHECK(is_repeatable(x));
  x.mutable_service()->set_move("counter");
  CAF_CHECK(!is_repeatable(x));
}

CAF_TEST(what changes something is known) {
  std::set<std::string> changing;
  auto* kinds = proto::Request::descriptor()->FindOneofByName("kind");
  for (auto i = 0; i < kinds->field_count(); ++i) {
    proto::Request x;
    x.GetReflection()->MutableMessage(&x, kinds->field(i));
    if (!changes_nothing(x))
      changing.insert(kinds->field(i)->name());
  }
  std::set<std::string> expected{
    "submit",  "cancel",  "retry",       "stop",         "manager",
    "bind",    "release", "drain",       "forget_node",  "token",
    "service", "journal", "lease_tasks", "client_lease", "regenerate"};
  CAF_CHECK_EQUAL(changing, expected);
  CAF_CHECK(!changes_nothing({}));
}
