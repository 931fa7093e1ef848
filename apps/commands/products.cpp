// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "apps/commands/command_list.hpp"
#include "apps/commands/json.hpp"
#include "apps/commands/render.hpp"
#include "apps/commands/text.hpp"

#include <charconv>
#include <string_view>

namespace po = boost::program_options;

namespace coppice {

namespace {

// -- products and shards ------------------------------------------------------

void declare_json(po::options_description& x) {
  x.add_options()("json", "print one JSON object a line");
}

exit_code show_products(context& ctx, bool json) {
  proto::Request request;
  request.mutable_products();
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  if (json)
    for (auto& x : reply.products().products())
      ctx.out << to_json(x) << "\n";
  else
    ctx.out << render_products(reply.products());
  return code;
}

result<action> prepare_products(const arguments& args) {
  if (auto okay = expect_words(args, 0, 0, ""); !okay)
    return okay.error();
  return action{[json = args.has("json")](context& ctx) {
    return show_products(ctx, json);
  }};
}

exit_code show_shards(context& ctx, bool json) {
  proto::Request request;
  request.mutable_shards();
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  if (json)
    for (auto& x : reply.shards().shards())
      ctx.out << to_json(x) << "\n";
  else
    ctx.out << render_shards(reply.shards());
  return code;
}

result<action> prepare_shards(const arguments& args) {
  if (auto okay = expect_words(args, 0, 0, ""); !okay)
    return okay.error();
  return action{
    [json = args.has("json")](context& ctx) { return show_shards(ctx, json); }};
}

// -- product bind -------------------------------------------------------------

/// Reads "2" or "shard-2".
result<uint32_t> parse_shard(std::string_view text) {
  auto digits = text;
  if (constexpr std::string_view prefix = "shard-"; digits.starts_with(prefix))
    digits.remove_prefix(prefix.size());
  uint32_t number = 0;
  auto end = digits.data() + digits.size();
  auto [at, bad] = std::from_chars(digits.data(), end, number);
  if (bad != std::errc{} || at != end)
    return usage_error(quote(text)
                       + " is no shard; 'coppice shards' lists them");
  return number;
}

exit_code bind(context& ctx, const proto::BindRequest& x) {
  proto::Request request;
  *request.mutable_bind() = x;
  proto::Reply reply;
  auto code = exit_code::success;
  if (!ctx.ask(std::move(request), reply, code))
    return code;
  ctx.out << "new tasks of " << printable(x.product()) << " go to shard-"
          << x.shard() << "\n";
  return code;
}

result<action> prepare_bind(const arguments& args) {
  if (auto okay = expect_words(args, 3, 3, "action, product and shard"); !okay)
    return okay.error();
  if (args.words[0] != "bind")
    return usage_error(quote(args.words[0]) + " is not bind");
  auto shard = parse_shard(args.words[2]);
  if (!shard)
    return shard.error();
  proto::BindRequest x;
  x.set_product(args.words[1]);
  x.set_shard(shard.value());
  return action{[x](context& ctx) { return bind(ctx, x); }};
}

} // namespace

const command products_command_info{
  .name = "products",
  .brief = "list the products and the shards that have their tasks",
  .synopsis = "[options]",
  .text = "A product is there from its first task on. The number is the first "
          "one in the ids of\n"
          "its tasks.\n"
          "\n"
          "Example: coppice products\n",
  .declare = declare_json,
  .prepare = prepare_products,
};

const command product_command_info{
  .name = "product",
  .brief = "have new tasks of a product kept by another shard",
  .synopsis = "[options] bind PRODUCT SHARD",
  .text = "The product can be used meanwhile. Tasks that are there stay where "
          "they are, and end\n"
          "there.\n"
          "\n"
          "Example: coppice product bind bank 2\n",
  .declare = nullptr,
  .prepare = prepare_bind,
};

const command shards_command_info{
  .name = "shards",
  .brief = "list the parts of the state and who leads them",
  .synopsis = "[options]",
  .text = "As the manager at hand knows. The group \"cluster\" knows the "
          "managers and products;\n"
          "each shard has the tasks of some products.\n"
          "\n"
          "Example: coppice shards\n",
  .declare = declare_json,
  .prepare = prepare_shards,
};

} // namespace coppice
