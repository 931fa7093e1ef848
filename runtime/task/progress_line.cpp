// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/spelling.hpp"
#include "runtime/task/progress_tree.hpp"
#include "runtime/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace coppice {

namespace {

constexpr std::string_view blanks = " \t";

/// An error that shows the line, cut, in quotes.
error bad_line(std::string_view line, const std::string& why) {
  return {ec::invalid_argument,
          "progress line " + in_quotes(line) + ": " + why};
}

/// Takes the first word of *rest* and the one blank behind it.
std::string_view take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
  auto end = std::min(rest.find_first_of(blanks), rest.size());
  auto word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

/// Reads a decimal number; neither "nan" nor "inf" nor hexadecimal.
std::optional<double> read_number(std::string_view word) {
  double x = 0;
  auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), x,
                                     std::chars_format::fixed);
  if (code != std::errc{} || end != word.data() + word.size()
      || !std::isfinite(x))
    return std::nullopt;
  return x;
}

std::optional<double> read_percent(std::string_view word) {
  if (word.ends_with('%'))
    word.remove_suffix(1);
  return read_number(word);
}

progress_event changed_if(bool changed) {
  return changed ? progress_event{progress_changed{}} : std::monostate{};
}

result<progress_event> progress_line(progress_tree& tree, std::string_view line,
                                     std::string_view rest) {
  auto percent = read_percent(take_word(rest));
  if (!percent)
    return bad_line(line, "a percentage is missing; write 'progress PERCENT "
                          "[TEXT]', e.g. 'progress 40 indexing'");
  auto changed = tree.set_percent(*percent);
  if (!rest.empty())
    changed |= tree.set_message(rest);
  return changed_if(changed);
}

result<progress_event> stage_line(progress_tree& tree, std::string_view line,
                                  std::string_view rest) {
  constexpr std::string_view usage
    = "write 'stage PATH [weight=WEIGHT] PERCENT [TEXT]', e.g. 'stage "
      "copy/part-1 weight=3 40'";
  constexpr std::string_view prefix = "weight=";
  auto path = take_word(rest);
  auto word = take_word(rest);
  std::optional<double> weight;
  if (word.starts_with(prefix)) {
    weight = read_number(word.substr(prefix.size()));
    if (!weight)
      return bad_line(line,
                      "the weight is not a number; " + std::string{usage});
    word = take_word(rest);
  }
  auto percent = read_percent(word);
  if (!percent)
    return bad_line(line, "a percentage is missing; " + std::string{usage});
  auto set = tree.set_stage(path, weight, *percent);
  if (!set)
    return bad_line(line, set.error().message);
  auto changed = set.value();
  if (!rest.empty())
    changed |= tree.set_message(rest);
  return changed_if(changed);
}

result<progress_event> message_line(progress_tree& tree, std::string_view,
                                    std::string_view rest) {
  return changed_if(tree.set_message(rest));
}

result<progress_event> checkpoint_line(progress_tree&, std::string_view line,
                                       std::string_view rest) {
  if (rest.empty())
    return bad_line(line, "a file is missing; write 'checkpoint PATH'");
  if (rest.find('\0') != std::string_view::npos)
    return bad_line(line, "a path cannot have a NUL byte");
  return checkpoint_named{std::string{rest}};
}

result<progress_event> result_line(progress_tree&, std::string_view line,
                                   std::string_view rest) {
  auto text = to_valid_utf8(rest);
  if (text.size() > max_result)
    return bad_line(line, "a result has at most 16384 bytes; write a file and "
                          "give its name");
  return result_given{std::move(text)};
}

struct command {
  std::string_view name;
  result<progress_event> (*run)(progress_tree& tree, std::string_view line,
                                std::string_view rest);
};

constexpr std::array<command, 5> commands{{{"progress", progress_line},
                                           {"stage", stage_line},
                                           {"message", message_line},
                                           {"checkpoint", checkpoint_line},
                                           {"result", result_line}}};

} // namespace

result<progress_event> apply_progress_line(progress_tree& tree,
                                           std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r'))
    line.remove_suffix(1);
  if (line.find_first_not_of(blanks) == std::string_view::npos)
    return progress_event{};
  auto rest = line;
  auto name = take_word(rest);
  for (auto& x : commands)
    if (x.name == name)
      return x.run(tree, line, rest);
  return bad_line(line, "it begins with none of progress, stage, message, "
                        "checkpoint, result");
}

} // namespace coppice
