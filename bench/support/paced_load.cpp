// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "bench/support/paced_load.hpp"

#include "tests/support/http_socket.hpp"

#include <memory>
#include <thread>

namespace coppice::bench {

namespace {

using clock_type = std::chrono::steady_clock;
using time_point = clock_type::time_point;

/// One client.
class adder {
public:
  adder(const paced_load& load, size_t number, time_point begin)
    : load_(load),
      number_(number),
      begin_(begin) {
    // nop
  }

  void run() {
    for (size_t i = 0;; ++i) {
      auto turn = static_cast<double>(i * load_.clients + number_);
      auto due = begin_
                 + std::chrono::duration_cast<clock_type::duration>(
                   std::chrono::duration<double>(turn / load_.per_second));
      if (due >= begin_ + load_.span)
        return;
      std::this_thread::sleep_until(due);
      add(std::to_string(number_) + '-' + std::to_string(i), due);
    }
  }

  paced_figures figures;

private:
  void add(const std::string& id, time_point due) {
    if (!socket_ || !socket_->connected())
      socket_ = std::make_unique<test::http_socket>(load_.port);
    auto answer
      = socket_->ask("POST", load_.path, {},
                     "Content-Length: 0\r\nIdempotency-Key: " + id + "\r\n");
    ++figures.sent;
    figures.took_ms.push_back(
      std::chrono::duration<double, std::milli>(clock_type::now() - due)
        .count());
    if (answer.status == 200)
      ++figures.answered;
    else if (figures.first_failure.empty())
      figures.first_failure
        = answer.status == 0
            ? "no answer"
            : "status " + std::to_string(answer.status) + ": " + answer.body;
    if (answer.status == 0 || answer.headers["connection"] == "close")
      socket_.reset();
  }

  const paced_load& load_;
  size_t number_;
  time_point begin_;
  std::unique_ptr<test::http_socket> socket_;
};

} // namespace

paced_figures run_paced_load(const paced_load& x) {
  std::vector<std::unique_ptr<adder>> adders;
  std::vector<std::thread> threads;
  auto begin = clock_type::now();
  for (size_t i = 0; i < x.clients; ++i) {
    adders.push_back(std::make_unique<adder>(x, i, begin));
    threads.emplace_back([one = adders.back().get()] { one->run(); });
  }
  for (auto& one : threads)
    one.join();
  paced_figures all;
  for (auto& one : adders) {
    auto& part = one->figures;
    all.sent += part.sent;
    all.answered += part.answered;
    all.took_ms.insert(all.took_ms.end(), part.took_ms.begin(),
                       part.took_ms.end());
    if (all.first_failure.empty())
      all.first_failure = part.first_failure;
  }
  return all;
}

} // namespace coppice::bench
