// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/arguments.hpp"

#include "apps/commands/text.hpp"
#include "config/values.hpp"
#include "runtime/spelling.hpp"
#include "runtime/task/task_id.hpp"

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

namespace po = boost::program_options;

namespace coppice {

namespace {

constexpr const char* words_option = "words";

/// The whole command line is one line of an error message.
error from_exception(const po::error& x) {
  return usage_error(printable(x.what()));
}

/// @param given What was written, with its value perhaps.
error unknown_option(const std::string& given,
                     const po::options_description& known) {
  auto name = given.substr(0, given.find('='));
  std::vector<std::string> names;
  for (auto& x : known.options())
    names.push_back("--" + x->long_name());
  auto text = "there is no option " + quote(name);
  if (auto similar = nearest(name, names); !similar.empty())
    text += "; did you mean '" + similar + "'?";
  return usage_error(text);
}

} // namespace

error usage_error(std::string message) {
  return {ec::invalid_argument, std::move(message)};
}

bool arguments::has(const std::string& option) const {
  return options.count(option) > 0;
}

std::string arguments::text(const std::string& option) const {
  return has(option) ? options[option].as<std::string>() : std::string{};
}

std::vector<std::string> arguments::texts(const std::string& option) const {
  if (!has(option))
    return {};
  return options[option].as<std::vector<std::string>>();
}

result<int64_t> arguments::number(const std::string& option, int64_t fallback,
                                  int64_t least, int64_t most) const {
  if (!has(option))
    return fallback;
  auto given = text(option);
  int64_t value = 0;
  auto* end = given.data() + given.size();
  auto [stop, code] = std::from_chars(given.data(), end, value);
  if (code != std::errc{} || stop != end || value < least || value > most) {
    auto range
      = most == std::numeric_limits<int64_t>::max()
          ? "at least " + std::to_string(least)
          : "from " + std::to_string(least) + " to " + std::to_string(most);
    return usage_error("--" + option + ": " + quote(given)
                       + " is not a whole number " + range);
  }
  return value;
}

result<std::optional<std::chrono::milliseconds>>
arguments::duration(const std::string& option, std::chrono::milliseconds least,
                    std::chrono::milliseconds most) const {
  if (!has(option))
    return std::optional<std::chrono::milliseconds>{};
  auto value = parse_duration(text(option), {least, most});
  if (!value)
    return usage_error("--" + option + ": " + value.error().message);
  return std::optional{value.value()};
}

po::value_semantic* text_value(const char* name) {
  return po::value<std::string>()->value_name(name);
}

po::value_semantic* texts_value(const char* name) {
  return po::value<std::vector<std::string>>()->composing()->value_name(name);
}

result<arguments> parse_arguments(const std::vector<std::string>& args,
                                  const po::options_description& known,
                                  bool split) {
  arguments result;
  auto cut = std::find(args.begin(), args.end(), "--");
  result.separated = cut != args.end();
  std::vector<std::string> own{args.begin(), split ? cut : args.end()};
  if (split && result.separated)
    result.tail.assign(cut + 1, args.end());
  po::options_description all;
  all.add(known).add_options()(words_option,
                               po::value<std::vector<std::string>>());
  po::positional_options_description positions;
  positions.add(words_option, -1);
  namespace style = po::command_line_style;
  // No guessing: an abbreviation in a script breaks with the next new option.
  constexpr auto how = style::unix_style & ~style::allow_guessing;
  try {
    po::store(po::command_line_parser(own)
                .options(all)
                .positional(positions)
                .style(how)
                .run(),
              result.options);
    po::notify(result.options);
  } catch (const po::unknown_option& x) {
    return unknown_option(x.get_option_name(), known);
  } catch (const po::error& x) {
    return from_exception(x);
  }
  result.words = result.texts(words_option);
  return result;
}

result<> expect_words(const arguments& x, size_t least, size_t most,
                      const std::string& what) {
  if (x.words.size() < least)
    return usage_error(what + " is missing");
  if (x.words.size() > most)
    return usage_error(quote(x.words[most]) + " is one argument too many");
  return ok();
}

result<> expect_task_id(const std::string& text) {
  if (parse_task_id(text))
    return ok();
  return usage_error(quote(text) + " is not a task id such as 1.1.42");
}

result<std::vector<std::string>> task_ids(const arguments& x, size_t least) {
  if (x.words.size() < least)
    return usage_error("a task id is missing");
  for (auto& word : x.words)
    if (auto okay = expect_task_id(word); !okay)
      return okay.error();
  return x.words;
}

} // namespace coppice
