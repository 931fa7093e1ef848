// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/service/native_service.hpp"

#include <cstdint>

namespace coppice {

/// The built-in service class "counter": a number that only grows.
///
/// `POST /add` adds 1 and `POST /add?by=N` adds N, 1 to 1,000,000; both answer
/// with the number after it. `GET /` answers with the number.
class counter : public native_service {
public:
  service_effect handle(const service_request& x) const override;

  void apply(std::string_view event) override;

  std::string save() const override;

  result<> load(std::string_view state) override;

private:
  uint64_t value_ = 0;
};

} // namespace coppice
