#include "eval/combine.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "eval/dispatch.h"
#include "eval/elements.h"

namespace gshard {
namespace {

// Reducers may compute in another type than their operands have (bf16 summed in f32).
Literal argument_of(const Computation& reducer, size_t number, Literal value, int64_t count) {
  const DType type = reducer.parameter(number)->shape().type();
  return convert_elements(std::move(value), type).reshaped(Shape(type, {count}));
}

void set_elements(Literal& array, const std::vector<int64_t>& indices, const Literal& values) {
  with_bytes(array.shape().type(), [&]<class T>() {
    const auto to = array.mutable_values<T>();
    const auto from = values.values<T>();
    for (size_t i = 0; i < indices.size(); ++i) to[static_cast<size_t>(indices[i])] = from[i];
  });
}

void combine_wave(const Computation& reducer, Evaluator& evaluator, const Updates& wave, std::vector<Literal>& to,
                  const std::vector<Literal>& from) {
  std::vector<Literal> a;
  std::vector<Literal> b;
  for (const Literal& array : to) a.push_back(elements_at(array, wave.targets));
  for (const Literal& array : from) b.push_back(elements_at(array, wave.sources));
  const std::vector<Literal> results = combine(reducer, evaluator, std::move(a), std::move(b));
  for (size_t k = 0; k < to.size(); ++k) set_elements(to[k], wave.targets, results[k]);
}

// How many updates of the same target come before each update.
std::vector<int64_t> ranks_of(const std::vector<int64_t>& targets) {
  std::vector<int64_t> order(targets.size());
  std::iota(order.begin(), order.end(), 0);
  const auto target = [&](int64_t i) { return targets[static_cast<size_t>(i)]; };
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return target(a) < target(b); });
  std::vector<int64_t> ranks(targets.size(), 0);
  for (size_t k = 1; k < order.size(); ++k) {
    const bool same = target(order[k]) == target(order[k - 1]);
    ranks[static_cast<size_t>(order[k])] = same ? ranks[static_cast<size_t>(order[k - 1])] + 1 : 0;
  }
  return ranks;
}

}  // namespace

Literal elements_at(const Literal& array, const std::vector<int64_t>& indices) {
  Literal result = Literal::uninitialized(array.shape().with_dims({static_cast<int64_t>(indices.size())}));
  with_bytes(array.shape().type(), [&]<class T>() {
    const auto from = array.values<T>();
    const auto to = result.mutable_values<T>();
    for (size_t i = 0; i < indices.size(); ++i) to[i] = from[static_cast<size_t>(indices[i])];
  });
  return result;
}

std::vector<Literal> combine(const Computation& reducer, Evaluator& evaluator, std::vector<Literal> a,
                             std::vector<Literal> b) {
  const int64_t count = a[0].shape().element_count();
  std::vector<Shape> shapes;
  std::vector<Literal> arguments;
  for (Literal& value : a) {
    shapes.push_back(value.shape());
    arguments.push_back(argument_of(reducer, arguments.size(), std::move(value), count));
  }
  for (Literal& value : b) arguments.push_back(argument_of(reducer, arguments.size(), std::move(value), count));
  std::vector<Literal> results = evaluator.call_lifted(reducer, std::move(arguments), count);
  for (size_t k = 0; k < results.size(); ++k) {
    results[k] = convert_elements(std::move(results[k]), shapes[k].type()).reshaped(shapes[k]);
  }
  return results;
}

void combine_in_order(const Computation& reducer, Evaluator& evaluator, const Updates& updates,
                      std::vector<Literal>& to, const std::vector<Literal>& from) {
  if (updates.targets.empty()) return;
  // Wave w holds the update number w of every target, so that no target occurs twice in one wave.
  const std::vector<int64_t> ranks = ranks_of(updates.targets);
  std::vector<Updates> waves(static_cast<size_t>(*std::max_element(ranks.begin(), ranks.end()) + 1));
  for (size_t i = 0; i < ranks.size(); ++i) {
    Updates& wave = waves[static_cast<size_t>(ranks[i])];
    wave.targets.push_back(updates.targets[i]);
    wave.sources.push_back(updates.sources[i]);
  }
  for (const Updates& wave : waves) combine_wave(reducer, evaluator, wave, to, from);
}

}  // namespace gshard
