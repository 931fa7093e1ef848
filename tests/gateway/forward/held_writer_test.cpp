// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/held_writer.hpp"

#include "tests/gateway/forward/fake_held_store.hpp"

#include <caf/test/unit_test.hpp>

#include <condition_variable>
#include <mutex>
#include <string>

using namespace coppice;
using namespace coppice::forward;
using namespace coppice::test;

namespace {

/// Takes note of what a writer says.
struct notes {
  held_writer::listener note(const std::string& name) {
    return [this, name](const result<>& x) {
      std::lock_guard guard{mutex};
      text += name + (x ? " " : "! ");
      changed.notify_all();
    };
  }

  void await(const std::string& wanted) {
    std::unique_lock guard{mutex};
    auto came = changed.wait_for(guard, std::chrono::seconds{30},
                                 [&] { return text == wanted; });
    CAF_MESSAGE(text);
    CAF_CHECK(came);
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::string text;
};

struct fixture {
  fixture() {
    request.set_service("svc");
  }

  notes said;
  proto::HeldRequest request;
  std::shared_ptr<fake_held_store> disk = std::make_shared<fake_held_store>();
  std::optional<held_writer> writer{std::in_place, disk, [](auto f) { f(); }};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(held_writer_tests, fixture)

CAF_TEST(what comes while it writes is written together) {
  disk->block(true);
  writer->save(1, request, said.note("a"));
  disk->await_begun(1);
  writer->save(2, request, said.note("b"));
  writer->mark(1, true, said.note("c"));
  writer->save(3, request, said.note("d"));
  disk->block(false);
  said.await("a c b d ");
  CAF_CHECK(disk->batches() == (std::vector<size_t>{1, 3}));
  auto rows = disk->rows().requests;
  CAF_REQUIRE_EQUAL(rows.size(), 3u);
  CAF_CHECK(rows[0].delivered);
  CAF_CHECK(!rows[1].delivered);
}

CAF_TEST(what waits can be taken back and what is being written cannot) {
  disk->block(true);
  writer->save(1, request, said.note("a"));
  disk->await_begun(1);
  writer->save(2, request, said.note("b"));
  CAF_CHECK(!writer->take_back(1));
  CAF_CHECK(writer->take_back(2));
  CAF_CHECK(!writer->take_back(2));
  disk->block(false);
  writer->erase(1, said.note("c"));
  said.await("a c ");
  CAF_CHECK_EQUAL(disk->saves(), 1u);
  CAF_CHECK(disk->rows().requests.empty());
}

CAF_TEST(what is erased before it is written is never written) {
  disk->block(true);
  writer->save(1, request, said.note("a"));
  disk->await_begun(1);
  writer->save(2, request, said.note("b"));
  writer->erase(2, said.note("c"));
  disk->block(false);
  said.await("a b c ");
  CAF_CHECK_EQUAL(disk->saves(), 1u);
}

CAF_TEST(a disk that fails is told of and asked again to erase) {
  writer->save(1, request, said.note("a"));
  said.await("a ");
  disk->fail(true);
  writer->erase(1, said.note("b"));
  said.await("a b! ");
  writer->save(2, request, said.note("c"));
  said.await("a b! c! ");
  disk->fail(false);
  // With nobody asking for it.
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!disk->rows().requests.empty()
         && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  CAF_CHECK(disk->rows().requests.empty());
}

CAF_TEST(what waits at the end is written) {
  disk->block(true);
  writer->save(1, request, said.note("a"));
  disk->await_begun(1);
  writer->save(2, request, said.note("b"));
  disk->block(false);
  writer.reset();
  said.await("a b ");
  CAF_CHECK_EQUAL(disk->rows().requests.size(), 2u);
}

CAF_TEST_FIXTURE_SCOPE_END()
