// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/spec_check.hpp"

#include "runtime/spelling.hpp"

#include <caf/test/unit_test.hpp>

#include <string>

using namespace coppice;

namespace {

constexpr size_t max_payload = 1'048'576;

struct fixture {
  fixture() {
    proto::KindInfo own;
    own.set_name("resize");
    kinds.add(own);
    exec.set_kind("exec");
    exec.mutable_exec()->add_argv("/bin/true");
    checksum.set_kind("checksum");
    checksum.mutable_checksum()->set_folder("/usr/share");
    checksum.mutable_checksum()->set_output("/tmp/sums");
    sleep.set_kind("sleep");
    resize.set_kind("resize");
  }

  result<> check(const proto::TaskSpec& spec) {
    return check_spec(spec, spec.ByteSizeLong(), max_payload, kinds);
  }

  void accepts(const proto::TaskSpec& spec) {
    auto x = check(spec);
    CAF_CHECK(x);
    if (!x)
      CAF_MESSAGE(to_string(x.error()));
  }

  /// The message must begin with *begin*: the field, and what is wrong.
  void refuses(const proto::TaskSpec& spec, const std::string& begin) {
    auto x = check(spec);
    CAF_CHECK(!x);
    if (x)
      return;
    CAF_CHECK(x.error().code == ec::invalid_argument);
    CAF_CHECK_EQUAL(x.error().message.substr(0, begin.size()), begin);
  }

  /// Changes a copy of the exec spec by *f*.
  template <class F>
  proto::TaskSpec with(F f) {
    auto x = exec;
    f(x);
    return x;
  }

  kind_table kinds = built_in_kinds();
  proto::TaskSpec exec;
  proto::TaskSpec checksum;
  proto::TaskSpec sleep;
  proto::TaskSpec resize;
};

using spec = proto::TaskSpec;

const std::string not_utf8 = "a\xFFz";

const std::string nul{"a\0b", 3};

} // namespace

CAF_TEST_FIXTURE_SCOPE(spec_check_tests, fixture)

CAF_TEST(plain specs are accepted) {
  for (auto* x : {&exec, &checksum, &sleep, &resize})
    accepts(*x);
  sleep.mutable_sleep()->mutable_duration()->set_seconds(5);
  accepts(sleep);
  spec noop;
  noop.set_kind("noop");
  accepts(noop);
  noop.set_data(not_utf8);
  accepts(noop);
}

CAF_TEST(a product is a name) {
  accepts(with([](spec& x) { x.set_product(std::string(128, 'p')); }));
  accepts(with([](spec& x) { x.set_product("Az09._-"); }));
  for (auto name : {std::string(129, 'p'), std::string{"a b"},
                    std::string{"a/b"}, not_utf8, nul})
    refuses(with([&](spec& x) { x.set_product(name); }),
            "product is " + in_quotes(name) + ", which is not a name");
  CAF_CHECK_EQUAL(effective_product(exec), "default");
  exec.set_product("p");
  CAF_CHECK_EQUAL(effective_product(exec), "p");
}

CAF_TEST(a kind is a name that is known) {
  refuses({}, "kind is missing");
  for (auto name : {std::string(65, 'k'), std::string{"a b"}, not_utf8})
    refuses(with([&](spec& x) { x.set_kind(name); }),
            "kind is " + in_quotes(name) + ", which is not a name");
  refuses(with([](spec& x) { x.set_kind("exce"); }),
          "kind is 'exce', which no worker has registered; known are: "
          "checksum, exec, noop, resize, sleep. A kind becomes known when a "
          "worker that can run it connects");
}

CAF_TEST(a priority is from - 9 to 9) {
  for (auto priority : {-9, 0, 9})
    accepts(with([=](spec& x) { x.set_priority(priority); }));
  refuses(with([](spec& x) { x.set_priority(10); }), "priority is 10;");
  refuses(with([](spec& x) { x.set_priority(-10); }), "priority is -10;");
}

