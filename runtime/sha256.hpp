// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace coppice {

/// Computes SHA-256, piece by piece.
class sha256 {
public:
  // -- constructors, destructors, and assignment operators --------------------

  sha256();

  // -- modifiers --------------------------------------------------------------

  void update(std::string_view bytes);

  /// Returns the sum of all pieces as 64 hexadecimal digits, and begins anew.
  std::string finish();

private:
  struct free_context {
    void operator()(evp_md_ctx_st* x) const noexcept;
  };

  void begin();

  // -- member variables -------------------------------------------------------

  std::unique_ptr<evp_md_ctx_st, free_context> context_;
};

} // namespace coppice
