// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// A node with a task kind of its own. Start it like `coppice` itself:
//
//   word-count node --config config/single.conf
//   echo '{"kind":"word-count","text":"/etc/services"}' | word-count submit -
//   word-count tasks

#include "sdk/coppice.hpp"
#include "word_count.hpp"

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  coppice::task_defaults defaults;
  defaults.total_timeout = 1h;
  defaults.stall_timeout = 1min;
  defaults.final_errors = {"no_such_file"};
  coppice::node_app app;
  app.task("word-count", example::word_count, defaults);
  return app.run(argc, argv);
}
