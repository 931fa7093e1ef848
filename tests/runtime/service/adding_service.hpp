// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "runtime/service/native_service.hpp"

#include <stdexcept>
#include <string>

namespace coppice::test {

/// Adds numbers: POST with a number as the body answers with the sum after it,
/// GET with the sum. The body "throw" throws, "odd" throws what is no
/// exception, "poison" makes an event that cannot be applied.
class adding_service : public native_service {
public:
  service_effect handle(const service_request& x) const override {
    service_effect result;
    if (x.body == "throw")
      throw std::runtime_error{"it was asked to throw"};
    if (x.body == "odd")
      throw 42;
    if (x.body == "poison") {
      result.events.push_back("poison");
    } else if (x.method == "POST") {
      result.events.push_back(x.body);
      result.reply.body = std::to_string(sum_ + std::stoull(x.body));
    } else {
      result.reply.body = std::to_string(sum_);
    }
    return result;
  }

  void apply(std::string_view event) override {
    // Of a long event the beginning counts.
    sum_ += std::stoull(std::string{event.substr(0, event.find(' '))});
  }

  std::string save() const override {
    return std::to_string(sum_);
  }

  result<> load(std::string_view state) override {
    if (state.find_first_not_of("0123456789") != std::string_view::npos)
      return error{ec::corrupt_store, "no number"};
    sum_ = std::stoull(std::string{state});
    return ok();
  }

private:
  unsigned long long sum_ = 0;
};

} // namespace coppice::test
