// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "runtime/task/label_rules.hpp"

#include <caf/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace coppice;

namespace {

using strings = std::vector<std::string>;

std::vector<label_rule> rules(const strings& texts) {
  std::vector<label_rule> result;
  for (auto& text : texts)
    result.push_back(parse_label_rule(text).value());
  return result;
}

bool match(const strings& texts, const strings& labels) {
  auto xs = rules(texts);
  auto result = labels_match(xs, labels);
  // The explanation and the answer never disagree.
  CAF_CHECK_EQUAL(explain_mismatch(xs, labels).has_value(), !result);
  return result;
}

} // namespace

CAF_TEST(rules are read and rendered) {
  CAF_CHECK(parse_label_rule("gpu=yes").value()
            == (label_rule{"gpu", "yes", true}));
  CAF_CHECK(parse_label_rule("zone!=eu-1/a").value()
            == (label_rule{"zone", "eu-1/a", false}));
  for (auto text : {"gpu=yes", "zone!=eu-1/a"})
    CAF_CHECK_EQUAL(to_string(parse_label_rule(text).value()), text);
}

CAF_TEST(anything else is no rule) {
  auto key = std::string(64, 'k');
  auto value = std::string(128, 'v');
  CAF_CHECK(parse_label_rule(key + "=" + value));
  for (auto& text :
       strings{"", "gpu", "=", "gpu=", "=yes", "!=yes", "gpu!yes", "gpu==yes",
               "gpu = yes", "gpu=y es", "g\xC3\xBCpu=yes", "gpu=yes\n",
               "a!=b!=c", "a!!=b", key + "k=v", "k=" + value + "v"}) {
    auto x = parse_label_rule(text);
    CAF_CHECK(!x);
    if (!x)
      CAF_CHECK(x.error().code == ec::invalid_argument);
  }
}

CAF_TEST(labels of nodes are key and value) {
  CAF_CHECK(check_node_label("gpu=yes"));
  for (auto text : {"", "gpu", "gpu!=yes", "=yes", "gpu=", "gpu=a b"})
    CAF_CHECK(!check_node_label(text));
}

CAF_TEST(a node must meet all rules) {
  CAF_CHECK(match({}, {}));
  CAF_CHECK(match({"gpu=yes"}, {"zone=a", "gpu=yes"}));
  CAF_CHECK(!match({"gpu=yes"}, {}));
  CAF_CHECK(!match({"gpu=yes"}, {"gpu=no"}));
  CAF_CHECK(!match({"gpu=yes", "zone=a"}, {"gpu=yes"}));
  CAF_CHECK(match({"zone!=a"}, {}));
  CAF_CHECK(match({"zone!=a"}, {"zone=b"}));
  CAF_CHECK(!match({"zone!=a"}, {"zone=a"}));
}

CAF_TEST(each of several values of a key counts) {
  CAF_CHECK(match({"disk=ssd"}, {"disk=hdd", "disk=ssd"}));
  CAF_CHECK(!match({"disk!=ssd"}, {"disk=hdd", "disk=ssd"}));
}

CAF_TEST(keys are compared as a whole) {
  CAF_CHECK(!match({"gpu=yes"}, {"gpus=yes"}));
  CAF_CHECK(!match({"gpu=yes"}, {"gp=yes"}));
  CAF_CHECK(!match({"gpu=yes"}, {"gpu=yess", "gpu"}));
}

CAF_TEST(the first rule that fails is explained) {
  auto says = [](const strings& texts, const strings& labels,
                 const std::string& expected) {
    auto text = explain_mismatch(rules(texts), labels).value_or("");
    CAF_CHECK_EQUAL(text, expected);
  };
  says({"a=1", "gpu=yes"}, {"a=1", "gpu=no", "gpu=old"},
       "gpu=yes: the node has gpu=no, gpu=old");
  says({"gpu=yes"}, {"gpus=1"}, "gpu=yes: the node has no label 'gpu'");
  says({"zone!=a"}, {"zone=a"}, "zone!=a: the node has zone=a");
}
