// reduce: by strided loops where the reducer is a usual one, else by running it over all results at once.
#include "eval/reduce.h"

#include <algorithm>
#include <cstring>

#include "eval/arithmetic.h"
#include "eval/dispatch.h"
#include "eval/elements.h"
#include "eval/lane_program.h"
#include "ops/reducer.h"

namespace gshard {
namespace {

// ---- the order of elements --------------------------------------------------------------------------------------

// A run of neighbouring dimensions that are all reduced or all kept, as one loop over the operand.
struct Loop {
  size_t size;
  bool reduced;
  size_t result_stride = 0;  // in elements; 0 where it is reduced
};

// The loops over an operand, outermost first, without those of size 1. Elements follow each other in the order of the
// loops.
std::vector<Loop> loops_over(const Dims& dims, const Dims& reduced) {
  std::vector<Loop> loops;
  for (size_t d = 0; d < dims.size(); ++d) {
    const bool is_reduced = std::find(reduced.begin(), reduced.end(), static_cast<int64_t>(d)) != reduced.end();
    if (dims[d] == 1) continue;
    if (!loops.empty() && loops.back().reduced == is_reduced) {
      loops.back().size *= static_cast<size_t>(dims[d]);
    } else {
      loops.push_back({static_cast<size_t>(dims[d]), is_reduced});
    }
  }
  if (loops.empty()) loops.push_back({1, true});
  size_t stride = 1;
  for (size_t i = loops.size(); i-- > 0;) {
    if (loops[i].reduced) continue;
    loops[i].result_stride = stride;
    stride *= loops[i].size;
  }
  return loops;
}

// Calls visit(first element of a row, first element of the result) for every row of the innermost loop.
template <class Visit>
void for_rows(std::span<const Loop> loops, const Visit& visit) {
  const size_t row = loops.back().size;
  SmallVector<size_t, 8> at(loops.size(), 0);
  size_t result = 0;
  for (size_t first = 0;; first += row) {
    visit(first, result);
    size_t level = loops.size() - 1;
    while (level-- > 0) {
      result += loops[level].result_stride;
      if (++at[level] < loops[level].size) break;
      at[level] = 0;
      result -= loops[level].result_stride * loops[level].size;
    }
    if (level == static_cast<size_t>(-1)) return;
  }
}

// ---- usual reducers ---------------------------------------------------------------------------------------------

// What sums of a type are kept in: rounding happens once, at the end.
DType accumulator_type(DType type) {
  if (is_floating(type)) return DType::f64;
  return is_complex(type) ? DType::c128 : type;
}

template <class F>
void with_functor(Reducer reducer, F&& f) {
  switch (reducer) {
    case Reducer::add:
      return f.template operator()<Add>();
    case Reducer::mul:
      return f.template operator()<Multiply>();
    case Reducer::max:
      return f.template operator()<Maximum>();
    case Reducer::min:
      return f.template operator()<Minimum>();
    case Reducer::and_:
      return f.template operator()<And>();
    case Reducer::or_:
      return f.template operator()<Or>();
    case Reducer::xor_:
      return f.template operator()<Xor>();
    case Reducer::none:
      break;
  }
  GSHARD_CHECK(false);
}

// pred is stored as 0 or 1, where sums would leave that range.
Reducer on_pred(Reducer reducer) {
  if (reducer == Reducer::add) return Reducer::or_;
  return reducer == Reducer::mul ? Reducer::and_ : reducer;
}

template <class Combine, class T, class Sum>
void reduce_row(const T* x, size_t n, bool reduced, Sum* sums) {
  constexpr Combine combine;
  if (reduced) {
    Sum sum = *sums;
    for (size_t i = 0; i < n; ++i) sum = combine(sum, static_cast<Sum>(x[i]));
    *sums = sum;
  } else {
    for (size_t i = 0; i < n; ++i) sums[i] = combine(sums[i], static_cast<Sum>(x[i]));
  }
}

template <class Combine, class T, class Sum>
void reduce_rows(const std::byte* x, std::span<const Loop> loops, Sum* sums) {
  const Loop row = loops.back();
  const T* elements = reinterpret_cast<const T*>(x);
  for_rows(loops, [&](size_t first, size_t result) {
    reduce_row<Combine>(elements + first, row.size, row.reduced, sums + result);
  });
}

// Floats narrower than f32, widened block by block.
template <class Combine>
void reduce_narrow_rows(DType type, const std::byte* x, std::span<const Loop> loops, double* sums) {
  constexpr size_t kBlock = 512;
  const Loop row = loops.back();
  const auto size = static_cast<size_t>(bytes_of(type));
  float wide[kBlock];
  for_rows(loops, [&](size_t first, size_t result) {
    for (size_t done = 0; done < row.size; done += kBlock) {
      const size_t n = std::min(kBlock, row.size - done);
      widen_floats(type, x + (first + done) * size, wide, n);
      reduce_row<Combine>(wide, n, row.reduced, sums + result + (row.reduced ? 0 : done));
    }
  });
}

template <class Combine>
void reduce_elements(DType type, const std::byte* x, std::span<const Loop> loops, std::byte* sums) {
  if (is_floating(type) && bits_of(type) < 32) {
    if constexpr (std::invocable<Combine, double, double>) {
      reduce_narrow_rows<Combine>(type, x, loops, reinterpret_cast<double*>(sums));
    }
    return;
  }
  with_number(type, [&]<class T>() {
    using Sum = std::conditional_t<Real<T>, double, std::conditional_t<Complex<T>, std::complex<double>, T>>;
    if constexpr (std::invocable<Combine, Sum, Sum>) {
      reduce_rows<Combine, T, Sum>(x, loops, reinterpret_cast<Sum*>(sums));
    }
  });
}

void reduce_into(Reducer reducer, DType type, const std::byte* x, std::span<const Loop> loops, std::byte* sums) {
  with_functor(type == DType::pred ? on_pred(reducer) : reducer,
               [&]<class Combine>() { reduce_elements<Combine>(type, x, loops, sums); });
}

Literal rounded(Literal sums, DType type) {
  const auto count = static_cast<size_t>(sums.shape().element_count());
  wrap_integers(sums.shape().type(), sums.mutable_bytes(), count);
  return convert_elements(sums, type);
}

Literal reduce_usual(Reducer reducer, const Literal& x, const Literal& start, const Shape& result,
                     const Dims& reduced) {
  const DType sum_type = accumulator_type(x.shape().type());
  Literal sums = filled(Shape(sum_type, result.dims()), convert_elements(start, sum_type));
  if (x.shape().element_count() > 0) {
    reduce_into(reducer, x.shape().type(), x.bytes(), loops_over(x.shape().dims(), reduced), sums.mutable_bytes());
  }
  return rounded(std::move(sums), start.shape().type());
}

// ---- any reducer ------------------------------------------------------------------------------------------------

// The operand's elements as [steps, results]: what is combined first stands first.
Literal steps_major(const Literal& x, std::span<const Loop> loops, size_t results) {
  const bool in_order = loops.size() == 1 || (loops.size() == 2 && loops[0].reduced);
  if (in_order) return x;
  std::vector<Loop> to_steps(loops.begin(), loops.end());
  size_t stride = results;
  for (size_t i = to_steps.size(); i-- > 0;) {
    if (!to_steps[i].reduced) continue;
    to_steps[i].result_stride = stride;
    stride *= to_steps[i].size;
  }
  Literal moved = Literal::uninitialized(x.shape().without_layout());
  const Loop row = to_steps.back();
  with_bytes(x.shape().type(), [&]<class T>() {
    const T* from = x.values<T>().data();
    T* to = moved.mutable_values<T>().data();
    for_rows(std::span<const Loop>(to_steps), [&](size_t first, size_t target) {
      for (size_t i = 0; i < row.size; ++i) to[target + i * row.result_stride] = from[first + i];
    });
  });
  return moved;
}

// Combines element by element, first to last, all results of a block at once.
std::vector<Literal> reduce_any(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const size_t count = operands.size() / 2;
  const Dims& dims = operands[0].shape().dims();
  const std::vector<Loop> loops = loops_over(dims, instruction.attrs<DimensionsAttrs>().dimensions);
  const Shape& shape = instruction.shape().is_tuple() ? instruction.shape().element(0) : instruction.shape();
  const auto results = static_cast<size_t>(shape.element_count());
  const auto elements = static_cast<size_t>(operands[0].shape().element_count());
  LaneProgram& reducer = evaluator.lanes_of(*instruction.callees()[0]);

  // The reducer may compute in another type than its operands have (bf16 summed in f32).
  std::vector<Literal> sums;
  std::vector<Literal> inputs;
  for (size_t k = 0; k < count; ++k) {
    const DType type = reducer.argument_types()[k];
    sums.push_back(filled(Shape(type, shape.dims()), convert_elements(operands[count + k], type)));
    inputs.push_back(convert_elements(operands[k], reducer.argument_types()[count + k]));
    if (elements > 0) inputs.back() = steps_major(inputs.back(), loops, results);
  }
  std::vector<std::byte*> sum_bytes;
  for (Literal& sum : sums) sum_bytes.push_back(sum.mutable_bytes());
  std::vector<const std::byte*> arguments(2 * count);
  std::vector<std::byte*> outputs(count);
  const size_t steps = results > 0 ? elements / results : 0;
  for (size_t first = 0; first < results; first += LaneProgram::kLanes) {
    const size_t n = std::min(LaneProgram::kLanes, results - first);
    for (size_t step = 0; step < steps; ++step) {
      for (size_t k = 0; k < count; ++k) {
        const auto sum_size = static_cast<size_t>(bytes_of(sums[k].shape().type()));
        const auto size = static_cast<size_t>(bytes_of(inputs[k].shape().type()));
        arguments[k] = outputs[k] = sum_bytes[k] + first * sum_size;
        arguments[count + k] = inputs[k].bytes() + (step * results + first) * size;
      }
      if (step % 1024 == 0) evaluator.check_stop();
      reducer.run(arguments, outputs, n);
    }
  }
  for (size_t k = 0; k < count; ++k) sums[k] = convert_elements(sums[k], operands[count + k].shape().type());
  return sums;
}

}  // namespace

bool has_meaning(Reducer reducer, DType type) {
  switch (reducer) {
    case Reducer::none:
      return false;
    case Reducer::add:
    case Reducer::mul:
      return true;
    case Reducer::max:
    case Reducer::min:
      return !is_complex(type);
    default:
      return !is_floating(type) && !is_complex(type);
  }
}

namespace {

// Floats narrower than f32 are combined in f32, which holds 13 more of their bits at least.
template <class Combine>
void combine_narrow(DType type, std::span<const std::byte* const> inputs, size_t n, std::byte* result) {
  constexpr size_t kBlock = 512;
  constexpr Combine combine;
  const auto width = static_cast<size_t>(bytes_of(type));
  alignas(64) std::array<float, kBlock> sums;
  alignas(64) std::array<float, kBlock> next;
  for (size_t first = 0; first < n; first += kBlock) {
    const size_t count = std::min(kBlock, n - first);
    widen_floats(type, inputs[0] + first * width, sums.data(), count);
    for (const std::byte* input : inputs.subspan(1)) {
      widen_floats(type, input + first * width, next.data(), count);
      for (size_t i = 0; i < count; ++i) sums[i] = combine(sums[i], next[i]);
    }
    narrow_floats(type, sums.data(), result + first * width, count);
  }
}

}  // namespace

void combine_block(Reducer reducer, DType type, std::span<const std::byte* const> inputs, size_t n, std::byte* result) {
  if (is_floating(type) && bits_of(type) < 32) {
    return with_functor(reducer, [&]<class Combine>() {
      if constexpr (std::invocable<Combine, float, float>) combine_narrow<Combine>(type, inputs, n, result);
    });
  }
  constexpr size_t kBlock = 512;
  const DType sum_type = accumulator_type(type);
  const auto width = static_cast<size_t>(bytes_of(type));
  alignas(64) std::array<std::byte, kBlock * sizeof(std::complex<double>)> sums;
  for (size_t first = 0; first < n; first += kBlock) {
    const size_t count = std::min(kBlock, n - first);
    const Loop loop{count, false, 1};
    convert_block(type, inputs[0] + first * width, sum_type, sums.data(), count);
    for (const std::byte* input : inputs.subspan(1)) {
      reduce_into(reducer, type, input + first * width, {&loop, 1}, sums.data());
    }
    wrap_integers(sum_type, sums.data(), count);
    convert_block(sum_type, sums.data(), type, result + first * width, count);
  }
}

Literal combined(Reducer reducer, std::span<const Literal* const> arrays) {
  std::vector<const std::byte*> inputs;
  for (const Literal* array : arrays) inputs.push_back(array->bytes());
  Literal sum = Literal::uninitialized(arrays[0]->shape());
  combine_block(reducer, sum.shape().type(), inputs, static_cast<size_t>(sum.shape().element_count()),
                sum.mutable_bytes());
  return sum;
}

Literal eval_reduce(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  if (operands.size() == 2 && !instruction.shape().is_tuple()) {
    const Reducer reducer = reducer_of(*instruction.callees()[0]);
    if (has_meaning(reducer, operands[0].shape().type())) {
      return reduce_usual(reducer, operands[0], operands[1], instruction.shape(),
                          instruction.attrs<DimensionsAttrs>().dimensions);
    }
  }
  std::vector<Literal> results = reduce_any(instruction, operands, evaluator);
  return instruction.shape().is_tuple() ? Literal::tuple(std::move(results)) : std::move(results[0]);
}

}  // namespace gshard
