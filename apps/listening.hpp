// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "config/node_config.hpp"
#include "runtime/error.hpp"
#include "runtime/launch/unique_fd.hpp"

namespace coppice {

/// Opens a socket that listens. A port that still belongs to a node that was
/// just killed is waited for, 2 s.
/// @param option The one that says *where*, to be blamed.
/// @returns `system_failure` if nobody can listen there.
result<unique_fd> listen_on(const node_config& config, const char* option,
                            const host_port& where);

} // namespace coppice
