// sort and topk: stable, by numbers where the comparator is a plain comparison of one operand, else by running it.
#include <algorithm>
#include <cstring>

#include "eval/arithmetic.h"
#include "eval/dispatch.h"
#include "eval/elements.h"
#include "eval/evaluator.h"
#include "eval/lane_program.h"
#include "eval/merge_sort.h"
#include "eval/topk.h"

namespace gshard {
namespace {

// ---- the sort itself --------------------------------------------------------------------------------------------

// One line of an array along a dimension: the place of its first element, and the steps to the next, in elements.
struct Line {
  size_t first;
  size_t step;
  size_t size;
};

template <class Visit>
void for_lines(const Shape& shape, int64_t dimension, const Visit& visit) {
  const auto d = static_cast<size_t>(dimension);
  const auto inner = static_cast<size_t>(row_major_strides(shape.dims())[d]);
  const auto size = static_cast<size_t>(shape.dim(d));
  const auto count = static_cast<size_t>(shape.element_count());
  for (size_t outer = 0; outer < count; outer += inner * size) {
    for (size_t i = 0; i < inner; ++i) visit(Line{outer + i, inner, size});
  }
}

// ---- comparators ------------------------------------------------------------------------------------------------

// A comparator that only asks whether operand `operand` is less (or greater) on the one side than on the other.
struct PlainComparator {
  size_t operand;
  bool descending;
  bool total_order;
};

const Instruction* behind_copies(const Instruction* value) {
  while (value->op() == Op::copy) value = value->operand(0);
  return value;
}

std::optional<PlainComparator> plain_comparator(const Computation& comparator) {
  const Instruction* root = behind_copies(comparator.root());
  if (root->op() != Op::compare) return std::nullopt;
  const auto& attrs = root->attrs<CompareAttrs>();
  const bool less = attrs.direction == Direction::LT;
  if (!less && attrs.direction != Direction::GT) return std::nullopt;
  const Instruction* x = behind_copies(root->operand(0));
  const Instruction* y = behind_copies(root->operand(1));
  if (x->op() != Op::parameter || y->op() != Op::parameter) return std::nullopt;
  const int64_t left = x->attrs<ParameterAttrs>().number;
  const int64_t right = y->attrs<ParameterAttrs>().number;
  if (left / 2 != right / 2 || left == right) return std::nullopt;
  const bool swapped = left > right;
  return PlainComparator{static_cast<size_t>(left / 2), less == swapped, attrs.type == ComparisonType::TOTALORDER};
}

template <class Key>
struct Item {
  Key key;
  size_t index;
};

// The order of a line by the numbers of its keys, as indices.
template <class Key>
std::vector<size_t> order_of(const Key* keys, const Line& line, bool descending) {
  std::vector<Item<Key>> items(line.size);
  for (size_t i = 0; i < line.size; ++i) items[i] = {keys[line.first + i * line.step], i};
  std::vector<Item<Key>> scratch(line.size);
  const std::span all(items);
  if (descending) {
    merge_sort(all, std::span(scratch), [](const Item<Key>& a, const Item<Key>& b) { return a.key > b.key; });
  } else {
    merge_sort(all, std::span(scratch), [](const Item<Key>& a, const Item<Key>& b) { return a.key < b.key; });
  }
  std::vector<size_t> order(line.size);
  for (size_t i = 0; i < line.size; ++i) order[i] = items[i].index;
  return order;
}

// Integers whose order is the total order of the floats.
Literal total_order_keys(const Literal& floats) {
  const bool wide = floats.shape().type() == DType::f64;
  const Literal values = convert_elements(floats, wide ? DType::f64 : DType::f32);
  Literal keys = Literal::uninitialized(Shape(DType::s64, floats.shape().dims()));
  const std::span<int64_t> out = keys.mutable_values<int64_t>();
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = wide ? total_order_key(values.values<double>()[i]) : total_order_key(values.values<float>()[i]);
  }
  return keys;
}

// The operand as numbers of the widest type of its class.
Literal sort_keys(const Literal& x, bool total_order) {
  const DType type = x.shape().type();
  if (is_floating(type)) return total_order ? total_order_keys(x) : convert_elements(x, DType::f64);
  return convert_elements(x, is_signed_int(type) ? DType::s64 : DType::u64);
}

template <class Visit>
void for_ordered_lines(const Literal& keys, int64_t dimension, bool descending, const Visit& visit) {
  const auto with_keys = [&]<class Key>() {
    const Key* values = keys.values<Key>().data();
    for_lines(keys.shape(), dimension, [&](const Line& line) { visit(line, order_of(values, line, descending)); });
  };
  switch (keys.shape().type()) {
    case DType::s64:
      return with_keys.template operator()<int64_t>();
    case DType::u64:
      return with_keys.template operator()<uint64_t>();
    default:
      return with_keys.template operator()<double>();
  }
}

// ---- sort -------------------------------------------------------------------------------------------------------

void permute_line(Literal& array, const Line& line, std::span<const size_t> order) {
  with_bytes(array.shape().type(), [&]<class T>() {
    T* elements = array.mutable_values<T>().data() + line.first;
    std::vector<T> sorted(line.size);
    for (size_t i = 0; i < line.size; ++i) sorted[i] = elements[order[i] * line.step];
    for (size_t i = 0; i < line.size; ++i) elements[i * line.step] = sorted[i];
  });
}

// Sorts indices by running the comparator on the elements that they stand for.
std::vector<size_t> order_by(LaneProgram& comparator, std::span<const Literal> arrays, const Line& line) {
  struct Source {
    const std::byte* first;
    size_t step;
  };
  std::vector<Source> sources;
  for (const Literal& array : arrays) {
    const auto size = static_cast<size_t>(bytes_of(array.shape().type()));
    sources.push_back({array.bytes() + line.first * size, line.step * size});
  }
  std::vector<const std::byte*> arguments(2 * arrays.size());
  std::byte answer{};
  std::byte* const result = &answer;
  std::vector<size_t> order(line.size);
  for (size_t i = 0; i < line.size; ++i) order[i] = i;
  std::vector<size_t> scratch(line.size);
  merge_sort(std::span(order), std::span(scratch), [&](size_t a, size_t b) {
    for (size_t k = 0; k < sources.size(); ++k) {
      arguments[2 * k] = sources[k].first + a * sources[k].step;
      arguments[2 * k + 1] = sources[k].first + b * sources[k].step;
    }
    comparator.run(arguments, std::span(&result, 1), 1);
    return answer != std::byte{0};
  });
  return order;
}

}  // namespace

