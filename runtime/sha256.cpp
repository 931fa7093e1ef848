// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/sha256.hpp"

#include <openssl/evp.h>

#include <array>
#include <new>

namespace coppice {

sha256::sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_)
    throw std::bad_alloc();
  begin();
}

void sha256::update(std::string_view bytes) {
  EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

std::string sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context_.get(), sum.data(), &size);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; ++i) {
    text += digits[sum[i] >> 4];
    text += digits[sum[i] & 15];
  }
  begin();
  return text;
}

void sha256::free_context::operator()(evp_md_ctx_st* x) const noexcept {
  EVP_MD_CTX_free(x);
}

void sha256::begin() {
  // Fails only where OpenSSL was built without SHA-256.
  if (EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
}

} // namespace coppice
