// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <string>

namespace coppice {

/// Returns an idempotency key that nobody else uses: a random prefix of this
/// process and a counter, so that a later one is greater.
std::string make_idempotency_key();

} // namespace coppice
