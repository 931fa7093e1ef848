// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/trials/journal.hpp"

#include <fstream>

namespace coppice::trial {

journal read_journal(const std::filesystem::path& file) {
  journal result;
  std::ifstream in{file};
  std::string what;
  std::string id;
  uint32_t attempt = 0;
  while (in >> what >> id >> attempt)
    (what == "start" ? result.begun : result.ended)[id].insert(attempt);
  return result;
}

} // namespace coppice::trial
