#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "ops/samples.h"
#include "ops/table.h"
#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

// The computations that samples call.
constexpr std::string_view kCallees = R"(HloModule samples, num_partitions=8
add { x = f32[] parameter(0)  y = f32[] parameter(1)  ROOT r = f32[] add(x, y) }
add_s32 { x = s32[] parameter(0)  y = s32[] parameter(1)  ROOT r = s32[] add(x, y) }
two { x = f32[] parameter(0)  i = s32[] parameter(1)  y = f32[] parameter(2)  j = s32[] parameter(3)
  v = f32[] add(x, y)  k = s32[] add(i, j)  ROOT r = (f32[], s32[]) tuple(v, k) }
less { x = f32[] parameter(0)  y = f32[] parameter(1)  ROOT r = pred[] compare(x, y), direction=LT }
less_two { x = f32[] parameter(0)  y = f32[] parameter(1)  i = s32[] parameter(2)  j = s32[] parameter(3)
  ROOT r = pred[] compare(x, y), direction=LT }
always { x = f32[4] parameter(0)  ROOT r = pred[] constant(true) }
twice { x = f32[4] parameter(0)  ROOT r = f32[4] add(x, x) }
flatten { x = f32[2,2] parameter(0)  ROOT r = f32[4] reshape(x) }
column { x = f32[4] parameter(0)  ROOT r = f32[4,1] reshape(x) }
sum { x = f32[] parameter(0)  y = f32[] parameter(1)  s = f32[] add(x, y)  ROOT r = (f32[], f32[]) tuple(s, s) }
)";

std::string text_of(const Sample& sample) {
  std::string text(kCallees);
  text += "ENTRY main {\n";
  std::istringstream types{std::string(sample.parameters)};
  std::string type;
  for (char name = 'a'; types >> type; ++name) {
    text += std::string("  ") + name + " = " + type + " parameter(" + std::to_string(name - 'a') + ")\n";
  }
  std::string lines(sample.instruction);
  for (size_t end = lines.find("; "); end != lines.npos; end = lines.find("; ")) {
    text += "  " + lines.substr(0, end) + "\n";
    lines.erase(0, end + 2);
  }
  return text + "  ROOT r = " + lines + "\n}\n";
}

// The type of the root, or "error: ..." of reading or verifying.
std::string outcome_of(const Sample& sample) {
  try {
    const auto module = parse_module(text_of(sample));
    verify(*module);
    return module->entry()->root()->shape().to_string();
  } catch (const Error& error) {
    return std::string("error: ") + error.what();
  }
}

Op op_of(const Sample& sample) {
  std::string text(sample.instruction);
  if (const size_t last = text.rfind("; "); last != text.npos) text.erase(0, last + 2);
  // The keyword stands before the parenthesis that follows a letter.
  for (size_t open = text.find('('); open != text.npos; open = text.find('(', open + 1)) {
    size_t start = open;
    while (start > 0 && (std::isalnum(static_cast<unsigned char>(text[start - 1])) != 0 || text[start - 1] == '-')) {
      --start;
    }
    if (const auto op = op_from_keyword(text.substr(start, open - start))) return *op;
  }
  ADD_FAILURE() << "no op in " << text;
  return Op::parameter;
}

std::vector<Sample> all_samples() {
  std::vector<Sample> all;
  for (const auto& family : {pointwise_samples(), movement_samples(), compute_samples(), program_samples()}) {
    all.insert(all.end(), family.begin(), family.end());
  }
  return all;
}

bool is_error(const Sample& sample) { return sample.expected.starts_with("error: "); }

TEST(Infer, DerivesTypesAndRefusesWhatDoesNotFit) {
  for (const Sample& sample : all_samples()) {
    const std::string outcome = outcome_of(sample);
    const bool same = is_error(sample) ? outcome.starts_with(sample.expected) : outcome == sample.expected;
    EXPECT_TRUE(same) << sample.instruction << " of " << sample.parameters << "\n  gives    " << outcome
                      << "\n  expected " << sample.expected;
  }
}

TEST(Infer, MessagesStartWithTheKeyword) {
  for (const Sample& sample : all_samples()) {
    if (!is_error(sample) || sample.expected.starts_with("error: the ")) continue;  // the last are the parser's
    const std::string keyword(keyword_of(op_of(sample)));
    EXPECT_TRUE(sample.expected.starts_with("error: " + keyword + ": ")) << sample.expected;
  }
}

TEST(Infer, EveryOpIsSampled) {
  std::set<Op> derived;
  std::set<Op> refused;
  for (const Sample& sample : all_samples()) (is_error(sample) ? refused : derived).insert(op_of(sample));
  for (size_t i = 0; i < kOpCount; ++i) {
    const auto op = static_cast<Op>(i);
    EXPECT_TRUE(derived.contains(op)) << keyword_of(op) << " has no sample that fits";
    // Nothing that can be written down is wrong with these.
    if (op == Op::parameter || op == Op::constant) continue;
    EXPECT_TRUE(refused.contains(op)) << keyword_of(op) << " has no sample that is refused";
  }
}

// A few lines can describe a tuple of 2^60 arrays.
TEST(Infer, BoundsNestedTuples) {
  const auto nested = [](int levels, const char* operands) {
    std::string text = "HloModule m\nENTRY main {\n  t0 = f32[] parameter(0)\n";
    for (int level = 1; level <= levels; ++level) {
      std::string line = "  t" + std::to_string(level) + " = tuple(" + operands + ")\n";
      for (size_t at = line.find('X'); at != line.npos; at = line.find('X')) {
        line.replace(at, 1, "t" + std::to_string(level - 1));
      }
      text += line;
    }
    return text + "  ROOT r = s32[] constant(1)\n}\n";
  };
  EXPECT_NO_THROW(parse_module(nested(10, "X, X")));
  EXPECT_NO_THROW(parse_module(nested(90, "X")));
  EXPECT_THROW(parse_module(nested(60, "X, X")), Error);
  EXPECT_THROW(parse_module(nested(5000, "X")), Error);
}

}  // namespace
}  // namespace gshard
