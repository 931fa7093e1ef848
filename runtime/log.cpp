// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/log.hpp"

#include <fmt/format.h>
#include <spdlog/formatter.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <exception>
#include <string_view>
#include <utility>

namespace coppice::log {

namespace {

/// Writes levels as `log.level` takes them and the keeper writes them: spdlog
/// itself has "warning".
class level_name : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& x, const tm&,
              spdlog::memory_buf_t& out) override {
    auto name = spdlog::level::to_string_view(x.level);
    std::string_view text{name.data(), name.size()};
    if (x.level == spdlog::level::warn)
      text = "warn";
    out.append(text.data(), text.data() + text.size());
  }

  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<level_name>();
  }
};

spdlog::level::level_enum to_spdlog(level x) {
  switch (x) {
    case level::debug:
      return spdlog::level::debug;
    case level::info:
      return spdlog::level::info;
    case level::warn:
      return spdlog::level::warn;
    default:
      return spdlog::level::err;
  }
}

} // namespace

void write(level severity, fmt::string_view format, fmt::format_args args) {
  auto* logger = spdlog::default_logger_raw();
  auto to = to_spdlog(severity);
  if (!logger->should_log(to))
    return;
  try {
    logger->log(to, fmt::vformat(format, args));
  } catch (const std::exception& x) {
    // Nobody has to fail for a line of the log.
    logger->log(to, "{} ({})", std::string_view{format.data(), format.size()},
                x.what());
  }
}

std::unique_ptr<spdlog::formatter> line_format(const std::string& who) {
  auto result = std::make_unique<spdlog::pattern_formatter>();
  result->add_flag<level_name>('*').set_pattern("%Y-%m-%d %H:%M:%S.%e %* ["
                                                + who + "] %v");
  return result;
}

void init(const std::string& level, const std::string& who) {
  auto logger = spdlog::stderr_logger_mt("coppice-" + who);
  logger->set_formatter(line_format(who));
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

} // namespace coppice::log