Literal eval_sort(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const Computation& comparator = *instruction.callees()[0];
  const int64_t dimension = instruction.attrs<SortAttrs>().dimensions[0];
  const auto permute = [&](const Line& line, const std::vector<size_t>& order) {
    evaluator.check_stop();
    for (Literal& operand : operands) permute_line(operand, line, order);
  };
  const std::optional<PlainComparator> plain = plain_comparator(comparator);
  if (plain && !is_complex(operands[plain->operand].shape().type())) {
    const Literal keys = sort_keys(operands[plain->operand], plain->total_order);
    for_ordered_lines(keys, dimension, plain->descending, permute);
  } else {
    LaneProgram& program = evaluator.lanes_of(comparator);
    for_lines(operands[0].shape(), dimension,
              [&](const Line& line) { permute(line, order_by(program, operands, line)); });
  }
  if (operands.size() == 1) return std::move(operands[0]);
  return Literal::tuple({std::make_move_iterator(operands.begin()), std::make_move_iterator(operands.end())});
}

// ---- topk -------------------------------------------------------------------------------------------------------

Literal top_elements(const Literal& x, int64_t k, bool largest) {
  Dims dims = x.shape().dims();
  dims.back() = k;
  Literal values = Literal::uninitialized(Shape(x.shape().type(), dims));
  Literal indices = Literal::uninitialized(Shape(DType::s32, dims));
  const auto count = static_cast<size_t>(k);
  const Literal keys = sort_keys(x, true);
  const auto last = static_cast<int64_t>(dims.size()) - 1;
  int32_t* index = indices.mutable_values<int32_t>().data();
  with_bytes(x.shape().type(), [&]<class T>() {
    const T* from = x.values<T>().data();
    T* to = values.mutable_values<T>().data();
    for_ordered_lines(keys, last, largest, [&](const Line& line, const std::vector<size_t>& order) {
      for (size_t i = 0; i < count; ++i) {
        *to++ = from[line.first + order[i]];
        *index++ = static_cast<int32_t>(order[i]);
      }
    });
  });
  return Literal::tuple({std::move(values), std::move(indices)});
}

Literal eval_topk(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto& attrs = instruction.attrs<TopKAttrs>();
  return top_elements(operands[0], attrs.k, attrs.largest);
}

}  // namespace gshard
