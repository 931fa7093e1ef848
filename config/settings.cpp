// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/settings.hpp"

#include "config/values.hpp"
#include "runtime/spelling.hpp"

#include <algorithm>
#include <map>

namespace coppice {

namespace {

constexpr const char* blanks = " \t\r";

std::string_view trim(std::string_view text) {
  auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string_view without_comment(std::string_view line) {
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t'))
      return line.substr(0, i);
  }
  return line;
}

/// Reads lines one by one and remembers what later ones depend on.
class settings_parser {
public:
  explicit settings_parser(const std::string& name) : name_(name) {}

  result<> parse_line(std::string_view line) {
    ++number_;
    line = trim(without_comment(line));
    if (line.empty())
      return ok();
    return line.front() == '[' ? parse_section(line) : parse_setting(line);
  }

  std::vector<setting> found;

private:
  std::string place() const {
    return name_ + ":" + std::to_string(number_) + ": ";
  }

  error refuse(const std::string& why) const {
    return {ec::invalid_argument, place() + why};
  }

  result<> parse_section(std::string_view line) {
    auto section = trim(line.substr(1, line.size() - 2));
    if (line.back() != ']' || section.empty())
      return refuse(in_quotes(line) + " is not a section: write '[name]'");
    section_ = std::string{section} + ".";
    return ok();
  }

  result<> parse_setting(std::string_view line) {
    auto equals = line.find('=');
    auto key = section_ + std::string{trim(line.substr(0, equals))};
    if (equals == 0 || equals == std::string_view::npos)
      return refuse(in_quotes(line)
                    + " is neither 'key = value' nor '[section]'");
    auto value = trim(line.substr(equals + 1));
    if (value.empty())
      return refuse(in_quotes(key) + " has no value");
    auto [first, added] = first_line_.try_emplace(key, number_);
    if (!added)
      return refuse(key + ": stands in line " + std::to_string(first->second)
                    + " already");
    found.push_back({key, std::string{value}, place() + key});
    return ok();
  }

  std::string name_;
  size_t number_ = 0;
  std::string section_;
  std::map<std::string, size_t> first_line_;
};

} // namespace

result<std::vector<setting>> parse_settings(std::string_view text,
                                            const std::string& name) {
  settings_parser parser{name};
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    if (auto done = parser.parse_line(line); !done)
      return done.error();
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return std::move(parser.found);
}

} // namespace coppice
