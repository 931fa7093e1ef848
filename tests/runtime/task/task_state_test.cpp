// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/task_state.hpp"

#include <caf/test/unit_test.hpp>

#include <string>

using namespace coppice;

namespace {

std::string sentence(proto::TaskState x) {
  return std::string{state_verb(x)} + " " + state_name(x);
}

} // namespace

CAF_TEST(each state makes a sentence) {
  CAF_CHECK_EQUAL(sentence(proto::WAITING), "is waiting");
  CAF_CHECK_EQUAL(sentence(proto::LEASED), "is leased");
  CAF_CHECK_EQUAL(sentence(proto::RUNNING), "is running");
  CAF_CHECK_EQUAL(sentence(proto::SUCCEEDED), "has succeeded");
  CAF_CHECK_EQUAL(sentence(proto::FAILED), "has failed");
  CAF_CHECK_EQUAL(sentence(proto::CANCELLED), "was cancelled");
  CAF_CHECK_EQUAL(sentence(proto::TIMED_OUT), "has timed out");
  CAF_CHECK_EQUAL(sentence(static_cast<proto::TaskState>(99)), "is unknown");
}

CAF_TEST(a state of a newer peer is no end) {
  CAF_CHECK(!has_ended(static_cast<proto::TaskState>(99)));
  CAF_CHECK(!has_ended(proto::TASK_STATE_UNSPECIFIED));
}
