#include "backend/cpu/prepare_one_hot.h"

#include <fmt/format.h>

#include <algorithm>

#include "backend/cpu/one_hot.h"
#include "backend/cpu/replace.h"
#include "backend/cpu/strided_view.h"
#include "eval/strided.h"
#include "ir/dims.h"
#include "ops/reducer.h"

namespace gshard::cpu {
namespace {

// Rows are worth it where the product would read at least so many numbers for each that counts.
constexpr int64_t kLeastZeros = 8;

Dims other_dims(const Shape& shape, const Dims& batch, const Dims& contracting) {
  Dims others;
  for (int64_t d = 0; d < static_cast<int64_t>(shape.rank()); ++d) {
    if (!is_among(d, batch) && !is_among(d, contracting)) others.push_back(d);
  }
  return others;
}

bool are_hot(const OneHotTerm& term, const Dims& dims) {
  return std::all_of(dims.begin(), dims.end(), [&](int64_t d) { return term.hot.contains(d); });
}

// ---- rows of an array -----------------------------------------------------------------------------------------------

// An array seen as rows [R,M], in whichever order they stand in memory.
struct Rows {
  Value array;   // of R * M elements
  int64_t size;  // M
  Dims strides;  // in rows, by dimension of the value that it was found for; 0 along the dimensions of a row
  Value all() const { return reshape(array, {array.shape().element_count() / size, size}); }
};

// A view whose `inner` dimensions are rows without gaps.
std::optional<Rows> rows_of(const StridedView& view, const Dims& inner) {
  Rows rows{const_cast<Instruction*>(view.base), 1, Dims(view.dims.size())};
  for (size_t i = inner.size(); i-- > 0;) {
    const StridedDim& loops = view.dims[static_cast<size_t>(inner[i])];
    for (size_t l = loops.size(); l-- > 0;) {
      if (loops[l].size == 1) continue;
      if (loops[l].stride != rows.size) return std::nullopt;
      rows.size *= loops[l].size;
    }
  }
  for (size_t d = 0; d < view.dims.size(); ++d) {
    if (is_among(static_cast<int64_t>(d), inner)) continue;
    int64_t loops = 0;
    for (const StridedLoop& loop : view.dims[d]) {
      if (loop.size == 1) continue;
      if (++loops > 1 || loop.stride % rows.size != 0) return std::nullopt;
      rows.strides[d] = loop.stride / rows.size;
    }
  }
  if (view.offset != 0 || rows.array.shape().element_count() % rows.size != 0) return std::nullopt;
  return rows;
}

bool is_move(Op op) { return op == Op::transpose || op == Op::reshape || op == Op::copy; }

// Seen through as many moves as leave rows whole; moved itself where it has none.
Rows rows_of(Instruction& x, const Dims& outer, const Dims& inner) {
  std::optional<Rows> found;
  std::vector<const Instruction*> chain{&x};
  while (true) {
    std::optional<StridedView> view = StridedView{chain.back(), 0, row_major_view(chain.back()->shape().dims())};
    for (size_t i = chain.size() - 1; i-- > 0 && view;) view = view_through(*chain[i], std::move(*view));
    if (!view) break;
    if (auto rows = rows_of(*view, inner)) found = std::move(rows);
    if (!is_move(chain.back()->op())) break;
    chain.push_back(chain.back()->operand(0));
  }
  if (found) return *std::move(found);
  const Dims order = joined(outer, inner);
  const Value moved = transpose(&x, order);
  Rows rows{moved, product_of(sizes_of(x.shape(), inner)), Dims(x.shape().rank())};
  const Dims strides = row_major_strides(sizes_of(x.shape(), outer));
  for (size_t i = 0; i < outer.size(); ++i) rows.strides[static_cast<size_t>(outer[i])] = strides[i];
  return rows;
}

// The rows in the order of these dimensions.
Value ordered_rows(Instruction& x, const Dims& outer, const Dims& inner) {
  const Dims order = joined(outer, inner);
  const Value moved = std::is_sorted(order.begin(), order.end()) ? Value(&x) : transpose(&x, order);
  return reshape(moved, {product_of(sizes_of(x.shape(), outer)), product_of(sizes_of(x.shape(), inner))});
}

// ---- places and weights ---------------------------------------------------------------------------------------------

// What is not hot, in the order of tokens, and the sizes of the sparse array.
struct Tokens {
  Dims dims;
  Dims sizes;
  int64_t count() const {
    int64_t product = 1;
    for (const int64_t d : dims) product *= sizes[static_cast<size_t>(d)];
    return product;
  }
};

// s32 [tokens]: the row of each, by strides of the sparse array's dimensions; -1 for none.
Value row_numbers(const OneHotTerm& term, const Tokens& tokens, const Dims& strides) {
  Dims hot_strides;
  for (const auto& [dim, factor] : term.hot) hot_strides.push_back(strides[static_cast<size_t>(dim)]);
  const Value place = place_over(term, tokens.dims, tokens.sizes, hot_strides);
  Value row = place;
  for (size_t i = 0; i < tokens.dims.size(); ++i) {
    const int64_t stride = strides[static_cast<size_t>(tokens.dims[i])];
    if (stride == 0) continue;
    row = add(row, multiply(iota(row.computation(), row.shape(), static_cast<int64_t>(i)), stride));
  }
  return reshape(select(compare(place, 0, Direction::GE), row, -1), {tokens.count()});
}

Value weights(const OneHotTerm& term, const Tokens& tokens) {
  return reshape(weight_over(term, tokens.dims, tokens.sizes), {tokens.count()});
}

// f32 [N,M]: rows of [R,M] by their numbers, 0 for those below 0.
Value gathered(Value rows, Value numbers) {
  GatherAttrs attributes;
  attributes.offset_dims = {1};
  attributes.collapsed_slice_dims = {0};
  attributes.start_index_map = {0};
  attributes.index_vector_dim = 1;
  attributes.slice_sizes = {1, rows.dim(1)};
  const Value some = convert(gather(rows, numbers, attributes), DType::f32);
  const Value is_there = broadcast(compare(numbers, 0, Direction::GE), some.dims(), {0});
  return select(is_there, some, 0);
}

// ---- products -------------------------------------------------------------------------------------------------------

bool is_product_type(DType type) { return type == DType::f32 || type == DType::bf16; }
bool is_wide(const Instruction& x) { return x.shape().type() == DType::f32; }

class OneHotProduct {
 public:
  OneHotProduct(Instruction& dot, const UserTable& users)
      : dot_(dot), attrs_(dot.attrs<DotAttrs>()), users_(users), sparse_(*dot.operand(0)), dense_(*dot.operand(1)) {}

