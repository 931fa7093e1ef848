// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"

#include <caf/test/unit_test.hpp>

#include <limits>

using namespace coppice;

namespace {

constexpr unix_ms now = 1'763'760'000'000; // 2025-11-21 21:20:00 UTC

constexpr unix_ms minute = 60'000;

proto::Task running_task() {
  proto::Task x;
  x.set_id("1.1.42");
  x.set_product("demo");
  x.set_kind("checksum");
  x.set_state(proto::RUNNING);
  x.set_attempt(2);
  x.set_tries(2);
  x.set_submitted_ms(now - 3 * minute);
  x.set_changed_ms(now - 5'000);
  x.set_node("n1");
  x.mutable_progress()->set_percent(42.9);
  x.mutable_progress()->set_message("doc/a\tb");
  return x;
}

} // namespace

// -- text ---------------------------------------------------------------------

CAF_TEST(messages cannot steer the terminal) {
  CAF_CHECK_EQUAL(printable("plain: ä 語"), "plain: ä 語");
  CAF_CHECK_EQUAL(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  CAF_CHECK_EQUAL(printable("\x1b[2J\x07"), "\\x1B[2J\\x07");
  CAF_CHECK_EQUAL(printable("\x7f"), "\\x7F");
  CAF_CHECK_EQUAL(printable("\xc2\x9b"
                            "2J"),
                  "\\x9B2J"); // CSI of Latin-1.
  CAF_CHECK_EQUAL(printable("\xff\xc3"), "\\xFF\\xC3");
  CAF_CHECK_EQUAL(printable("\xc0\xaf"), "\\xC0\\xAF");          // Overlong.
  CAF_CHECK_EQUAL(printable("\xed\xa0\x80"), "\\xED\\xA0\\x80"); // Surrogate.
  CAF_CHECK_EQUAL(printable("\u202Egnp"), "\\u{202E}gnp");
}

CAF_TEST(widths count columns and not bytes) {
  CAF_CHECK_EQUAL(display_width("abc"), 3u);
  CAF_CHECK_EQUAL(display_width("äöü"), 3u);
  CAF_CHECK_EQUAL(display_width("語語"), 4u);
  CAF_CHECK_EQUAL(display_width("e\u0301"), 1u);
  CAF_CHECK_EQUAL(display_width("🌳"), 2u);
}

CAF_TEST(clipped text fits and says that it was cut) {
  CAF_CHECK_EQUAL(clip("abcdef", 6), "abcdef");
  CAF_CHECK_EQUAL(clip("abcdef", 5), "abcd…");
  CAF_CHECK_EQUAL(clip("語語語", 4), "語…");
  CAF_CHECK_EQUAL(clip("abc", 1), "…");
  CAF_CHECK_EQUAL(clip("abc", 0), "");
  CAF_CHECK_EQUAL(pad("語", 4) + "|", "語  |");
}

CAF_TEST(tables align columns of any script) {
  CAF_CHECK_EQUAL(
    render_table({"ID", "NAME", "X"}, {{"1", "語", "a"}, {"22", "b\n", ""}}),
    "ID  NAME  X\n"
    "1   語    a\n"
    "22  b\\n\n");
}

// -- values -------------------------------------------------------------------

CAF_TEST(durations have at most two units) {
  CAF_CHECK_EQUAL(render_duration(-5), "0ms");
  CAF_CHECK_EQUAL(render_duration(850), "850ms");
  CAF_CHECK_EQUAL(render_duration(4'290), "4.2s");
  CAF_CHECK_EQUAL(render_duration(59'999), "59s");
  CAF_CHECK_EQUAL(render_duration(190'000), "3m 10s");
  CAF_CHECK_EQUAL(render_duration(180'000), "3m");
  CAF_CHECK_EQUAL(render_duration(7'500'000), "2h 5m");
  CAF_CHECK_EQUAL(render_duration(266'400'000), "3d 2h");
}

CAF_TEST(ages are whole seconds and never negative) {
  CAF_CHECK_EQUAL(render_age(0, now), "-");
  CAF_CHECK_EQUAL(render_age(now + 5'000, now), "0s");
  CAF_CHECK_EQUAL(render_age(now - 4'290, now), "4s");
  CAF_CHECK_EQUAL(render_age(now - 3 * minute, now), "3m");
  CAF_CHECK_EQUAL(render_time(now), "2025-11-21 21:20:00 UTC");
}

CAF_TEST(sizes have one decimal from a KiB on) {
  CAF_CHECK_EQUAL(render_bytes(1023), "1023 B");
  CAF_CHECK_EQUAL(render_bytes(1536), "1.5 KiB");
  CAF_CHECK_EQUAL(render_bytes(uint64_t{5} << 30), "5.0 GiB");
}

CAF_TEST(percentages and bars are rounded down and bounded) {
  CAF_CHECK_EQUAL(render_percent(99.99), " 99%");
  CAF_CHECK_EQUAL(render_percent(100), "100%");
  CAF_CHECK_EQUAL(render_percent(1e9), "100%");
  CAF_CHECK_EQUAL(render_percent(-3), "  0%");
  CAF_CHECK_EQUAL(short_percent(7.9), "7%");
  CAF_CHECK_EQUAL(render_percent(std::numeric_limits<double>::quiet_NaN()),
                  "  0%");
  CAF_CHECK_EQUAL(render_bar(0, 12), "[..........]");
  CAF_CHECK_EQUAL(render_bar(42.9, 12), "[####......]");
  CAF_CHECK_EQUAL(render_bar(99.9, 12), "[#########.]");
  CAF_CHECK_EQUAL(render_bar(100, 12), "[##########]");
  CAF_CHECK_EQUAL(render_bar(std::numeric_limits<double>::infinity(), 12),
                  "[##########]");
  CAF_CHECK_EQUAL(render_bar(50, 2), "");
}

CAF_TEST(states are named for people and read as filters) {
  for (int i = proto::WAITING; i <= proto::TIMED_OUT; ++i) {
    std::string name = state_name(static_cast<proto::TaskState>(i));
    std::replace(name.begin(), name.end(), ' ', '-');
    auto state = parse_state(name);
    CAF_REQUIRE(state);
    CAF_CHECK_EQUAL(static_cast<int>(state.value()), i);
  }
  CAF_CHECK(!parse_state("timed out"));
  CAF_CHECK(!parse_state(""));
}

CAF_TEST(commands are quoted for a shell) {
  CAF_CHECK_EQUAL(shell_quoted({"ls", "-l", "a b", "", "it's"}),
                  "ls -l 'a b' '' 'it'\\''s'");
}

// -- pages --------------------------------------------------------------------

CAF_TEST(the list of tasks shows a line for each) {
  auto done = running_task();
  done.set_id("1.1.7");
  done.set_state(proto::SUCCEEDED);
  done.clear_node();
  done.clear_progress();
  CAF_CHECK_EQUAL(
    render_tasks({running_task(), done}, now),
    "ID      PRODUCT  KIND      STATE      ATTEMPT  DONE  AGE  NODE  MESSAGE\n"
    "1.1.42  demo     checksum  running    2         42%  3m   n1    "
    "doc/a\\tb\n"
    "1.1.7   demo     checksum  succeeded  2        100%  3m\n");
}

CAF_TEST(the page of a task shows what is known and nothing else) {
  auto x = running_task();
  auto* stage = x.mutable_progress()->add_stages();
  stage->set_name("copy");
  stage->set_percent(50);
  stage->add_stages()->set_name("part-1");
  auto* a = x.add_attempts();
  a->set_number(1);
  a->set_node("n1");
  a->set_incarnation(3);
  a->set_started_ms(now - 2 * minute);
  a->set_ended_ms(now - minute);
  a->set_outcome(proto::FAILED);
  a->set_reason(proto::NODE_GONE);
  a->set_resumed_bytes(-1);
  x.mutable_spec()->mutable_exec()->add_argv("/bin/true");
  x.mutable_spec()->set_idempotency_key("k");
  CAF_CHECK_EQUAL(
    render_task(x, now),
    "task       1.1.42\n"
    "product    demo\n"
    "kind       checksum\n"
    "state      running on n1\n"
    "attempt    2 (2 counted)\n"
    "submitted  3m ago, 2025-11-21 21:17:00 UTC\n"
    "changed    5s ago\n"
    "progress   [########............]  42%  doc/a\\tb\n"
    "            50%  copy\n"
    "             0%    part-1\n"
    "command    /bin/true\n"
    "key        k\n"
    "spec       {\"idempotencyKey\":\"k\",\"exec\":{\"argv\":[\"/bin/"
    "true\"]}}\n"
    "\n"
    "ATTEMPT  NODE  INCARNATION  OUTCOME                    BEGAN   TOOK  "
    "RESUMED  ERROR\n"
    "1        n1    3            failed, its node was gone  2m ago  1m    -\n");
}

CAF_TEST(where a task stands is one sentence) {
  auto x = running_task();
  x.set_cancel_requested(true);
  CAF_CHECK_EQUAL(render_standing(x, now), "running on n1, being cancelled");
  x.set_state(proto::LEASED);
  CAF_CHECK_EQUAL(render_standing(x, now), "leased to n1, being cancelled");
  x = proto::Task{};
  x.set_state(proto::WAITING);
  x.set_reason(proto::ATTEMPT_FAILED);
  x.set_due_ms(now + 4'000);
  CAF_CHECK_EQUAL(render_standing(x, now),
                  "waiting, next attempt in 4.0s (the attempt failed)");
  x.set_state(proto::TIMED_OUT);
  x.set_reason(proto::TOTAL_TIMEOUT);
  CAF_CHECK_EQUAL(render_standing(x, now),
                  "timed out (the total timeout passed)");
}

CAF_TEST(the list of nodes shows who is there) {
  proto::NodesReply xs;
  auto& x = *xs.add_nodes();
  x.set_name("n1");
  x.set_state("healthy");
  x.set_changed_ms(now - minute);
  x.set_worker(true);
  x.set_address("h:1");
  x.add_notes("n1 is healthy.");
  x.set_connected(true);
  x.set_slots(4);
  x.set_leased(1);
  x.add_kinds("exec");
  x.add_kinds("noop");
  x.set_host("h");
  x.set_pid(7);
  x.set_heard_ms(now - 300);
  x.set_incarnation(2);
  CAF_CHECK_EQUAL(
    render_nodes(xs, now),
    "NODE  STATE    SINCE  HEARD  ROLES   BUSY  FENCED  INCARNATION  ADDRESS  "
    "HOST  PID  LABELS  KINDS\n"
    "n1    healthy  1m     0s     worker  1/4   0       2            h:1      "
    "h     7    -       exec,noop\n");
}

CAF_TEST(what there is to say of nodes stands below their list) {
  proto::NodesReply xs;
  for (auto* state : {"down", "healthy"}) {
    auto& x = *xs.add_nodes();
    x.set_name(state);
    x.set_state(state);
    x.add_notes(std::string{"It is "} + state + ".");
  }
  xs.mutable_nodes(1)->set_suspected(true);
  xs.add_notes("The brake holds.");
  auto text = render_nodes(xs, now);
  auto notes = text.substr(text.find("It is"));
  CAF_CHECK_EQUAL(notes, "It is down.\nIt is healthy.\nThe brake holds.\n");
  CAF_CHECK(text.find("suspect") != std::string::npos);
}

CAF_TEST(a healthy node that is quarantined is shown as that and why) {
  proto::NodesReply xs;
  auto& x = *xs.add_nodes();
  x.set_name("n1");
  x.set_state("healthy");
  x.set_quarantined(true);
  x.add_notes("n1 is quarantined: it is bad.");
  auto text = render_nodes(xs, now);
  CAF_CHECK(text.find("n1    quarantined") != std::string::npos);
  CAF_CHECK(text.ends_with("n1 is quarantined: it is bad.\n"));
  x.set_state("down"); // That comes first.
  text = render_nodes(xs, now);
  CAF_CHECK(text.find("n1    down") != std::string::npos);
}

// -- JSON ---------------------------------------------------------------------

CAF_TEST(specs are read as documented) {
  auto x = parse_spec(R"({"kind":"exec","exec":{"argv":["/bin/true"]},)"
                      R"("product":"p","idempotencyKey":"k1",)"
                      R"("timeouts":{"total":"90s"}})");
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x.value().idempotency_key(), "k1");
  CAF_CHECK_EQUAL(x.value().exec().argv(0), "/bin/true");
  CAF_CHECK_EQUAL(x.value().timeouts().total().seconds(), 90);
  CAF_CHECK_EQUAL(to_json(x.value()),
                  R"({"product":"p","kind":"exec","idempotencyKey":"k1",)"
                  R"("timeouts":{"total":"90s"},)"
                  R"("exec":{"argv":["/bin/true"]}})");
}

CAF_TEST(specs that are no specs are refused on one line) {
  auto says = [](const char* json, const char* part) {
    auto x = parse_spec(json);
    CAF_REQUIRE(!x);
    CAF_MESSAGE(x.error().message);
    CAF_CHECK(x.error().message.find(part) != std::string::npos);
    CAF_CHECK(x.error().message.find('\n') == std::string::npos);
  };
  says("{\"kind\":\"ex\xff\"}", "invalid UTF-8 at byte 12");
  says("{\"kind\"", "JSON");
  says("[]", "JSON");
  says("null", "JSON");
  says("nonsense\x1b[2J", "JSON");
  says(R"({"kind":"noop","kindness":1})", "kindness");
  says(R"({"kind":"noop","kindness":1})", "docs/commands.md names the fields");
  says("[]", "a task is one object in braces");
  says("{", "a task is one whole line");
  says(R"({"timeouts":{"total":"5m"}})", "; write seconds, such as \"90s\"");
  says(R"({"kind":7.5,"priority":"high"})", "priority");
}

// -- services -----------------------------------------------------------------

namespace {

proto::ServiceRow web_service() {
  proto::ServiceRow x;
  x.mutable_spec()->set_name("web");
  x.mutable_spec()->set_form(proto::PROCESS_SERVICE);
  x.mutable_spec()->add_command("serve");
  x.mutable_spec()->set_instances(2);
  x.set_revision(3);
  auto& ready = *x.add_places();
  ready.set_node("n1");
  ready.set_epoch(11);
  ready.set_status(proto::SERVICE_READY);
  ready.set_address("10.0.0.1:7500");
  ready.set_changed_ms(now - 2 * minute);
  auto& failed = *x.add_places();
  failed.set_instance(1);
  failed.set_node("n2");
  failed.set_epoch(12);
  failed.set_status(proto::SERVICE_FAILED);
  failed.set_why("it ended with exit code 1\x1b[2J");
  failed.set_changed_ms(now - 5'000);
  return x;
}

} // namespace

CAF_TEST(services are a table and what is wrong stands below it) {
  proto::ServiceRow idle;
  idle.mutable_spec()->set_name("idle");
  idle.mutable_spec()->set_form(proto::NATIVE_SERVICE);
  idle.set_revision(1);
  auto& nowhere = *idle.add_places();
  nowhere.set_why("no worker node has the labels: n1 does not meet gpu=yes");
  nowhere.set_changed_ms(now - 1'000);
  CAF_CHECK_EQUAL(
    render_services({idle, web_service()}, now),
    "SERVICE  FORM     STATE      SINCE  REVISION  NODES\n"
    "idle     native   0/1 ready  1s     1\n"
    "web      process  1/2 ready  5s     3         n1,n2\n"
    "idle 0: no worker node has the labels: n1 does not meet gpu=yes\n"
    "web 1: it ended with exit code 1\\x1B[2J\n");
  CAF_CHECK_EQUAL(render_services({}, now),
                  "SERVICE  FORM  STATE  SINCE  REVISION  NODES\n");
}

CAF_TEST(a service that is removed leaves) {
  auto x = web_service();
  x.set_removed(true);
  CAF_CHECK(render_services({x}, now).find("leaving") != std::string::npos);
}

CAF_TEST(one service is shown with its places and its settings) {
  auto text = render_service(web_service(), now);
  CAF_CHECK(text.find("INSTANCE  STATE   SINCE  NODE  EPOCH  ADDRESS\n"
                      "0         ready   2m     n1    11     10.0.0.1:7500\n"
                      "1         failed  5s     n2    12\n")
            != std::string::npos);
  auto settings = text.substr(text.find_last_of('\n', text.size() - 2) + 1);
  CAF_CHECK(settings.find("\"instances\":2") != std::string::npos);
  CAF_MESSAGE(text);
}
