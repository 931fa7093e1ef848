// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

namespace coppice {

/// Tells the service manager about the state of this service, as sd_notify(3)
/// does: `READY=1`, `STOPPING=1`. Does nothing if there is none, i.e. without
/// the environment variable `NOTIFY_SOCKET`.
void notify_service_manager(const char* state);

} // namespace coppice
