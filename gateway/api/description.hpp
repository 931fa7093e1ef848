// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <string_view>

namespace coppice::api {

/// Returns `openapi.json`: the whole API in the words of OpenAPI 3.1.
std::string_view description();

} // namespace coppice::api
