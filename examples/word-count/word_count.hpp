// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "sdk/coppice.hpp"

namespace example {

/// The kind "word-count": counts lines, words and bytes of the file that the
/// text of the spec names, as `wc` does. The result is `LINES WORDS BYTES`.
///
/// It says how far it is, and saves where it stands, so that after a crash the
/// next attempt goes on from there and not from the beginning.
coppice::task_result word_count(coppice::task_context& context);

} // namespace example
