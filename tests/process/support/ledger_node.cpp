// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// A node with a native service "ledger", whose state is a count and as many
// pages as it was given:
//
//   POST /add?by=1   counts one, and says how many there are
//   PUT /page        adds the body of the request as a page
//   GET /            says how many were counted
//   GET /bytes/      says how large all pages are

#include "sdk/coppice.hpp"

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

coppice::service_effect say(uint64_t number) {
  coppice::service_effect out;
  out.reply.body = std::to_string(number) + '\n';
  return out;
}

class ledger : public coppice::native_service {
public:
  coppice::service_effect
  handle(const coppice::service_request& x) const override {
    if (x.method == "GET")
      return say(x.target == "/bytes/" ? pages_.size() : count_);
    auto is_page = x.method == "PUT" && x.target == "/page";
    auto out = say(is_page ? pages_.size() + x.body.size() : count_ + 1);
    out.events.push_back(is_page ? "p" + x.body : "+");
    return out;
  }

  void apply(std::string_view event) override {
    if (event == "+")
      ++count_;
    else if (event.starts_with('p'))
      pages_ += event.substr(1);
    else
      throw std::invalid_argument{"an event counts, or is a page"};
  }

  std::string save() const override {
    return std::string{reinterpret_cast<const char*>(&count_), sizeof(count_)}
           + pages_;
  }

  coppice::result<> load(std::string_view state) override {
    if (state.size() < sizeof(count_))
      return coppice::error{coppice::ec::corrupt_store, "it has no count"};
    std::memcpy(&count_, state.data(), sizeof(count_));
    pages_ = state.substr(sizeof(count_));
    return coppice::ok();
  }

private:
  uint64_t count_ = 0;
  std::string pages_;
};

} // namespace

int main(int argc, char** argv) {
  return coppice::node_app{}.service<ledger>("ledger").run(argc, argv);
}
