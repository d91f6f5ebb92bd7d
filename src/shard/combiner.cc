#include "shard/combiner.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <random>
#include <vector>

#include "eval/elements.h"
#include "eval/evaluate.h"
#include "ops/table.h"

namespace gshard {
namespace {

// Whether trying it out takes no longer than reading it.
bool is_straight(const Computation& combiner) {
  const auto is_simple = [](const auto& instruction) {
    const Op op = instruction->op();
    return op == Op::parameter || op == Op::constant || op == Op::tuple || op == Op::get_tuple_element ||
           op == Op::copy || has(row_of(op).traits, Traits::pointwise);
  };
  return std::all_of(combiner.instructions().begin(), combiner.instructions().end(), is_simple);
}

// Elements of each operand: what a combiner takes twice, and makes.
using Elements = std::vector<Literal>;

Elements combined(const Computation& combiner, const Elements& a, const Elements& b) {
  Elements arguments = a;
  arguments.insert(arguments.end(), b.begin(), b.end());
  const Literal result = evaluate(combiner, arguments);
  if (!result.shape().is_tuple()) return {result};
  return {result.elements().begin(), result.elements().end()};
}

// Up to what roundings do to small numbers.
bool is_same(const Elements& a, const Elements& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    const auto x = convert_elements(a[i], DType::c128).values<std::complex<double>>()[0];
    const auto y = convert_elements(b[i], DType::c128).values<std::complex<double>>()[0];
    if (x == y || (std::isnan(x.real()) && std::isnan(y.real()))) continue;
    if (!(std::abs(x - y) <= 0.02 * std::max(1.0, std::abs(x)))) return false;
  }
  return true;
}

// Small whole numbers, often equal, in the types of the initial values.
Elements sample(const Elements& like, std::mt19937_64& engine) {
  Elements elements;
  for (const Literal& element : like) {
    const auto number = static_cast<int64_t>(engine() % 6) - (is_unsigned_int(element.shape().type()) ? 0 : 2);
    elements.push_back(convert_elements(Literal::scalar(DType::s64, number), element.shape().type()));
  }
  return elements;
}

bool holds_on_sample(const Computation& f, const Elements& init, std::mt19937_64& engine) {
  const Elements a = sample(init, engine);
  const Elements b = sample(init, engine);
  const Elements c = sample(init, engine);
  const Elements once = combined(f, init, a);
  return is_same(combined(f, combined(f, a, b), c), combined(f, a, combined(f, b, c))) &&
         is_same(combined(f, once, combined(f, init, b)), combined(f, once, b)) &&
         is_same(combined(f, once, init), once);
}

}  // namespace

bool reduces_in_parts(const Instruction& reduce) {
  const size_t count = reduce.operand_count() / 2;
  Elements init;
  for (size_t i = count; i < 2 * count; ++i) {
    if (reduce.operand(i)->op() != Op::constant) return false;
    init.push_back(reduce.operand(i)->attrs<ConstantAttrs>().value);
    if (init.back().is_elided()) return false;
  }
  const Computation& combiner = *reduce.callees()[0];
  if (!is_straight(combiner)) return false;
  std::mt19937_64 engine(1);
  if (!is_same(combined(combiner, init, init), init)) return false;
  for (int trial = 0; trial < 24; ++trial) {
    if (!holds_on_sample(combiner, init, engine)) return false;
  }
  return true;
}

}  // namespace gshard
