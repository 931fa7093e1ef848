// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/reconcile.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

using keys = std::vector<attempt_key>;

attempt_key key(uint64_t sequence, uint32_t attempt = 1) {
  return {{1, 1, sequence}, attempt};
}

} // namespace

CAF_TEST(what is leased and held goes on) {
  auto x = reconcile({key(1), key(2)}, {{key(1), false}, {key(2), false}});
  CAF_CHECK(x.missing.empty());
  CAF_CHECK(x.obsolete.empty());
  CAF_CHECK(x.cancelled.empty());
}

CAF_TEST(each side is compared with the other) {
  auto x = reconcile({key(2), key(3), key(5)},
                     {{key(1), false}, {key(2), false}, {key(4), false}});
  CAF_CHECK(x.missing == (keys{key(1), key(4)}));
  CAF_CHECK(x.obsolete == (keys{key(3), key(5)}));
  CAF_CHECK(x.cancelled.empty());
}

CAF_TEST(another attempt of the task is another thing) {
  auto x = reconcile({key(1, 1)}, {{key(1, 2), false}});
  CAF_CHECK(x.missing == (keys{key(1, 2)}));
  CAF_CHECK(x.obsolete == (keys{key(1, 1)}));
}

CAF_TEST(only what is held has to be stopped) {
  auto x = reconcile({key(1), key(2)},
                     {{key(1), true}, {key(2), false}, {key(3), true}});
  CAF_CHECK(x.cancelled == (keys{key(1)}));
  CAF_CHECK(x.missing == (keys{key(3)}));
}

CAF_TEST(nothing and nothing is nothing) {
  auto x = reconcile({}, {});
  CAF_CHECK(x.missing.empty() && x.obsolete.empty() && x.cancelled.empty());
}
