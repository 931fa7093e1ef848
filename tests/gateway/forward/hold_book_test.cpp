// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/hold_book.hpp"

#include <caf/test/unit_test.hpp>

#include <random>

using namespace std::chrono_literals;
using coppice::forward::hold_book;
using coppice::forward::hold_limits;

namespace {

const hold_book::time start{1'000s};

} // namespace

CAF_TEST(who came first goes first) {
  hold_book x;
  for (auto n : {3u, 1u, 2u})
    CAF_CHECK(x.add(n, 1, start, {10, 10}));
  CAF_CHECK(x.oldest() == 1u);
  x.remove(1);
  CAF_CHECK(x.oldest() == 2u);
}

CAF_TEST(no more are held than are allowed) {
  hold_book x;
  CAF_CHECK(x.add(1, 5, start, {2, 100}));
  CAF_CHECK(x.add(2, 5, start, {2, 100}));
  CAF_CHECK(!x.add(3, 5, start, {2, 100}));
  CAF_CHECK_EQUAL(x.size(), 2u);
}

CAF_TEST(no more bytes are held than are allowed) {
  hold_book x;
  CAF_CHECK(x.add(1, 60, start, {10, 100}));
  CAF_CHECK(!x.add(2, 41, start, {10, 100}));
  CAF_CHECK(x.add(3, 40, start, {10, 100}));
  CAF_CHECK(!x.add(4, UINT64_MAX, start, {10, 100}));
  CAF_CHECK_EQUAL(x.bytes(), 100u);
}

CAF_TEST(who was let in before comes back to its place) {
  hold_book x;
  CAF_CHECK(x.add(2, 60, start, {1, 60}));
  x.put_back(1, 60, start);
  CAF_CHECK(x.oldest() == 1u);
  CAF_CHECK_EQUAL(x.bytes(), 120u);
}

CAF_TEST(nobody waits longer than its deadline) {
  hold_book x;
  x.add(1, 1, start + 2s, {10, 10});
  x.add(2, 1, start + 1s, {10, 10});
  CAF_CHECK(x.expired(start).empty());
  CAF_CHECK(x.expired(start + 1s) == std::vector<uint64_t>{2});
  CAF_CHECK(x.expired(start + 2s) == (std::vector<uint64_t>{1, 2}));
}

CAF_TEST(bytes are those of who is held) {
  std::mt19937_64 lots{11};
  hold_book x;
  std::map<uint64_t, uint64_t> model;
  for (auto i = 0; i < 20'000; ++i) {
    auto n = lots() % 50;
    auto bytes = lots() % 100;
    if (lots() % 2 == 0) {
      x.remove(n);
      model.erase(n);
    } else if (!model.contains(n) && x.add(n, bytes, start, {30, 1'000})) {
      model[n] = bytes;
    }
    uint64_t sum = 0;
    for (auto& [key, value] : model)
      sum += value;
    CAF_REQUIRE_EQUAL(x.bytes(), sum);
    CAF_REQUIRE_EQUAL(x.size(), model.size());
    CAF_REQUIRE(sum <= 1'000 && model.size() <= 30);
  }
}
