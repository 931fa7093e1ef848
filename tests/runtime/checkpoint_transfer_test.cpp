// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/checkpoint_transfer.hpp"

#include "runtime/task/task_context.hpp"

#include <caf/test/dsl.hpp>

#include <string>

using namespace coppice;

namespace {

constexpr auto chunk_size = checkpoint_chunk_bytes;

std::string make_bytes(size_t n) {
  std::string result;
  for (size_t i = 0; i < n; ++i)
    result.push_back(static_cast<char>(i * 31 + i / 977));
  return result;
}

} // namespace

CAF_TEST(what is cut into chunks is put together again) {
  for (auto size : {size_t{0}, size_t{1}, chunk_size - 1, chunk_size,
                    chunk_size + 1, 3 * chunk_size, 5 * chunk_size + 17}) {
    CAF_MESSAGE(size << " bytes");
    auto bytes = make_bytes(size);
    checkpoint_upload up{{{1, 1, 7}, 2}, 4, bytes, {}};
    std::vector<std::string> chunks;
    for (auto complete = false; !complete; complete = up.stored()) {
      auto x = up.chunk();
      CAF_CHECK_EQUAL(x.id().sequence(), 7u);
      CAF_CHECK_EQUAL(x.attempt(), 2u);
      CAF_CHECK_EQUAL(x.version(), 4u);
      CAF_REQUIRE_EQUAL(x.chunk(), chunks.size());
      CAF_CHECK(x.data().size() <= chunk_size);
      chunks.push_back(x.data());
      if (x.last())
        CAF_CHECK_EQUAL(x.size(), size);
    }
    auto expected = size == 0 ? 1 : (size + chunk_size - 1) / chunk_size;
    CAF_CHECK_EQUAL(chunks.size(), expected);
    proto::CheckpointHead head;
    head.set_chunks(static_cast<uint32_t>(chunks.size()));
    head.set_size(size);
    auto down = checkpoint_download::start(head);
    CAF_REQUIRE(down);
    for (auto& x : chunks) {
      CAF_REQUIRE(!down.value().complete());
      CAF_REQUIRE(down.value().add(x));
    }
    CAF_REQUIRE(down.value().complete());
    CAF_CHECK(down.value().take() == bytes);
  }
}

CAF_TEST(an upload that begins anew has another version) {
  checkpoint_upload up{{{1, 1, 7}, 2}, 1, make_bytes(3 * chunk_size), {}};
  CAF_CHECK(!up.stored());
  up.restart(2);
  CAF_CHECK_EQUAL(up.chunk().chunk(), 0u);
  CAF_CHECK_EQUAL(up.chunk().version(), 2u);
}

CAF_TEST(heads that cannot be are refused) {
  proto::CheckpointHead head;
  CAF_CHECK(!checkpoint_download::start(head));
  head.set_chunks(1);
  head.set_size(chunk_size + 1);
  CAF_CHECK(!checkpoint_download::start(head));
  head.set_chunks(10'000);
  head.set_size(max_checkpoint_bytes + 1);
  CAF_CHECK(!checkpoint_download::start(head));
}

CAF_TEST(chunks that do not fit are refused) {
  proto::CheckpointHead head;
  head.set_chunks(2);
  head.set_size(chunk_size + 10);
  auto down = checkpoint_download::start(head);
  CAF_REQUIRE(down);
  CAF_CHECK(down.value().add(make_bytes(chunk_size)));
  auto too_little = down.value().add(make_bytes(9));
  CAF_CHECK(!too_little && too_little.error().code == ec::corrupt_store);
}
