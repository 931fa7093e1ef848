// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// A node with a class of native services, "heavy": a counter as the built-in
// one that also keeps all bodies that were posted to /fill. They are its
// ballast: its state is as large as one likes.

#include "sdk/coppice.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace coppice;

class heavy : public native_service {
public:
  service_effect handle(const service_request& x) const override {
    service_effect result;
    if (x.method == "POST")
      result.events.push_back(x.target == "/fill" ? x.body : "");
    auto adds = x.method == "POST" && x.target != "/fill";
    result.reply.body = std::to_string(total_ + (adds ? 1 : 0)) + '\n';
    return result;
  }

  void apply(std::string_view event) override {
    total_ += event.empty() ? 1 : 0;
    ballast_ += event;
  }

  std::string save() const override {
    return std::to_string(total_) + '\n' + ballast_;
  }

  result<> load(std::string_view state) override {
    auto end = state.find('\n');
    if (end == std::string_view::npos)
      return error{ec::corrupt_store, "the state begins with a number"};
    total_ = std::stoull(std::string{state.substr(0, end)});
    ballast_ = state.substr(end + 1);
    return ok();
  }

private:
  uint64_t total_ = 0;
  std::string ballast_;
};

} // namespace

int main(int argc, char** argv) {
  return node_app{}.service<heavy>("heavy").run(argc, argv);
}
