// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <string>

namespace coppice::test {

/// Moves this thread into new namespaces, such as CLONE_NEWNET, where it is
/// root; if it is not root outside, in a new user namespace as well. Call it
/// while there is one thread only.
/// @returns Why it cannot, or nothing.
std::string enter_namespaces(int flags);

} // namespace coppice::test
