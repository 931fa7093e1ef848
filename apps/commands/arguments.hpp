// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/error.hpp"

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace coppice {

/// What follows the name of a command: options whose values are not looked at
/// yet, and words.
class arguments {
public:
  // -- properties -------------------------------------------------------------

  bool has(const std::string& option) const;

  /// Returns the value of *option*; empty if it was not given.
  std::string text(const std::string& option) const;

  /// Returns the values of an option that may be repeated.
  std::vector<std::string> texts(const std::string& option) const;

  /// Parses the value of *option* as a whole number.
  /// @returns *fallback* if it was not given, or `invalid_argument`.
  result<int64_t> number(const std::string& option, int64_t fallback,
                         int64_t least, int64_t most) const;

  /// Parses the value of *option* as a duration, e.g. `90s`.
  /// @returns `std::nullopt` if it was not given, or `invalid_argument`.
  result<std::optional<std::chrono::milliseconds>>
  duration(const std::string& option, std::chrono::milliseconds least,
           std::chrono::milliseconds most) const;

  // -- member variables -------------------------------------------------------

  boost::program_options::variables_map options;

  /// What is no option.
  std::vector<std::string> words;

  /// What follows `--`, for the command that takes a command.
  std::vector<std::string> tail;

  /// There was a `--`.
  bool separated = false;
};

/// How an option's value is called in the help text.
boost::program_options::value_semantic* text_value(const char* name);

/// As `text_value`, for an option that may be repeated.
boost::program_options::value_semantic* texts_value(const char* name);

/// Takes *args* apart by *known*.
/// @param split Whether what follows `--` is a command of its own.
/// @returns `invalid_argument` that names the option that is unknown, has no
///          value, or is given twice.
result<arguments>
parse_arguments(const std::vector<std::string>& args,
                const boost::program_options::options_description& known,
                bool split);

/// Checks that there are at least *least* and at most *most* words.
/// @param what What the words are, for the message, e.g. "task id".
result<> expect_words(const arguments& x, size_t least, size_t most,
                      const std::string& what);

/// Checks that *text* is a task id.
result<> expect_task_id(const std::string& text);

/// Checks that every word is a task id, and that there are enough.
result<std::vector<std::string>> task_ids(const arguments& x, size_t least);

/// Returns an `invalid_argument`.
error usage_error(std::string message);

} // namespace coppice
