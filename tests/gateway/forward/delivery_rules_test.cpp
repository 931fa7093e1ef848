// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/delivery_rules.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice::forward;

namespace {

constexpr delivery_end ends[]
  = {delivery_end::not_connected, delivery_end::nothing_sent,
     delivery_end::refused,       delivery_end::unknown,
     delivery_end::lost,          delivery_end::late,
     delivery_end::malformed,     delivery_end::answering};

next_step process(const char* method, delivery_end end, bool idempotent = false,
                  bool has_id = false) {
  return after_failure({false, idempotent, method, has_id, end, 1});
}

} // namespace

CAF_TEST(what has begun to be answered is never delivered again) {
  for (auto native : {false, true})
    for (auto method : {"GET", "POST"})
      CAF_CHECK(
        after_failure({native, true, method, true, delivery_end::answering, 0})
        == next_step::cut);
}

CAF_TEST(native services get it again until an answer begins) {
  for (auto end : ends)
    if (end != delivery_end::answering && end != delivery_end::malformed)
      CAF_CHECK(after_failure({true, false, "POST", false, end, 99})
                == next_step::again);
}

CAF_TEST(what a process cannot have seen is delivered again) {
  for (auto end : {delivery_end::not_connected, delivery_end::nothing_sent,
                   delivery_end::refused})
    CAF_CHECK(process("POST", end) == next_step::again);
}

CAF_TEST(what a process may have seen is delivered again only if that is safe) {
  auto lost = delivery_end::lost;
  for (auto method : {"GET", "HEAD", "OPTIONS"})
    CAF_CHECK(process(method, lost) == next_step::again);
  for (auto method : {"POST", "PUT", "DELETE", "PATCH", "get"})
    CAF_CHECK(process(method, lost) == next_step::bad_gateway);
  // An id says nothing if the service does not.
  CAF_CHECK(process("POST", lost, false, true) == next_step::bad_gateway);
  CAF_CHECK(process("POST", lost, true, true) == next_step::again);
  CAF_CHECK(process("POST", lost, true, false) == next_step::bad_gateway);
  CAF_CHECK(process("PUT", lost, true, false) == next_step::again);
  CAF_CHECK(process("DELETE", lost, true, false) == next_step::again);
}

CAF_TEST(a process that is late is not asked again) {
  CAF_CHECK(process("GET", delivery_end::late) == next_step::too_late);
  CAF_CHECK(process("PUT", delivery_end::late, true, true)
            == next_step::too_late);
}

CAF_TEST(a request that no process survives is not sent for ever) {
  delivery_facts x{false, false, "GET", false, delivery_end::lost, 2};
  CAF_CHECK(after_failure(x) == next_step::again);
  x.times_sent = most_times_sent;
  CAF_CHECK(after_failure(x) == next_step::bad_gateway);
}

CAF_TEST(nothing that may have had an effect is repeated without leave) {
  for (auto end : ends)
    for (auto idempotent : {false, true})
      for (auto has_id : {false, true}) {
        auto step = process("POST", end, idempotent, has_id);
        if (step == next_step::again)
          CAF_CHECK(!may_have_effect(end) || (idempotent && has_id));
      }
}
