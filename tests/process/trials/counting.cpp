// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/process/trials/counting.hpp"

#include "tests/process/support/real_node.hpp"

#include <spdlog/fmt/chrono.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace coppice::trial {

using test::http_socket;
using namespace std::chrono_literals;

/// One of the clients.
class counting_clients::one {
public:
  one(const counting_options& how, size_t number) : how_(how), number_(number) {
    // nop
  }

  /// Adds 1 until *over*.
  void run(const std::atomic<bool>& over) {
    while (!over) {
      auto id
        = std::to_string(number_) + "-" + std::to_string(said.done.size());
      auto x = add(id);
      if (!x)
        return;
      said.done.push_back(*x);
      std::this_thread::sleep_for(how_.pause);
    }
  }

  testimony said;

private:
  /// Asks until there is an answer; nothing if it cannot be had for a minute.
  std::optional<addition> add(const std::string& id) {
    addition x;
    x.begun = trial_clock::now();
    while (trial_clock::now() - x.begun < test::patience) {
      ++x.tries;
      auto asked = trial_clock::now();
      if (!socket_ || !socket_->connected())
        socket_ = std::make_unique<http_socket>(how_.port);
      auto answer
        = socket_->ask("POST", "/s/" + how_.service + "/add?by=1", {},
                       "Content-Length: 0\r\nIdempotency-Key: " + id + "\r\n");
      auto now = trial_clock::now();
      auto text = answer.status == 0 ? "no answer"
                                     : "status " + std::to_string(answer.status)
                                         + ": " + answer.body.substr(0, 200);
      if (answer.status == 200) {
        x.answer = std::strtoull(answer.body.c_str(), nullptr, 10);
        x.took = now - x.begun;
        return x;
      }
      if (answer.status != 0 && answer.status < 500) {
        said.faults.push_back(id + ": " + text);
        return std::nullopt;
      }
      said.setbacks.push_back({asked, now, id + ": " + text});
      socket_.reset();
      std::this_thread::sleep_for(20ms);
    }
    said.faults.push_back(id + ": no answer for a minute");
    return std::nullopt;
  }

  counting_options how_;
  size_t number_;
  std::unique_ptr<http_socket> socket_;
};

counting_clients::counting_clients(counting_options options) {
  for (size_t i = 0; i < options.clients; ++i)
    all_.push_back(std::make_unique<one>(options, i));
  for (auto& x : all_)
    threads_.emplace_back([this, client = x.get()] { client->run(over_); });
}

counting_clients::~counting_clients() {
  stop();
}

testimony counting_clients::stop() {
  over_ = true;
  for (auto& x : threads_)
    x.join();
  threads_.clear();
  testimony out;
  auto append = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()),
              std::make_move_iterator(from.end()));
  };
  for (auto& x : std::exchange(all_, {})) {
    append(out.done, x->said.done);
    append(out.setbacks, x->said.setbacks);
    append(out.faults, x->said.faults);
  }
  return out;
}

std::optional<uint64_t> counted(uint16_t port, const std::string& service) {
  auto x = http_socket{port}.ask("GET", "/s/" + service + "/");
  if (x.status != 200)
    return std::nullopt;
  return std::strtoull(x.body.c_str(), nullptr, 10);
}

std::vector<std::string> judge(const testimony& said,
                               std::optional<uint64_t> value) {
  auto faults = said.faults;
  if (!value)
    faults.push_back("the service does not answer at the end");
  else if (*value != said.done.size())
    faults.push_back(std::to_string(said.done.size())
                     + " ids, the service says " + std::to_string(*value));
  std::vector<uint64_t> answers;
  for (auto& x : said.done)
    answers.push_back(x.answer);
  std::sort(answers.begin(), answers.end());
  for (size_t i = 0; i < answers.size(); ++i)
    if (answers[i] != i + 1) {
      faults.push_back("the answers are not 1, 2, 3 and so on: number "
                       + std::to_string(i + 1) + " is "
                       + std::to_string(answers[i]));
      break;
    }
  return faults;
}

double quantile(std::vector<double> xs, double share) {
  if (xs.empty())
    return 0;
  std::sort(xs.begin(), xs.end());
  return xs[static_cast<size_t>(share * static_cast<double>(xs.size() - 1))];
}

std::vector<double> times_of(const std::vector<addition>& xs) {
  std::vector<double> out;
  for (auto& x : xs)
    out.push_back(1'000 * x.took.count());
  return out;
}

void print_slow(const std::vector<addition>& xs, double limit_ms, size_t most) {
  std::vector<addition> slow;
  for (auto& x : xs)
    if (1'000 * x.took.count() > limit_ms)
      slow.push_back(x);
  std::sort(slow.begin(), slow.end(),
            [](auto& x, auto& y) { return x.took > y.took; });
  slow.resize(std::min(slow.size(), most));
  for (auto& x : slow) {
    auto at = std::chrono::system_clock::now()
              - std::chrono::duration_cast<std::chrono::system_clock::duration>(
                trial_clock::now() - x.begun);
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
      at.time_since_epoch());
    std::printf("  slow: %.0f ms, asked for at %s.%03d UTC, answered with %llu "
                "after %u tries\n",
                1'000 * x.took.count(), fmt::format("{:%T}", at).c_str(),
                static_cast<int>(ms.count() % 1'000),
                static_cast<unsigned long long>(x.answer), x.tries);
  }
}

} // namespace coppice::trial