CAF_TEST(labels are at most 16 rules) {
  for (auto i = 0; i < 16; ++i)
    exec.add_labels("zone!=a");
  accepts(exec);
  *exec.mutable_labels(15) = "zone";
  refuses(exec, "labels[15] is 'zone', which is not a rule; a label rule is "
                "KEY=VALUE");
  *exec.mutable_labels(15) = "zone=a";
  exec.add_labels("gpu=yes");
  refuses(exec, "labels has 17 rules; at most 16");
}

CAF_TEST(a key has at most 256 bytes of text) {
  accepts(with([](spec& x) { x.set_idempotency_key(std::string(256, 'k')); }));
  refuses(with([](spec& x) { x.set_idempotency_key(std::string(257, 'k')); }),
          "idempotency_key has 257 bytes; at most 256");
  refuses(with([](spec& x) { x.set_idempotency_key(not_utf8); }),
          "idempotency_key is not valid UTF-8");
}

CAF_TEST(clocks are from 0 to 10 years) {
  auto& total = *exec.mutable_timeouts()->mutable_total();
  accepts(exec);
  total.set_seconds(3'653 * 86'400);
  accepts(exec);
  total.set_nanos(1);
  refuses(exec, "timeouts.total is longer than 10 years");
  total.set_seconds(1LL << 62);
  refuses(exec, "timeouts.total is longer than 10 years");
  total.set_seconds(-1);
  refuses(exec, "timeouts.total is negative");
  total.set_seconds(0);
  total.set_nanos(-1);
  refuses(exec, "timeouts.total is negative");
  total.set_seconds(1);
  refuses(exec, "timeouts.total is not a valid google.protobuf.Duration");
  total.set_nanos(1'000'000'000);
  refuses(exec, "timeouts.total is not a valid google.protobuf.Duration");
  total.set_nanos(999'999'999);
  accepts(exec);
  exec.mutable_timeouts()->mutable_no_answer()->set_seconds(-5);
  refuses(exec, "timeouts.no_answer is negative");
  exec.mutable_timeouts()->mutable_no_answer()->set_seconds(5);
  exec.mutable_timeouts()->mutable_stall()->set_seconds(-5);
  refuses(exec, "timeouts.stall is negative");
}

CAF_TEST(a retry policy makes sense) {
  auto& retry = *exec.mutable_retry();
  retry.set_attempts(1'000);
  retry.mutable_backoff()->set_seconds(60);
  retry.add_final_errors("exit_2");
  accepts(exec);
  retry.set_attempts(1'001);
  refuses(exec, "retry.attempts is 1001; it must be from 1 to 1000");
  retry.set_attempts(0);
  retry.mutable_backoff()->set_seconds(61);
  refuses(exec, "retry.backoff is 1m1s, longer than the 1m of "
                "retry.max_backoff; raise that");
  retry.mutable_max_backoff()->set_seconds(61);
  accepts(exec);
  retry.mutable_max_backoff()->set_seconds(-61);
  refuses(exec, "retry.max_backoff is negative");
  retry.clear_max_backoff();
  retry.mutable_backoff()->set_seconds(-1);
  refuses(exec, "retry.backoff is negative");
  retry.clear_backoff();
  retry.add_final_errors("");
  refuses(exec, "retry.final_errors[1] is empty");
  retry.set_final_errors(1, not_utf8);
  refuses(exec, "retry.final_errors[1] is not valid UTF-8");
}

CAF_TEST(a spec that is too large names size and limit) {
  auto x = check_spec(exec, 101, 100, kinds);
  CAF_REQUIRE(!x);
  auto begin = std::string{"spec has 101 bytes; at most 100 are allowed "
                           "(task.max_payload"};
  CAF_CHECK_EQUAL(x.error().message.substr(0, begin.size()), begin);
  CAF_CHECK(check_spec(exec, 100, 100, kinds));
}

CAF_TEST(the payload is one that the kind takes) {
  refuses(with([](spec& x) { x.clear_payload(); }),
          "exec is missing; the kind 'exec' needs it");
  refuses(with([](spec& x) { x.set_text("true"); }),
          "text does not fit the kind 'exec', which takes 'exec'");
  refuses(with([](spec& x) { x.set_kind("checksum"); }),
          "exec does not fit the kind 'checksum', which takes 'checksum'");
  refuses(with([](spec& x) { x.set_kind("sleep"); }),
          "exec does not fit the kind 'sleep', which takes 'sleep' or 'none'");
  refuses(with([](spec& x) { x.set_kind("resize"); }),
          "exec does not fit the kind 'resize', which takes 'text' or 'data' "
          "or 'none'");
  resize.set_text("800x600");
  accepts(resize);
  resize.set_text(not_utf8);
  refuses(resize, "text is not valid UTF-8");
  resize.set_data(not_utf8);
  accepts(resize);
}

CAF_TEST(a command can be passed to the operating system) {
  refuses(with([](spec& x) { x.mutable_exec()->clear_argv(); }),
          "exec.argv is empty; name the program");
  refuses(with([](spec& x) { x.mutable_exec()->set_argv(0, ""); }),
          "exec.argv[0] is empty; name the program");
  auto& x = *exec.mutable_exec();
  x.add_argv("");
  (*x.mutable_env())["A"] = "b=c";
  x.set_stdin(nul);
  accepts(exec);
  x.set_argv(1, nul);
  refuses(exec, "exec.argv[1] has a NUL byte at offset 1");
  x.set_argv(1, not_utf8);
  refuses(exec, "exec.argv[1] is not valid UTF-8");
  x.set_argv(1, "-v");
  x.set_folder(nul);
  refuses(exec, "exec.folder has a NUL byte at offset 1");
  x.clear_folder();
  for (auto name : {"", "A=B"}) {
    auto y = exec;
    (*y.mutable_exec()->mutable_env())[name] = "c";
    refuses(y, "exec.env has a name that is empty or contains '='");
  }
  (*x.mutable_env())["A"] = nul;
  refuses(exec, "exec.env['A'] has a NUL byte at offset 1");
  (*x.mutable_env())["A"] = not_utf8;
  refuses(exec, "exec.env['A'] is not valid UTF-8");
  x.mutable_env()->clear();
  (*x.mutable_env())[nul] = "";
  refuses(exec, "exec.env name has a NUL byte at offset 1");
}

CAF_TEST(a checksum needs absolute paths) {
  auto& x = *checksum.mutable_checksum();
  x.set_folder("share");
  refuses(checksum, "checksum.folder is not an absolute path");
  x.set_folder("");
  refuses(checksum, "checksum.folder is missing; give an absolute path");
  x.set_folder("/" + nul);
  refuses(checksum, "checksum.folder has a NUL byte");
  x.set_folder("/");
  x.set_output("sums");
  refuses(checksum, "checksum.output is not an absolute path");
  x.set_output("/tmp/");
  refuses(checksum, "checksum.output is a folder");
}

CAF_TEST(a sleep is not negative) {
  sleep.mutable_sleep()->mutable_duration()->set_seconds(-1);
  refuses(sleep, "sleep.duration is negative");
  sleep.mutable_sleep()->clear_duration();
  sleep.mutable_sleep()->set_journal(nul);
  refuses(sleep, "sleep.journal has a NUL byte");
}

CAF_TEST(a kind is checked before it is added) {
  proto::KindInfo x;
  CAF_CHECK(!check_kind(x));
  x.set_name("resize");
  CAF_CHECK(check_kind(x));
  auto bad = x;
  bad.set_name("re size");
  CAF_CHECK(!check_kind(bad));
  bad = x;
  bad.mutable_timeouts()->mutable_stall()->set_seconds(-1);
  CAF_CHECK(!check_kind(bad));
  bad = x;
  bad.mutable_retry()->set_attempts(1'001);
  CAF_CHECK(!check_kind(bad));
  bad = x;
  bad.mutable_retry()->mutable_backoff()->set_seconds(3'600);
  CAF_CHECK(!check_kind(bad));
}

CAF_TEST_FIXTURE_SCOPE_END()
