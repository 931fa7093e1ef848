// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "sdk/coppice.hpp"

#include <map>
#include <string>
#include <string_view>

namespace example {

/// Gives the seats of a room away, each to one guest:
///
///   PUT /12?guest=Ada   takes a seat; 409 if it has another guest
///   DELETE /12          makes it free
///   GET /               says who sits where, a line each: "12 Ada"
///
/// What happens to a seat is an event, "+12 Ada" or "-12": the state is what
/// they have made of it.
class seat_desk : public coppice::native_service {
public:
  coppice::service_effect
  handle(const coppice::service_request& x) const override;

  void apply(std::string_view event) override;

  std::string save() const override;

  coppice::result<> load(std::string_view state) override;

private:
  /// By the numbers of their seats.
  std::map<unsigned, std::string> guests_;
};

} // namespace example
