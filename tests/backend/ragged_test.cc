// ragged-dot on the CPU backend against the evaluator: groups of all sizes, empty ones and such that pass the end.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "equals_evaluator.h"
#include "eval/arguments.h"
#include "parse_verified.h"

namespace gshard {
namespace {

struct Sizes {
  int64_t rows;
  int64_t sums;
  int64_t columns;
  std::vector<int32_t> groups;
};

void expect_equal(const std::string& text, const std::vector<int32_t>& groups) {
  SCOPED_TRACE(text + fmt::format("{}", fmt::join(groups, ",")));
  const auto module = parse_verified(text);
  auto arguments = random_arguments(*module, 1, {Signs::both});
  std::copy(groups.begin(), groups.end(), arguments[2].mutable_values<int32_t>().begin());
  EXPECT_EQ(difference_from_evaluator(*module, arguments), "");
  EXPECT_EQ(steps_of_the_evaluator(*module), "");
}

const std::vector<Sizes> kSizes = {{9, 4, 2, {3, 0, 6}},    {700, 33, 48, {0, 300, 1, 255, 100}},
                                   {64, 130, 17, {20, 90}}, {64, 16, 8, {-3, 5, 1000, 4}},
                                   {1, 1, 1, {1}},          {50, 260, 20, {0, 0, 0}}};

class RaggedDots : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Types, RaggedDots, testing::Values("f32", "bf16"),
                         [](const auto& info) { return info.param; });

TEST_P(RaggedDots, OfRows) {
  for (const Sizes& s : kSizes) {
    const size_t count = s.groups.size();
    expect_equal(fmt::format("HloModule m\nENTRY e {{\n x = {0}[{1},{2}] parameter(0)\n w = {0}[{4},{2},{3}] "
                             "parameter(1)\n n = s32[{4}] parameter(2)\n ROOT y = {0}[{1},{3}] ragged-dot(x, w, n), "
                             "lhs_contracting_dims={{1}}, rhs_contracting_dims={{1}}, lhs_ragged_dims={{0}}, "
                             "rhs_group_dims={{0}}\n}}\n",
                             GetParam(), s.rows, s.sums, s.columns, count),
                 s.groups);
    // As gradients have it: the matrices turned around, the rows of the left in columns.
    expect_equal(fmt::format("HloModule m\nENTRY e {{\n x = {0}[{2},{1}] parameter(0)\n w = {0}[{4},{3},{2}] "
                             "parameter(1)\n n = s32[{4}] parameter(2)\n ROOT y = {0}[{1},{3}] ragged-dot(x, w, n), "
                             "lhs_contracting_dims={{0}}, rhs_contracting_dims={{2}}, lhs_ragged_dims={{1}}, "
                             "rhs_group_dims={{0}}\n}}\n",
                             GetParam(), s.rows, s.sums, s.columns, count),
                 s.groups);
  }
}

// Batches, and a dimension before the rows, each with groups of its own or all with the same.
TEST_P(RaggedDots, OfRowsManyTimes) {
  const auto text = [&](const char* lhs, const char* rhs, const char* sizes, const char* attributes) {
    return fmt::format(
        "HloModule m\nENTRY e {{\n x = {0}{1} parameter(0)\n w = {0}{2} parameter(1)\n n = s32{3} parameter(2)\n "
        "ROOT y = {0}[2,3,9,5] ragged-dot(x, w, n), {4}\n}}\n",
        GetParam(), lhs, rhs, sizes, attributes);
  };
  const std::vector<int32_t> own = {1, 2, 3, 0, 9, 0, 0, 0, 0, 20, 1, 1, 4, -1, 4, 2, 2, 2};
  const char* batch =
      "lhs_batch_dims={0}, lhs_contracting_dims={3}, rhs_batch_dims={0}, rhs_contracting_dims={2}, "
      "lhs_ragged_dims={2}, rhs_group_dims={1}";
  expect_equal(text("[2,3,9,4]", "[2,3,4,5]", "[2,3,3]", batch), own);
  expect_equal(text("[2,3,9,4]", "[2,3,4,5]", "[3]", batch), {4, 1, 3});
  const char* turned =
      "lhs_batch_dims={3}, lhs_contracting_dims={1}, rhs_batch_dims={2}, rhs_contracting_dims={3}, "
      "lhs_ragged_dims={2}, rhs_group_dims={1}";
  expect_equal(text("[3,4,9,2]", "[5,3,2,4]", "[2,3,3]", turned), own);
  const char* both =
      "lhs_batch_dims={1,0}, lhs_contracting_dims={2}, rhs_batch_dims={3,0}, rhs_contracting_dims={1}, "
      "lhs_ragged_dims={3}, rhs_group_dims={2}";
  expect_equal(text("[3,2,4,9]", "[3,4,3,2,5]", "[2,3,3]", both), own);
}

TEST_P(RaggedDots, OfSums) {
  for (const Sizes& s : kSizes) {
    const size_t count = s.groups.size();
    expect_equal(fmt::format("HloModule m\nENTRY e {{\n x = {0}[{1},{2}] parameter(0)\n y = {0}[{1},{3}] "
                             "parameter(1)\n n = s32[{4}] parameter(2)\n ROOT z = {0}[{4},{2},{3}] ragged-dot(x, y, "
                             "n), lhs_contracting_dims={{0}}, rhs_contracting_dims={{0}}, lhs_ragged_dims={{0}}\n}}\n",
                             GetParam(), s.rows, s.sums, s.columns, count),
                 s.groups);
    expect_equal(fmt::format("HloModule m\nENTRY e {{\n x = {0}[{2},{1}] parameter(0)\n y = {0}[{3},{1}] "
                             "parameter(1)\n n = s32[{4}] parameter(2)\n ROOT z = {0}[{4},{2},{3}] ragged-dot(x, y, "
                             "n), lhs_contracting_dims={{1}}, rhs_contracting_dims={{1}}, lhs_ragged_dims={{1}}\n}}\n",
                             GetParam(), s.rows, s.sums, s.columns, count),
                 s.groups);
  }
}

}  // namespace
}  // namespace gshard