  // What is to stand for the dot; null where its first operand is no sum of few terms.
  Instruction* replacement() {
    if (!is_product_type(dense_.shape().type()) || !is_product_type(dot_.shape().type())) return nullptr;
    if (dot_.shape().element_count() == 0 || dense_.shape().element_count() >= INT32_MAX) return nullptr;
    const auto sum = one_hot_sum(sparse_);
    if (!sum || !is_sparse(*sum) || !is_none_hot(sum->front(), attrs_.lhs_batch_dims)) return nullptr;
    const Dims others = other_dims(sparse_.shape(), attrs_.lhs_batch_dims, attrs_.lhs_contracting_dims);
    const Dims& contracted = attrs_.lhs_contracting_dims;
    if (are_hot(sum->front(), contracted) && is_none_hot(sum->front(), others)) return gather_rows(*sum, others);
    if (are_hot(sum->front(), others) && is_none_hot(sum->front(), contracted)) return add_rows(*sum, others);
    return nullptr;
  }

 private:
  bool is_sparse(const OneHotSum& sum) const {
    int64_t places = 1;
    for (const auto& [dim, factor] : sum.front().hot) places *= sparse_.shape().dim(static_cast<size_t>(dim));
    return places >= kLeastZeros * static_cast<int64_t>(sum.size());
  }

  Dims dense_others() const { return other_dims(dense_.shape(), attrs_.rhs_batch_dims, attrs_.rhs_contracting_dims); }

