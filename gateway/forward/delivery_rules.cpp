// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/forward/delivery_rules.hpp"

namespace coppice::forward {

bool is_safe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

bool may_have_effect(delivery_end x) {
  switch (x) {
    case delivery_end::not_connected:
    case delivery_end::nothing_sent:
    case delivery_end::refused:
      return false;
    case delivery_end::unknown:
    case delivery_end::lost:
    case delivery_end::late:
    case delivery_end::malformed:
    case delivery_end::answering:
      return true;
  }
  return true;
}

bool may_be_repeated(const delivery_facts& x) {
  // The id makes it safe: a native service applies none twice.
  return x.is_native || is_safe(x.method)
         || (x.idempotent
             && (x.has_client_id || x.method == "PUT" || x.method == "DELETE"));
}

next_step after_failure(const delivery_facts& x) {
  if (x.end == delivery_end::answering)
    return next_step::cut;
  if (x.end == delivery_end::malformed)
    return next_step::bad_gateway;
  if (x.is_native || !may_have_effect(x.end))
    return next_step::again;
  // It may still be at it; another one would only make it slower.
  if (x.end == delivery_end::late)
    return next_step::too_late;
  return may_be_repeated(x) && x.times_sent < most_times_sent
           ? next_step::again
           : next_step::bad_gateway;
}

} // namespace coppice::forward
