// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/process_meter.hpp"

#include <caf/test/dsl.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <vector>

using namespace coppice;

namespace {

/// Processes that wait; killed at the end.
class sleepers {
public:
  sleepers() = default;

  sleepers(const sleepers&) = delete;

  sleepers& operator=(const sleepers&) = delete;

  ~sleepers() {
    for (auto pid : pids_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }

  /// Starts one in *group*; 0: in a group of its own. Returns its group.
  pid_t add(pid_t group) {
    auto pid = ::fork();
    if (pid == 0)
      for (;;)
        ::pause();
    pids_.push_back(pid);
    if (::setpgid(pid, group) != 0)
      CAF_FAIL("setpgid failed");
    return group == 0 ? pid : group;
  }

private:
  std::vector<pid_t> pids_;
};

} // namespace

CAF_TEST(the processes of a group count together) {
  sleepers xs;
  auto one = xs.add(0);
  auto two = xs.add(0);
  xs.add(two);
  auto sizes = measure_groups({one, two});
  CAF_REQUIRE_EQUAL(sizes.size(), 2u);
  CAF_CHECK_EQUAL(sizes[one].threads, 1u);
  CAF_CHECK_EQUAL(sizes[two].threads, 2u);
  CAF_CHECK_GREATER(sizes[one].resident_bytes, 0u);
  CAF_CHECK_EQUAL(sizes[two].open_files, 2 * sizes[one].open_files);
}

CAF_TEST(a group that is gone has nothing) {
  pid_t gone = 0;
  {
    sleepers xs;
    gone = xs.add(0);
  }
  auto sizes = measure_groups({gone});
  CAF_REQUIRE_EQUAL(sizes.size(), 1u);
  CAF_CHECK_EQUAL(sizes[gone].threads, 0u);
  CAF_CHECK_EQUAL(sizes[gone].resident_bytes, 0u);
}

CAF_TEST(a process that is gone cannot be measured) {
  pid_t gone = 0;
  {
    sleepers xs;
    gone = xs.add(0);
    CAF_CHECK(measure_process(gone).has_value());
  }
  CAF_CHECK(!measure_process(gone).has_value());
}