  // Strides of the dense array's rows for the dimensions of the sparse one that it shares.
  Dims shared(const Dims& dense_strides) const {
    Dims strides(sparse_.shape().rank());
    const auto share = [&](const Dims& mine, const Dims& theirs) {
      for (size_t i = 0; i < mine.size(); ++i)
        strides[static_cast<size_t>(mine[i])] = dense_strides[static_cast<size_t>(theirs[i])];
    };
    share(attrs_.lhs_batch_dims, attrs_.rhs_batch_dims);
    share(attrs_.lhs_contracting_dims, attrs_.rhs_contracting_dims);
    return strides;
  }

  // Each token's result is a sum of rows, one per term.
  Instruction* gather_rows(const OneHotSum& sum, const Dims& others) const {
    const Tokens tokens{joined(attrs_.lhs_batch_dims, others), sparse_.shape().dims()};
    const Rows rows = rows_of(dense_, joined(attrs_.rhs_batch_dims, attrs_.rhs_contracting_dims), dense_others());
    const Dims strides = shared(rows.strides);
    Value total;
    for (const OneHotTerm& term : sum) {
      Value row = gathered(rows.all(), row_numbers(term, tokens, strides));
      if (!term.weights.empty()) row = multiply(row, broadcast(weights(term, tokens), row.dims(), {0}));
      total = total.instruction() == nullptr ? row : add(total, row);
    }
    return reshape(convert(total, dot_.shape().type()), dot_.shape().dims()).instruction();
  }

