// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>

namespace coppice::log {

void init(const std::string& level, const std::string& who) {
  auto logger = spdlog::stderr_logger_mt("coppice-" + who);
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l [" + who + "] %v");
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

} // namespace coppice::log
