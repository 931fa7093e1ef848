// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "config/service_sections.hpp"

#include <caf/test/unit_test.hpp>

using namespace coppice;

namespace {

/// Returns what is wrong with a file.
std::string complaint(const std::string& text) {
  auto read = parse_service_file(text, "f.conf");
  return read ? "" : read.error().message;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST(a section is a service) {
  auto read = parse_service_file(R"(
# two services
[service.web.v2]
command = /usr/bin/python3 -m http.server "{port}" --directory '/srv/my files'
instances = 3
labels = disk=ssd, zone!=b
health_path = /healthy
health_interval = 500ms
start_timeout = 1m
request_timeout = 5s
idempotent = yes
save = disk
hold_requests = 10
hold_bytes = 1MiB
hold_time = 2s
working_folder = /srv
env.MODE = fast mode
env.A.B = c

[service.counter]
class = tally
durability = interval
capture_interval = 2s
dedupe_window = 1h
exclusive = yes
)",
                                 "f.conf");
  CAF_REQUIRE(read);
  CAF_REQUIRE_EQUAL(read.value().size(), 2u);
  auto& web = read.value()[0];
  CAF_CHECK_EQUAL(web.name(), "web.v2");
  CAF_CHECK_EQUAL(web.form(), proto::PROCESS_SERVICE);
  CAF_REQUIRE_EQUAL(web.command_size(), 6);
  CAF_CHECK_EQUAL(web.command(3), "{port}");
  CAF_CHECK_EQUAL(web.command(5), "/srv/my files");
  CAF_CHECK_EQUAL(web.instances(), 3u);
  CAF_REQUIRE_EQUAL(web.labels_size(), 2);
  CAF_CHECK_EQUAL(web.labels(1), "zone!=b");
  CAF_CHECK_EQUAL(web.health_path(), "/healthy");
  CAF_CHECK_EQUAL(web.health_interval_ms(), 500);
  CAF_CHECK_EQUAL(web.start_timeout_ms(), 60'000);
  CAF_CHECK_EQUAL(web.request_timeout_ms(), 5'000);
  CAF_CHECK(web.idempotent());
  CAF_CHECK_EQUAL(web.held(), proto::HELD_ON_DISK);
  CAF_CHECK_EQUAL(web.hold_requests(), 10u);
  CAF_CHECK_EQUAL(web.hold_bytes(), 1'048'576u);
  CAF_CHECK_EQUAL(web.hold_ms(), 2'000);
  CAF_CHECK_EQUAL(web.working_folder(), "/srv");
  CAF_CHECK_EQUAL(web.environment().at("MODE"), "fast mode");
  CAF_CHECK_EQUAL(web.environment().at("A.B"), "c");
  auto& counter = read.value()[1];
  CAF_CHECK_EQUAL(counter.form(), proto::NATIVE_SERVICE);
  CAF_CHECK_EQUAL(counter.native_class(), "tally");
  CAF_CHECK_EQUAL(counter.durability(), proto::DURABLE_INTERVAL);
  CAF_CHECK_EQUAL(counter.capture_interval_ms(), 2'000);
  CAF_CHECK_EQUAL(counter.dedupe_window_ms(), 3'600'000);
  CAF_CHECK(counter.exclusive());
}

CAF_TEST(what is wrong is named with its file and line and key) {
  auto unknown = complaint("[service.x]\ncommand = a\ninstance = 3\n");
  CAF_CHECK(has(unknown, "f.conf:3: service.x.instance"));
  CAF_CHECK(has(unknown, "did you mean 'instances'?"));
  auto value = complaint("[service.x]\ncommand = a\ninstances = many\n");
  CAF_CHECK(has(value, "f.conf:3: service.x.instances: 'many'"));
  auto twice = complaint("[service.x]\ncommand = a\ncommand = b\n");
  CAF_CHECK(has(twice, "f.conf:3: service.x.command"));
  auto rule = complaint("[service.x]\nform = process\n");
  CAF_CHECK(has(rule, "f.conf:2: service.x: command"));
  auto quote = complaint("[service.x]\ncommand = say 'a b\n");
  CAF_CHECK(has(quote, "is not closed"));
  CAF_CHECK(has(complaint("[service.x]\nlabels = a=b,,c=d\n"), "f.conf:2"));
  CAF_CHECK(has(complaint("[service.x]\nform = http\n"), "native or process"));
  CAF_CHECK(has(complaint("[service.a/b]\nform = native\n"), "'a/b'"));
  CAF_CHECK(has(complaint("service.x = 1\n"), "[service.NAME]"));
  CAF_CHECK(has(complaint("[node]\nid = a\n"), "f.conf:2: node.id"));
  CAF_CHECK(has(complaint("# nothing\n"), "f.conf: there is no section"));
}

CAF_TEST(words are taken apart as a shell does) {
  auto words
    = [](const std::string& text) { return parse_words(text).value(); };
  using list = std::vector<std::string>;
  CAF_CHECK(words("  a  b\tc ") == (list{"a", "b", "c"}));
  CAF_CHECK(words(R"(a' b'"c \"d" '' \  e\\)")
            == (list{R"(a bc "d)", "", " ", R"(e\)"}));
  CAF_CHECK(words(R"('\n' "\n")") == (list{R"(\n)", R"(\n)"}));
  CAF_CHECK(words("").empty());
  CAF_CHECK(!parse_words("\"a"));
}
