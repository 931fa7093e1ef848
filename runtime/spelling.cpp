// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/spelling.hpp"

#include "runtime/utf8.hpp"

#include <algorithm>
#include <numeric>

namespace coppice {

std::string in_quotes(std::string_view text) {
  constexpr size_t limit = 80;
  auto shown = clean_utf8(text, limit);
  auto is_control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; };
  std::replace_if(shown.begin(), shown.end(), is_control, '?');
  return "'" + shown + (text.size() > limit ? "...'" : "'");
}

size_t edit_distance(std::string_view a, std::string_view b) {
  // Damerau-Levenshtein, restricted.
  std::vector<std::vector<size_t>> d(a.size() + 1,
                                     std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i)
    d[i][0] = i;
  std::iota(d[0].begin(), d[0].end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j]
        = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

std::string nearest(std::string_view word,
                    const std::vector<std::string>& names) {
  constexpr size_t longest_word = 128;
  std::string result;
  if (word.size() > longest_word)
    return result;
  // A third of the word wrong is a typo; more is another word.
  size_t best = std::max<size_t>(1, word.size() / 3) + 1;
  for (auto& name : names) {
    if (auto x = edit_distance(word, name); x < best) {
      best = x;
      result = name;
    }
  }
  return result;
}

} // namespace coppice
