// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/error.hpp"
#include "tests/storage/machine.hpp"

#include <caf/test/unit_test.hpp>

#include <string>

using namespace coppice;

namespace {

struct fixture : test::machine {};

uint32_t code(ec x) {
  return static_cast<uint32_t>(x);
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(state_machine_checkpoint_tests, fixture)

namespace {

std::optional<proto::CheckpointHead> head(const fixture& x,
                                          const proto::TaskRef& id) {
  return x.read([&](const table_view& view) {
    return get_checkpoint(view, fixture::key(id));
  });
}

/// Returns the chunks that are stored, as "attempt.version.chunk=data ".
std::string chunks(const fixture& x, const proto::TaskRef& id) {
  return x.read([&](const table_view& view) {
    std::string out;
    for (uint32_t attempt = 0; attempt < 5; ++attempt)
      for (uint32_t version = 0; version < 8; ++version)
        for (uint32_t i = 0; i < 4; ++i)
          if (auto chunk
              = get_chunk(view, fixture::key(id), {attempt, version}, i))
            out += std::to_string(attempt) + "." + std::to_string(version) + "."
                   + std::to_string(i) + "=" + std::string{*chunk} + " ";
    return out;
  });
}

} // namespace

CAF_TEST(a checkpoint is current once its last chunk is there) {
  auto id = leased_task();
  CAF_CHECK(!save(id, 1, 1, 0, "aa").code());
  CAF_CHECK(!head(*this, id));
  proto::Command command;
  auto& x = *command.mutable_checkpoint();
  *x.mutable_id() = id;
  x.set_attempt(1);
  x.set_version(1);
  x.set_chunk(1);
  x.set_data("b");
  x.set_last(true);
  x.set_size(3);
  x.mutable_progress()->set_percent(40);
  CAF_CHECK(!run(command).checkpoint().has_error());
  auto found = head(*this, id);
  CAF_REQUIRE(found);
  CAF_CHECK_EQUAL(found->attempt(), 1u);
  CAF_CHECK_EQUAL(found->version(), 1u);
  CAF_CHECK_EQUAL(found->chunks(), 2u);
  CAF_CHECK_EQUAL(found->size(), 3u);
  CAF_CHECK_EQUAL(found->saved_ms(), now_ms);
  CAF_CHECK_EQUAL(found->progress().percent(), 40.0);
  CAF_CHECK_EQUAL(chunks(*this, id), "1.1.0=aa 1.1.1=b ");
}

CAF_TEST(chunks may come in any order) {
  auto id = leased_task();
  save(id, 1, 1, 1, "b");
  save(id, 1, 1, 0, "a");
  CAF_CHECK(!save(id, 1, 1, 2, "c", 3).code());
  CAF_CHECK_EQUAL(head(*this, id)->chunks(), 3u);
}

CAF_TEST(a missing chunk or a wrong size is refused) {
  auto id = leased_task();
  save(id, 1, 1, 0, "a", 1);
  save(id, 1, 2, 0, "a");
  auto missing = save(id, 1, 2, 2, "c", 3);
  CAF_CHECK_EQUAL(missing.code(), code(ec::conflict));
  CAF_CHECK_EQUAL(missing.message(), "chunk 1 of checkpoint 2 of attempt 1 of "
                                     "task 1.1.1 is missing");
  CAF_CHECK_EQUAL(save(id, 1, 2, 1, "b", 9).code(), code(ec::invalid_argument));
  CAF_CHECK_EQUAL(head(*this, id)->version(), 1u);
}

CAF_TEST(a new checkpoint takes the place of the one before) {
  auto id = leased_task();
  save(id, 1, 1, 0, "a", 1);
  save(id, 1, 2, 0, "b");
  CAF_CHECK_EQUAL(chunks(*this, id), "1.1.0=a 1.2.0=b ");
  save(id, 1, 2, 1, "c", 2);
  CAF_CHECK_EQUAL(chunks(*this, id), "1.2.0=b 1.2.1=c ");
  CAF_CHECK_EQUAL(head(*this, id)->version(), 2u);
}

CAF_TEST(one checkpoint is staged at a time) {
  auto id = leased_task();
  save(id, 1, 1, 0, "a", 1);
  save(id, 1, 2, 0, "b");
  save(id, 1, 4, 0, "d");
  CAF_CHECK_EQUAL(chunks(*this, id), "1.1.0=a 1.4.0=d ");
  CAF_CHECK_EQUAL(save(id, 1, 3, 0, "c").code(), code(ec::conflict));
  CAF_CHECK_EQUAL(chunks(*this, id), "1.1.0=a 1.4.0=d ");
}

CAF_TEST(what is repeated or overtaken changes nothing and is no error) {
  auto id = leased_task();
  save(id, 1, 2, 0, "a", 1);
  auto before = test::dump(store());
  CAF_CHECK(!save(id, 1, 2, 0, "a", 1).code());
  CAF_CHECK(!save(id, 1, 1, 0, "b", 1).code());
  CAF_CHECK(test::dump(store()) == before);
}

CAF_TEST(only the current attempt saves and others are counted) {
  auto id = leased_task();
  finish(id, 1, proto::FAILED);
  CAF_CHECK_EQUAL(save(id, 1, 1, 0, "a", 1).code(), code(ec::fenced));
  CAF_CHECK_EQUAL(node("n1").fenced(), 1u);
  now_ms += 100'000;
  wake(id);
  lease(id, 2);
  CAF_CHECK_EQUAL(save(id, 1, 1, 0, "a", 1).code(), code(ec::fenced));
  CAF_CHECK_EQUAL(save(id, 3, 1, 0, "a", 1).code(), code(ec::fenced));
  CAF_CHECK_EQUAL(save(proto::TaskRef{}, 1, 1, 0, "a", 1).code(),
                  code(ec::fenced));
  CAF_CHECK_EQUAL(node("n1").fenced(), 2u);
  CAF_CHECK(!save(id, 2, 1, 0, "a", 1).code());
}

CAF_TEST(a later attempt replaces the checkpoint of an earlier one) {
  auto id = leased_task();
  save(id, 1, 7, 0, "a", 1);
  finish(id, 1, proto::FAILED);
  now_ms += 100'000;
  wake(id);
  lease(id, 2);
  save(id, 2, 1, 0, "b", 1);
  CAF_CHECK_EQUAL(head(*this, id)->attempt(), 2u);
  CAF_CHECK_EQUAL(chunks(*this, id), "2.1.0=b ");
}

CAF_TEST(limits of a checkpoint are kept) {
  auto id = leased_task();
  CAF_CHECK_EQUAL(save(id, 1, 1, 64, "a").code(), code(ec::invalid_argument));
  CAF_CHECK_EQUAL(save(id, 1, 1, 0, std::string((256 << 10) + 1, 'x')).code(),
                  code(ec::invalid_argument));
  CAF_CHECK(!save(id, 1, 1, 63, std::string(256 << 10, 'x')).code());
}

CAF_TEST(success erases checkpoints) {
  auto id = leased_task();
  save(id, 1, 1, 0, "a", 1);
  save(id, 1, 2, 0, "b");
  finish(id, 1, proto::SUCCEEDED);
  CAF_CHECK(!head(*this, id));
  CAF_CHECK_EQUAL(chunks(*this, id), "");
}

CAF_TEST(other ends keep the current checkpoint for a retry by people) {
  for (auto end : {proto::FAILED, proto::CANCELLED, proto::TIMED_OUT}) {
    auto id = leased_task();
    save(id, 1, 1, 0, "a", 1);
    save(id, 1, 2, 0, "b");
    finish(id, 1, end);
    CAF_CHECK(head(*this, id));
    CAF_CHECK_EQUAL(chunks(*this, id), "1.1.0=a ");
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
