// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/log.hpp"

#include <caf/test/unit_test.hpp>

#include <spdlog/formatter.h>
#include <spdlog/spdlog.h>

#include <string>

using namespace coppice;

namespace {

/// Returns a line without its date.
std::string line_of(spdlog::level::level_enum level) {
  spdlog::memory_buf_t line;
  log::line_format("n1")->format({"", level, "it happened"}, line);
  std::string text{line.data(), line.size()};
  return text.substr(std::string{"2026-11-21 22:59:40.676 "}.size());
}

} // namespace

CAF_TEST(a line names its level as the option log.level does) {
  CAF_CHECK_EQUAL(line_of(spdlog::level::debug), "debug [n1] it happened\n");
  CAF_CHECK_EQUAL(line_of(spdlog::level::info), "info [n1] it happened\n");
  CAF_CHECK_EQUAL(line_of(spdlog::level::warn), "warn [n1] it happened\n");
  CAF_CHECK_EQUAL(line_of(spdlog::level::err), "error [n1] it happened\n");
}
