// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "gateway/api/metrics.hpp"

#include <caf/test/unit_test.hpp>

#include <regex>
#include <set>
#include <sstream>

using namespace coppice;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST(answers are counted by what was asked and what came of it) {
  api::metrics_book x;
  x.add({"getTask", 200, 2ms});
  x.add({"getTask", 200, 3ms});
  x.add({"getTask", 404, 2s});
  x.add({"", 400, 0ms});
  auto text = x.render("n1", {3, 7, 1}, {}, {});
  for (auto part :
       {"coppice_node_info{node=\"n1\"} 1\n",
        "coppice_http_requests_total{operation=\"getTask\",code=\"200\"} 2\n",
        "coppice_http_requests_total{operation=\"getTask\",code=\"404\"} 1\n",
        "coppice_http_requests_total{operation=\"none\",code=\"400\"} 1\n",
        "_seconds_bucket{operation=\"getTask\",le=\"0.0025\"} 1\n",
        "_seconds_bucket{operation=\"getTask\",le=\"1\"} 2\n",
        "_seconds_bucket{operation=\"getTask\",le=\"+Inf\"} 3\n",
        "_seconds_sum{operation=\"getTask\"} 2.005\n",
        "_seconds_count{operation=\"getTask\"} 3\n",
        "coppice_http_connections 3\n",
        "coppice_http_connections_accepted_total 7\n"}) {
    CAF_MESSAGE(part);
    CAF_CHECK(contains(text, part));
  }
}

CAF_TEST(the page is as Prometheus wants it) {
  api::metrics_book x;
  x.add({"listTasks", 200, 1ms});
  std::istringstream in{x.render("n1", {}, {}, api::look_at_process())};
  const std::regex sample{
    R"re(([a-z_]+)(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? [0-9.e+]+)re"};
  const std::regex heading{"# (HELP|TYPE) ([a-z_]+) .*"};
  std::set<std::string> families;
  std::string line;
  std::smatch found;
  while (std::getline(in, line)) {
    CAF_MESSAGE(line);
    if (std::regex_match(line, found, heading)) {
      if (found[1] == "HELP")
        CAF_CHECK(families.insert(found[2]).second);
      continue;
    }
    CAF_REQUIRE(std::regex_match(line, found, sample));
    auto name = std::regex_replace(found[1].str(),
                                   std::regex{"_(bucket|sum|count)$"}, "");
    CAF_CHECK(families.contains(name));
  }
  CAF_CHECK(families.size() >= 12);
}

CAF_TEST(what is held for services is told of) {
  forward::forward_counts held;
  held.held_now = 4;
  held.on_disk_now = 3;
  held.restored = 2;
  held.disk_refused = 5;
  held.abandoned = 1;
  auto text = api::metrics_book{}.render("n1", {}, held, {});
  for (auto part : {"\ncoppice_forward_held_requests 4\n",
                    "\ncoppice_forward_on_disk_requests 3\n",
                    "\ncoppice_forward_restored_total 2\n",
                    "\ncoppice_forward_disk_refused_total 5\n",
                    "\ncoppice_forward_abandoned_total 1\n"}) {
    CAF_MESSAGE(part);
    CAF_CHECK(contains(text, part));
  }
}

CAF_TEST(what was regenerated is told of as soon as it is known) {
  api::metrics_book book;
  CAF_CHECK(!contains(book.render("n1", {}, {}, {}), "regenerations"));
  proto::RegenerationsReply said;
  auto add = [&](proto::RegenerationEnd outcome, uint64_t n) {
    auto& x = *said.add_counts();
    x.set_outcome(outcome);
    x.set_count(n);
  };
  add(proto::REGENERATED, 1'200);
  add(proto::LOST, 1);
  add(proto::UNDER_WAY, 2);
  auto text = book.render("n1", {}, {}, {}, &said);
  const std::string total = "\ncoppice_cluster_regenerations_total{outcome=";
  for (auto& part :
       {total + "\"regenerated\"} 1200\n", total + "\"not_cured\"} 0\n",
        total + "\"rolled_back\"} 0\n", total + "\"lost\"} 1\n",
        std::string{"\ncoppice_cluster_regenerations_in_progress 2\n"}}) {
    CAF_MESSAGE(part);
    CAF_CHECK(contains(text, part));
  }
}

CAF_TEST(the process knows itself) {
  auto x = api::look_at_process();
  CAF_CHECK(x.resident_bytes > 1'000'000);
  CAF_CHECK(x.virtual_bytes >= x.resident_bytes);
  CAF_CHECK(x.open_fds >= 3 && x.open_fds <= x.max_fds);
  CAF_CHECK(x.start_seconds > 1.7e9);
}
