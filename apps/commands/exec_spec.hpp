// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include "apps/commands/arguments.hpp"
#include "proto/task.pb.h"
#include "runtime/error.hpp"

#include <boost/program_options/options_description.hpp>

namespace coppice {

/// Declares the options of `coppice run`.
void declare_run_options(boost::program_options::options_description& x);

/// Makes the spec of `coppice run`. Reads the file that `--stdin` names.
/// @returns `invalid_argument` for what can never work, `system_failure` if the
///          file cannot be read.
result<proto::TaskSpec> exec_spec(const arguments& args);

} // namespace coppice
