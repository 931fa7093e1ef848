// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/program.hpp"

int main(int argc, char** argv) {
  return coppice::run_program(argc, argv, {});
}
