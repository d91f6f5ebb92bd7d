// The files of printed/ are as XLA's printer wrote them; between them they have every op with each of its attributes.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "module_files.h"
#include "ops/table.h"
#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

const std::string kFolder = GSHARD_TEST_DIR "/text/printed";

TEST(Printed, EachFilePrintsAsItIs) {
  const auto paths = module_files(kFolder);
  ASSERT_FALSE(paths.empty());
  for (const auto& path : paths) {
    SCOPED_TRACE(path);
    const std::string text = content_of(path);
    const auto module = parse_module(text, path.string());
    EXPECT_EQ(print(*module), text);
    EXPECT_EQ(first_difference(*module, *parse_module(print(*module))), "");
  }
}

// "all-gather" for each op that occurs, "all-gather.dimensions" for each attribute that differs from its default.
void collect(const Module& module, std::set<std::string>& seen) {
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      const std::string keyword(keyword_of(instruction->op()));
      seen.insert(keyword);
      std::visit(
          [&]<class Struct>(const Struct& value) {
            [[maybe_unused]] static const Struct kDefaults{};
            const auto collect_field = [&](const auto& field) {
              if (!(value.*field.member == kDefaults.*field.member))
                seen.insert(keyword + "." + std::string(field.name));
            };
            std::apply([&](const auto&... field) { (collect_field(field), ...); }, Struct::fields());
          },
          instruction->attributes());
    }
  }
}

std::set<std::string> all_ops_and_attributes() {
  std::set<std::string> all;
  for (size_t i = 0; i < kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    all.insert(std::string(keyword_of(op)));
    std::visit(
        [&]<class Struct>(const Struct&) {
          const auto collect_field = [&](const auto& field) {
            all.insert(std::string(keyword_of(op)) + "." + std::string(field.name));
          };
          std::apply([&](const auto&... field) { (collect_field(field), ...); }, Struct::fields());
        },
        default_attributes(op));
  }
  return all;
}

// Attributes that a struct has for other ops that share it; XLA does not read them on these.
const std::set<std::string> kOfOthers = {"all-reduce.dimensions",
                                         "all-reduce-start.dimensions",
                                         "all-to-all.use_global_device_ids",
                                         "collective-broadcast.constrain_layout",
                                         "collective-broadcast.dimensions",
                                         "collective-broadcast.use_global_device_ids",
                                         "ragged-all-to-all.constrain_layout",
                                         "ragged-all-to-all.dimensions",
                                         "ragged-all-to-all.use_global_device_ids",
                                         "async-update.async_execution_thread",
                                         "async-update.output_to_operand_aliasing",
                                         "async-done.async_execution_thread",
                                         "async-done.output_to_operand_aliasing"};

TEST(Printed, EveryOpOccursWithEveryAttribute) {
  std::set<std::string> seen;
  for (const auto& path : module_files(kFolder)) collect(*parse_module(content_of(path)), seen);
  for (const std::string& name : all_ops_and_attributes()) {
    EXPECT_NE(seen.contains(name), kOfOthers.contains(name)) << name;
  }
}

}  // namespace
}  // namespace gshard