  // Each token's row is added to a row of the result, one per term.
  Instruction* add_rows(const OneHotSum& sum, const Dims& others) const {
    const Tokens tokens{joined(attrs_.lhs_batch_dims, attrs_.lhs_contracting_dims), sparse_.shape().dims()};
    // Rows are not rounded before they are added up.
    const DType type = is_wide(dense_) || is_wide(dot_) ? DType::f32 : DType::bf16;
    const Value x =
        convert(ordered_rows(dense_, joined(attrs_.rhs_batch_dims, attrs_.rhs_contracting_dims), dense_others()), type);
    const Dims order = order_of_result(others.size());
    const Dims sizes = sizes_of(dot_.shape(), order);
    const int64_t row_size = x.dim(1);
    const Dims strides = strides_of_result(order, sizes, row_size, others);
    std::vector<Value> places;
    std::vector<Value> all_weights;
    for (const OneHotTerm& term : sum) {
      places.push_back(reshape(row_numbers(term, tokens, strides), {1, tokens.count()}));
      all_weights.push_back(reshape(weights(term, tokens), {1, tokens.count()}));
    }
    CustomCallAttrs call;
    call.custom_call_target = kSumRows;
    const Shape shape(type, {product_of(sizes) / row_size, row_size});
    const Value sums =
        custom_call(x.computation(), {x, concatenate(places, 0), concatenate(all_weights, 0)}, shape, call);
    const Value rows = convert(sums, dot_.shape().type());
    Dims back(order.size());
    for (size_t i = 0; i < order.size(); ++i) back[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
    const Value result = reshape(rows, sizes);
    return (std::is_sorted(order.begin(), order.end()) ? result : transpose(result, back)).instruction();
  }

  // The order in which the dot's one reader wants its dimensions, if it is a transpose that leaves rows whole.
  Dims order_of_result(size_t hot_count) const {
    const size_t outer = attrs_.lhs_batch_dims.size() + hot_count;
    Dims plain = counting(0, dot_.shape().rank());
    const auto readers = users_.users_of(dot_);
    if (readers.size() != 1 || readers[0]->op() != Op::transpose) return plain;
    const Dims& wanted = readers[0]->attrs<DimensionsAttrs>().dimensions;
    return std::equal(wanted.begin() + static_cast<std::ptrdiff_t>(outer), wanted.end(),
                      plain.begin() + static_cast<std::ptrdiff_t>(outer))
               ? wanted
               : plain;
  }

  // Strides in rows of the result, whose dimensions are batch, hot ones, and those of a row, for those of the sparse
  // array.
  Dims strides_of_result(const Dims& order, const Dims& sizes, int64_t row_size, const Dims& others) const {
    const Dims of_result = row_major_strides(sizes);
    Dims strides(sparse_.shape().rank());
    const Dims named = joined(attrs_.lhs_batch_dims, others);
    for (size_t i = 0; i < order.size(); ++i) {
      const auto dim = static_cast<size_t>(order[i]);
      if (dim < named.size()) strides[static_cast<size_t>(named[dim])] = of_result[i] / row_size;
    }
    return strides;
  }

  Instruction& dot_;
  const DotAttrs& attrs_;
  const UserTable& users_;
  Instruction& sparse_;
  Instruction& dense_;
};

// ---- products of which few numbers are looked at --------------------------------------------------------------------

// A value that is a dot's result, summed over some of its dimensions after one-hot factors left one number of them.
struct Looked {
  Instruction* dot;
  Dims dims;        // of the dot's result, that are left
  OneHotTerm term;  // by dimensions of the dot's result
};

bool is_plain_sum(const Instruction& x) {
  if (x.op() != Op::reduce || x.operand_count() != 2 || !is_zero(*x.operand(1))) return false;
  return reducer_of(*x.callees()[0]) == Reducer::add;
}

// The term by other names of its dimensions.
void add_renamed(const OneHotTerm& term, const Dims& names, OneHotTerm& to) {
  const auto rename = [&](Factor factor) {
    for (int64_t& d : factor.dims) d = names[static_cast<size_t>(d)];
    return factor;
  };
  for (const Factor& weight : term.weights) to.weights.push_back(rename(weight));
  for (const auto& [dim, factor] : term.hot) to.hot.emplace(names[static_cast<size_t>(dim)], rename(factor));
}

std::optional<Looked> looked_at(Instruction& x) {
  if (x.op() == Op::convert && is_floating(x.shape().type())) return looked_at(*x.operand(0));
  if (x.op() == Op::dot) return Looked{&x, counting(0, x.shape().rank()), {}};
  if (!is_plain_sum(x) || x.operand(0)->op() != Op::multiply) return std::nullopt;
  for (const size_t side : {0, 1}) {
    const auto sum = one_hot_sum(*x.operand(0)->operand(side));
    if (!sum || sum->size() != 1) continue;
    auto looked = looked_at(*x.operand(0)->operand(1 - side));
    if (!looked) continue;
    // All that is summed over is hot, and the reverse.
    const Dims& summed = x.attrs<DimensionsAttrs>().dimensions;
    const OneHotTerm& term = sum->front();
    if (!are_hot(term, summed) || term.hot.size() != summed.size()) continue;
    add_renamed(term, looked->dims, looked->term);
    if (!is_cool(looked->term)) continue;
    Dims left;
    for (size_t i = 0; i < looked->dims.size(); ++i) {
      if (!is_among(static_cast<int64_t>(i), summed)) left.push_back(looked->dims[i]);
    }
    looked->dims = std::move(left);
    return looked;
  }
  return std::nullopt;
}

// What is to stand for a sum of numbers that were looked at: each is a sum of products by itself. Null where it is
// none, or where the second operand's rows are not those that the places choose among.
Instruction* sum_by_itself(Instruction& x) {
  if (!is_plain_sum(x) || x.shape().type() != DType::f32) return nullptr;
  const auto looked = looked_at(x);
  if (!looked) return nullptr;
  Instruction& dot = *looked->dot;
  const auto& attrs = dot.attrs<DotAttrs>();
  Instruction& lhs = *dot.operand(0);
  Instruction& rhs = *dot.operand(1);
  if (!is_product_type(lhs.shape().type()) || rhs.shape().element_count() >= INT32_MAX) return nullptr;
  const Dims lhs_others = other_dims(lhs.shape(), attrs.lhs_batch_dims, attrs.lhs_contracting_dims);
  const Dims rhs_others = other_dims(rhs.shape(), attrs.rhs_batch_dims, attrs.rhs_contracting_dims);
  const size_t cool = attrs.lhs_batch_dims.size() + lhs_others.size();
  const Dims places = counting(cool, rhs_others.size());
  if (!are_hot(looked->term, places) || looked->term.hot.size() != places.size()) return nullptr;
  if (product_of(sizes_of(rhs.shape(), rhs_others)) < kLeastZeros) return nullptr;

  const Rows rows = rows_of(rhs, joined(attrs.rhs_batch_dims, rhs_others), attrs.rhs_contracting_dims);
  Dims strides(dot.shape().rank());
  for (size_t i = 0; i < attrs.rhs_batch_dims.size(); ++i)
    strides[i] = rows.strides[static_cast<size_t>(attrs.rhs_batch_dims[i])];
  for (size_t i = 0; i < rhs_others.size(); ++i) strides[cool + i] = rows.strides[static_cast<size_t>(rhs_others[i])];
  const Tokens tokens{counting(0, cool), dot.shape().dims()};
  const Value left = ordered_rows(lhs, joined(attrs.lhs_batch_dims, lhs_others), attrs.lhs_contracting_dims);
  const Value right = gathered(rows.all(), row_numbers(looked->term, tokens, strides));
  const Value sum = reduce(multiply(convert(left, DType::f32), right), {1}, Reducer::add);
  return reshape(multiply(sum, weights(looked->term, tokens)), x.shape().dims()).instruction();
}

// ---- sums of one number -------------------------------------------------------------------------------------------

// The number that is chosen where a one-hot array chooses among those of `x` and zeros, and all of a dimension are
// added up; null for another sum. What stands elsewhere is not looked at, be it NaN.
Instruction* chosen_number(Instruction& x) {
  if (!is_plain_sum(x) || x.operand(0)->op() != Op::select || !is_zero(*x.operand(0)->operand(2))) return nullptr;
  const Dims& summed = x.attrs<DimensionsAttrs>().dimensions;
  const auto sum = one_hot_sum(*x.operand(0)->operand(0));
  if (summed.size() != 1 || !sum || sum->size() != 1) return nullptr;
  const OneHotTerm& term = sum->front();
  if (!term.weights.empty() || term.hot.size() != 1 || !are_hot(term, summed) || !is_cool(term)) return nullptr;
  const Value numbers = x.operand(0)->operand(1);
  const int64_t size = numbers.dim(static_cast<size_t>(summed[0]));
  if (size < kLeastZeros) return nullptr;

  const Dims cool = cool_dims(term, numbers.rank());
  const Value given = spread_over(term.hot.begin()->second, cool, numbers.dims());
  const Value place = given.type() == DType::s32 ? given : convert(given, DType::s64);
  GatherAttrs attributes;
  attributes.collapsed_slice_dims = summed;
  attributes.start_index_map = summed;
  attributes.operand_batching_dims = cool;
  attributes.start_indices_batching_dims = counting(0, cool.size());
  attributes.index_vector_dim = static_cast<int64_t>(cool.size());
  attributes.slice_sizes = Dims(numbers.rank(), 1);
  const Value is_there = and_(compare(place, 0, Direction::GE), compare(place, size, Direction::LT));
  return select(is_there, gather(numbers, place, attributes), 0).instruction();
}

// The routine of kSumRows believes what it is given.
void expect_no_own_calls(const Module& module) {
  for (const auto& computation : module.computations()) {
    for (const auto& x : computation->instructions()) {
      if (x->op() != Op::custom_call || x->attrs<CustomCallAttrs>().custom_call_target != kSumRows) continue;
      throw Error::program(
          fmt::format("%{}: the target \"{}\" is gshard's own, which no input may call", x->name(), kSumRows));
    }
  }
}

}  // namespace

void replace_one_hot(Module& module) {
  expect_no_own_calls(module);
  const size_t count = module.computations().size();
  for (size_t c = 0; c < count; ++c) {
    Computation& computation = *module.computations()[c];
    replace(computation, sum_by_itself);
    replace(computation, chosen_number);
    const UserTable users(computation);
    replace(computation,
            [&](Instruction& x) { return x.op() == Op::dot ? OneHotProduct(x, users).replacement() : nullptr; });
  }
  module.sort_computations();
}

}  // namespace gshard::cpu
