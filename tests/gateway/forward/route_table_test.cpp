// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/route_table.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

proto::ServicesReply reply_with(const std::string& name) {
  proto::ServicesReply x;
  auto& row = *x.add_services();
  row.mutable_spec()->set_name(name);
  row.mutable_spec()->set_form(proto::PROCESS_SERVICE);
  return x;
}

proto::ServicePlace& add_place(proto::ServicesReply& x,
                               proto::ServiceStatus status) {
  auto& place = *x.mutable_services(0)->add_places();
  place.set_epoch(3);
  place.set_node("n1");
  place.set_address("127.0.0.1:1");
  place.set_status(status);
  return place;
}

} // namespace

CAF_TEST(what a spec does not say is the default) {
  auto x = forward::route_table{reply_with("a")}.find("a");
  CAF_REQUIRE(x);
  CAF_CHECK(x->request_timeout == 30s);
  CAF_CHECK(x->hold == 30s);
  CAF_CHECK_EQUAL(x->hold_requests, 1'000u);
  CAF_CHECK_EQUAL(x->hold_bytes, uint64_t{64} << 20);
  CAF_CHECK(!x->is_native);
}

CAF_TEST(numbers that cannot be meant are defaults or bounded) {
  auto reply = reply_with("a");
  auto& spec = *reply.mutable_services(0)->mutable_spec();
  spec.set_hold_ms(-1);
  spec.set_request_timeout_ms(INT64_MAX);
  auto x = forward::route_table{reply}.find("a");
  CAF_REQUIRE(x);
  CAF_CHECK(x->hold == 30s);
  CAF_CHECK(x->request_timeout == 24h);
}

CAF_TEST(only places that are ready and have an address take requests) {
  auto reply = reply_with("a");
  add_place(reply, proto::SERVICE_READY);
  add_place(reply, proto::SERVICE_UNHEALTHY);
  add_place(reply, proto::SERVICE_READY).clear_address();
  add_place(reply, proto::SERVICE_LEAVING);
  auto x = forward::route_table{reply}.find("a");
  CAF_REQUIRE(x && x->places.size() == 4);
  CAF_CHECK(x->places[0].ready);
  for (auto i : {1u, 2u, 3u})
    CAF_CHECK(!x->places[i].ready);
}

CAF_TEST(places of nodes that are down are not ready) {
  auto reply = reply_with("a");
  add_place(reply, proto::SERVICE_READY).set_incarnation(4);
  // It was started again since.
  add_place(reply, proto::SERVICE_READY).set_incarnation(5);
  auto x = forward::route_table{reply, {{"n1", 4}}}.find("a");
  CAF_REQUIRE(x && x->places.size() == 2);
  CAF_CHECK(!x->places[0].ready);
  CAF_CHECK(x->places[1].ready);
}

CAF_TEST(services that are removed are not there) {
  auto reply = reply_with("a");
  reply.mutable_services(0)->set_removed(true);
  CAF_CHECK(!forward::route_table{reply}.find("a"));
  CAF_CHECK(!forward::route_table{}.find(""));
}
