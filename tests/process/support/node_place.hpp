// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <string>

namespace coppice::test {

/// The machine that a node believes to run on.
struct node_place {
  /// Where it listens.
  std::string host = "127.0.0.1";
  /// Descriptor of its network namespace, which somebody else owns; -1: that of
  /// the test.
  int net_namespace = -1;
};

} // namespace coppice::test
