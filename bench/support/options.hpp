// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <utility>

namespace coppice::bench {

/// Reads `PROGRAM [COUNT] [--NAME VALUE]...`.
/// @param xs All names there are, with their defaults; "count" is the one
/// without a name.
/// @throws std::runtime_error for a name that is not there.
inline std::map<std::string, std::string>
read_options(int argc, char** argv, std::map<std::string, std::string> xs) {
  for (auto i = 1; i < argc; ++i) {
    std::string word = argv[i];
    auto named = word.starts_with("--");
    auto known = xs.find(named ? word.substr(2) : "count");
    if (known == xs.end() || (named && i + 1 == argc))
      throw std::runtime_error{"what is " + word + "?"};
    known->second = named ? argv[++i] : std::move(word);
  }
  return xs;
}

} // namespace coppice::bench
