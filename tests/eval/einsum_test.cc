// einsum() against sums over its letters.
#include "ops/einsum.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "eval/evaluate.h"

namespace gshard {
namespace {

const std::map<char, int64_t> kSizes = {{'a', 2}, {'b', 3}, {'c', 4}, {'d', 5}, {'e', 1}};

Shape shape_of(const std::string& labels) {
  Dims dims;
  for (const char letter : labels) dims.push_back(kSizes.at(letter));
  return Shape(DType::f32, dims);
}

// Small integers, so that every order of summation gives the same bits.
Literal some_values(const Shape& shape, int seed) {
  Literal literal(shape);
  int next = seed;
  for (float& value : literal.mutable_values<float>()) value = static_cast<float>((next = (next * 37 + 11) % 17) - 8);
  return literal;
}

int64_t offset_of(const std::string& labels, const std::map<char, int64_t>& at) {
  int64_t offset = 0;
  for (const char letter : labels) offset = offset * kSizes.at(letter) + at.at(letter);
  return offset;
}

// One loop over all letters.
Literal summed(const std::vector<std::string>& labels, const std::string& result,
               const std::vector<Literal>& operands) {
  Literal total(shape_of(result));
  std::map<char, int64_t> at;
  for (const std::string& names : labels) {
    for (const char letter : names) at[letter] = 0;
  }
  for (bool more = true; more;) {
    float product = 1;
    for (size_t k = 0; k < operands.size(); ++k) {
      product *= operands[k].values<float>()[static_cast<size_t>(offset_of(labels[k], at))];
    }
    total.mutable_values<float>()[static_cast<size_t>(offset_of(result, at))] += product;
    more = false;
    for (auto& [letter, index] : at) {
      if (++index < kSizes.at(letter)) {
        more = true;
        break;
      }
      index = 0;
    }
  }
  return total;
}

void check(const std::vector<std::string>& labels, const std::string& result) {
  std::string equation = labels[0];
  std::vector<Shape> shapes{shape_of(labels[0])};
  std::vector<Literal> operands{some_values(shapes[0], 3)};
  if (labels.size() == 2) {
    equation += "," + labels[1];
    shapes.push_back(shape_of(labels[1]));
    operands.push_back(some_values(shapes[1], 5));
  }
  equation += "->" + result;
  Module module("m");
  define_entry(module, "main", shapes, [&](Computation&, Values x) {
    return x.size() == 1 ? einsum(equation, x[0]) : einsum(equation, x[0], x[1]);
  });
  EXPECT_EQ(evaluate(module, operands), summed(labels, result, operands)) << equation;
}

TEST(Einsum, IsTheSumOverItsLetters) {
  for (const char* result : {"ab", "ba", "a", "b", ""}) check({"ab"}, result);
  for (const char* result : {"ac", "ca", "abc", "cab", "b", "", "a"}) check({"ab", "bc"}, result);
  for (const char* result : {"bacd", "acbd", "dabc", "ad", "bd", "dcb"}) check({"abc", "bad"}, result);
  for (const char* result : {"abcd", "dcba", "bd"}) check({"ab", "cd"}, result);
  for (const char* result : {"abe", "eb", ""}) check({"ea", "ab"}, result);
  check({"", "ab"}, "ba");
  check({"abcd", "dcba"}, "cd");
}

}  // namespace
}  // namespace gshard
