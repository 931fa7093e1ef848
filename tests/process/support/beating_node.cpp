// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// A node with an exclusive kind of tasks, "beat": appends a line "ID ATTEMPT
// TIME" each 10 ms to the file that its text names, for eight seconds. TIME is
// that of the monotonic clock of the machine, in nanoseconds, just before it
// was asked whether the attempt has to stop.

#include "sdk/coppice.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <string>

namespace {

using namespace std::chrono_literals;

using clock_type = std::chrono::steady_clock;

coppice::task_result beat(coppice::task_context& context) {
  auto fd = ::open(context.spec().text().c_str(),
                   O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  auto who = to_string(context.id()) + " " + std::to_string(context.attempt());
  for (auto left = 800; left > 0; --left) {
    auto now = clock_type::now().time_since_epoch().count();
    if (context.cancelled())
      break;
    auto line = who + " " + std::to_string(now) + "\n";
    if (::write(fd, line.data(), line.size()) < 0)
      break;
    context.sleep_for(10ms);
  }
  ::close(fd);
  if (context.cancelled())
    throw coppice::task_stopped();
  return {};
}

} // namespace

int main(int argc, char** argv) {
  coppice::task_defaults defaults;
  defaults.exclusive = true;
  defaults.attempts = 10;
  coppice::node_app app;
  app.task("beat", beat, defaults);
  return app.run(argc, argv);
}
