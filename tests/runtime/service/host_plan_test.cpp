// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/service/host_plan.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

const service_instance first{"a", 0};

proto::ServicesReply placed(uint64_t epoch, proto::ServiceStatus status,
                            uint64_t incarnation = 7) {
  proto::ServicesReply x;
  auto& row = *x.add_services();
  row.mutable_spec()->set_name("a");
  auto& place = *row.add_places();
  place.set_node("n1");
  place.set_incarnation(incarnation);
  place.set_epoch(epoch);
  place.set_status(status);
  return x;
}

std::map<service_instance, hosted_instance>
has(uint64_t epoch, bool over = false, bool leaving = false) {
  hosted_instance x;
  x.epoch = epoch;
  x.over = over;
  x.leaving = leaving;
  return {{first, x}};
}

/// What a plan says, in letters: start, leave, end, forget.
std::string letters(const proto::ServicesReply& rows,
                    const std::map<service_instance, hosted_instance>& what) {
  auto x = plan_host(rows, "n1", 7, what);
  return std::string(x.start.size(), 's') + std::string(x.leave.size(), 'l')
         + std::string(x.end.size(), 'e') + std::string(x.forget.size(), 'f');
}

} // namespace

CAF_TEST(what is placed on this start of this node is started) {
  CAF_CHECK_EQUAL(letters(placed(1, proto::SERVICE_PLACED), {}), "s");
  CAF_CHECK_EQUAL(letters(placed(1, proto::SERVICE_PLACED, 6), {}), "");
  CAF_CHECK_EQUAL(letters(placed(1, proto::SERVICE_READY), has(1)), "");
  // It is not known any more: the cluster believes that it runs.
  CAF_CHECK_EQUAL(letters(placed(1, proto::SERVICE_READY), {}), "s");
}

CAF_TEST(what is to leave is told once and not started again) {
  CAF_CHECK_EQUAL(letters(placed(1, proto::SERVICE_LEAVING), has(1)), "l");
  CAF_CHECK_EQUAL(
    letters(placed(1, proto::SERVICE_LEAVING), has(1, false, true)), "");
  CAF_CHECK_EQUAL(letters(placed(1, proto::SERVICE_LEAVING), has(1, true)), "");
  CAF_CHECK_EQUAL(letters(placed(1, proto::SERVICE_LEAVING), {}), "");
}

CAF_TEST(what has another place is ended and then forgotten) {
  CAF_CHECK_EQUAL(letters({}, has(1)), "e");
  CAF_CHECK_EQUAL(letters({}, has(1, true)), "f");
  CAF_CHECK_EQUAL(letters(placed(1, proto::SERVICE_READY, 8), has(1)), "e");
}

CAF_TEST(the next epoch begins when the former one is over) {
  CAF_CHECK_EQUAL(letters(placed(2, proto::SERVICE_PLACED), has(1)), "e");
  CAF_CHECK_EQUAL(letters(placed(2, proto::SERVICE_PLACED), has(1, true)),
                  "sf");
}

CAF_TEST(what was told to end is waited for) {
  auto x = has(1);
  x[first].ending = true;
  CAF_CHECK_EQUAL(letters({}, x), "");
  CAF_CHECK_EQUAL(letters(placed(2, proto::SERVICE_PLACED), x), "");
  CAF_CHECK_EQUAL(letters(placed(1, proto::SERVICE_LEAVING), x), "");
}

CAF_TEST(what failed is not started again in its epoch) {
  CAF_CHECK_EQUAL(letters(placed(1, proto::SERVICE_STARTING), has(1, true)),
                  "");
  CAF_CHECK_EQUAL(letters(placed(1, proto::SERVICE_FAILED), {}), "");
}
