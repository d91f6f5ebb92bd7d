// gather and scatter, against the definition in the HLO semantics: one element at a time.
#include <gtest/gtest.h>

#include "eval/one_op.h"

namespace gshard {
namespace {

constexpr int kRounds = 300;

bool is_among(const Dims& dims, int64_t d) { return std::find(dims.begin(), dims.end(), d) != dims.end(); }

// Random dimension numbers of a gather; those of a scatter are the same under other names.
struct Indexing {
  Dims operand;
  Dims indices;
  Dims slice_sizes;
  Dims result;  // of gather; of scatter the updates
  GatherAttrs attrs;
  int64_t index_rank = 0;  // components of an index vector

  explicit Indexing(Random& random) {
    operand = random.sizes(static_cast<size_t>(random.between(1, 4)), 1, 5);
    const auto rank = static_cast<int64_t>(operand.size());
    choose_operand_dims(random, rank);
    choose_batch(random);
    choose_index_vector(random);
    choose_result(random);
    attrs.slice_sizes = slice_sizes;
  }

  // The batch dimensions of the result, which are those of the indices without the vectors.
  Dims batch_of(const Dims& index) const {
    Dims batch;
    for (int64_t d = 0; d < static_cast<int64_t>(index.size()); ++d) {
      if (!is_among(attrs.offset_dims, d)) batch.push_back(index[static_cast<size_t>(d)]);
    }
    return batch;
  }

  // Where the window of one batch position begins in the operand.
  Dims start_of(const Dims& batch, const Array& index_values) const {
    Dims start(operand.size(), 0);
    for (int64_t k = 0; k < index_rank; ++k) {
      Dims at = batch;
      if (attrs.index_vector_dim < static_cast<int64_t>(indices.size()))
        at.insert(at.begin() + attrs.index_vector_dim, k);
      start[static_cast<size_t>(attrs.start_index_map[static_cast<size_t>(k)])] =
          static_cast<int64_t>(index_values[at].real());
    }
    for (size_t k = 0; k < attrs.operand_batching_dims.size(); ++k) {
      int64_t d = attrs.start_indices_batching_dims[k];
      if (d > attrs.index_vector_dim) --d;
      start[static_cast<size_t>(attrs.operand_batching_dims[k])] = batch[static_cast<size_t>(d)];
    }
    return start;
  }

  // The position in the window, by dimension of the operand.
  Dims offset_in_window(const Dims& index) const {
    Dims offset(operand.size(), 0);
    size_t next = 0;
    for (int64_t d = 0; d < static_cast<int64_t>(operand.size()); ++d) {
      if (is_among(attrs.collapsed_slice_dims, d) || is_among(attrs.operand_batching_dims, d)) continue;
      offset[static_cast<size_t>(d)] = index[static_cast<size_t>(attrs.offset_dims[next++])];
    }
    return offset;
  }

 private:
  void choose_operand_dims(Random& random, int64_t rank) {
    for (int64_t d = 0; d < rank; ++d) {
      const int64_t kind = random.between(0, 3);
      int64_t size = random.between(1, operand[static_cast<size_t>(d)]);
      if (kind == 0) attrs.collapsed_slice_dims.push_back(d);
      if (kind == 1) attrs.operand_batching_dims.push_back(d);
      if (kind <= 1) size = 1;
      slice_sizes.push_back(size);
    }
    Dims mapped;
    for (int64_t d : random.permutation(static_cast<size_t>(rank))) {
      if (!is_among(attrs.operand_batching_dims, d) && random.between(0, 3) > 0) mapped.push_back(d);
    }
    attrs.start_index_map = mapped;
    index_rank = static_cast<int64_t>(mapped.size());
  }

  // The sizes of the indices without the vectors: each batching dimension of the operand stands somewhere in them.
  void choose_batch(Random& random) {
    indices = random.sizes(static_cast<size_t>(random.between(0, 2)), 0, 4);
    const size_t rank = indices.size() + attrs.operand_batching_dims.size();
    const Dims places = random.permutation(rank);
    Dims sizes(rank);
    for (size_t k = 0; k < rank; ++k) {
      const bool batching = k < attrs.operand_batching_dims.size();
      sizes[static_cast<size_t>(places[k])] = batching ? operand[static_cast<size_t>(attrs.operand_batching_dims[k])]
                                                       : indices[k - attrs.operand_batching_dims.size()];
      if (batching) attrs.start_indices_batching_dims.push_back(places[k]);
    }
    indices = sizes;
  }

  void choose_index_vector(Random& random) {
    result = indices;
    const auto rank = static_cast<int64_t>(indices.size());
    attrs.index_vector_dim = rank;
    if (index_rank == 1 && random.flip()) return;  // scalars as indices
    attrs.index_vector_dim = random.between(0, rank);
    indices.insert(indices.begin() + attrs.index_vector_dim, index_rank);
    for (int64_t& d : attrs.start_indices_batching_dims) d += d >= attrs.index_vector_dim ? 1 : 0;
  }

  // Spreads the window's dimensions among those of the batch.
  void choose_result(Random& random) {
    Dims window;
    for (int64_t d = 0; d < static_cast<int64_t>(operand.size()); ++d) {
      if (!is_among(attrs.collapsed_slice_dims, d) && !is_among(attrs.operand_batching_dims, d)) {
        window.push_back(slice_sizes[static_cast<size_t>(d)]);
      }
    }
    const Dims batch = result;
    result.clear();
    size_t next_window = 0;
    size_t next_batch = 0;
    while (next_window < window.size() || next_batch < batch.size()) {
      const bool takes_window = next_batch == batch.size() || (next_window < window.size() && random.flip());
      if (takes_window) attrs.offset_dims.push_back(static_cast<int64_t>(result.size()));
      result.push_back(takes_window ? window[next_window++] : batch[next_batch++]);
    }
  }
};

ScatterAttrs scatter_attrs(const GatherAttrs& gather) {
  ScatterAttrs scatter;
  scatter.update_window_dims = gather.offset_dims;
  scatter.inserted_window_dims = gather.collapsed_slice_dims;
  scatter.scatter_dims_to_operand_dims = gather.start_index_map;
  scatter.input_batching_dims = gather.operand_batching_dims;
  scatter.scatter_indices_batching_dims = gather.start_indices_batching_dims;
  scatter.index_vector_dim = gather.index_vector_dim;
  return scatter;
}

TEST(Gather, FollowsTheDefinition) {
  Random random(11);
  OneOp op;
  constexpr DType kIndexTypes[] = {DType::s32, DType::s8, DType::u8, DType::s64, DType::u16};
  for (int round = 0; round < kRounds; ++round) {
    const Indexing x(random);
    const DType index_type = kIndexTypes[round % 5];
    const Array operand = random.array(x.operand, -99, 99);
    const Array indices = random.array(x.indices, is_unsigned_int(index_type) ? 0 : -3, 7);
    Array expected(x.result);
    for_each_index(x.result, [&](const Dims& index) {
      const Dims start = x.start_of(x.batch_of(index), indices);
      Dims from = x.offset_in_window(index);
      for (size_t d = 0; d < from.size(); ++d) {
        from[d] += std::clamp<int64_t>(start[d], 0, x.operand[d] - x.slice_sizes[d]);
      }
      expected[index] = operand[from];
    });
    const Literal result = op.run(Op::gather, x.attrs, {operand.literal(DType::f32), indices.literal(index_type)});
    EXPECT_EQ(Array::of(result), expected) << round;
  }
}

TEST(Gather, MovesElementsOfEverySize) {
  Random random(12);
  OneOp op;
  for (const DType type : {DType::pred, DType::f16, DType::s64, DType::c128}) {
    const Array operand = random.array({5, 3}, 0, 1);
    GatherAttrs attrs;
    attrs.offset_dims = {1};
    attrs.collapsed_slice_dims = {0};
    attrs.start_index_map = {0};
    attrs.index_vector_dim = 1;
    attrs.slice_sizes = {1, 3};
    const Array result =
        Array::of(op.run(Op::gather, attrs, {operand.literal(type), Array({1}, 3).literal(DType::s32)}));
    EXPECT_EQ(result.values, std::vector<Number>(operand.values.begin() + 9, operand.values.begin() + 12));
  }
}

TEST(Gather, ClampsTheLargestUnsignedIndex) {
  OneOp op;
  GatherAttrs attrs;
  attrs.start_index_map = {0};
  attrs.collapsed_slice_dims = {0};
  attrs.slice_sizes = {1};
  const Literal operand = Random(1).array({4}, 0, 99).literal(DType::s32);
  Literal index(Shape(DType::u64));
  index.mutable_values<uint64_t>()[0] = ~uint64_t{0};
  const Literal result = op.run(Op::gather, attrs, {operand, index});
  EXPECT_EQ(result.values<int32_t>()[0], operand.values<int32_t>()[3]);
}

// ---- scatter ------------------------------------------------------------------------------------------------------

// What scatter does, with combine(old, update) for one element. Windows follow each other in the order of the indices.
template <class Combine>
Array scattered(const Indexing& x, Array operand, const Array& indices, const Array& updates, Combine&& combine) {
  std::vector<Dims> order;
  for_each_index(x.result, [&](const Dims& index) { order.push_back(index); });
  std::stable_sort(order.begin(), order.end(),
                   [&](const Dims& a, const Dims& b) { return x.batch_of(a) < x.batch_of(b); });
  for (const Dims& index : order) {
    const Dims start = x.start_of(x.batch_of(index), indices);
    Dims to = x.offset_in_window(index);
    bool inside = true;
    for (size_t d = 0; d < to.size(); ++d) {
      inside &= start[d] >= 0 && start[d] + x.slice_sizes[d] <= x.operand[d];
      to[d] += start[d];
    }
    if (inside) operand[to] = combine(operand[to], updates[index]);
  }
  return operand;
}

TEST(Scatter, FollowsTheDefinition) {
  Random random(13);
  OneOp op;
  // 2 a + b tells the order of updates of one element.
  Computation* const twice = op.parsed(R"(a = s32[] parameter(0)
    b = s32[] parameter(1)
    two = s32[] add(a, a)
    ROOT r = s32[] add(two, b))");
  Computation* const replace = op.parsed("a = s32[] parameter(0)\nROOT b = s32[] parameter(1)");
  Computation* const add = op.binary(Op::add, DType::s32);
  Computation* const maximum = op.binary(Op::maximum, DType::s32);
  for (int round = 0; round < kRounds; ++round) {
    const Indexing x(random);
    const Array operand = random.array(x.operand, -9, 9);
    const Array indices = random.array(x.indices, -1, 3);
    const Array updates = random.array(x.result, -9, 9);
    const auto check = [&](Computation* combiner, auto&& combine) {
      const Literal result =
          op.run(Op::scatter, scatter_attrs(x.attrs),
                 {operand.literal(DType::s32), indices.literal(DType::s32), updates.literal(DType::s32)}, {combiner});
      EXPECT_EQ(Array::of(result), scattered(x, operand, indices, updates, combine)) << round;
    };
    check(twice, [](Number a, Number b) { return 2.0 * a + b; });
    check(replace, [](Number, Number b) { return b; });
    check(add, [](Number a, Number b) { return a + b; });
    check(maximum, [](Number a, Number b) { return std::max(a.real(), b.real()); });
  }
}

TEST(Scatter, CombinesSeveralArraysTogether) {
  Random random(14);
  OneOp op;
  // The update wins where its key is larger; the second array goes with the first.
  Computation* const larger = op.parsed(R"(k = s32[] parameter(0)
    v = f32[] parameter(1)
    new_k = s32[] parameter(2)
    new_v = f32[] parameter(3)
    wins = pred[] compare(new_k, k), direction=GT
    key = s32[] select(wins, new_k, k)
    value = f32[] select(wins, new_v, v)
    ROOT r = (s32[], f32[]) tuple(key, value))");
  for (int round = 0; round < kRounds / 3; ++round) {
    const Indexing x(random);
    const Array keys = random.array(x.operand, -9, 9);
    const Array values = random.array(x.operand, -99, 99);
    const Array indices = random.array(x.indices, -1, 3);
    const Array new_keys = random.array(x.result, -9, 9);
    const Array new_values = random.array(x.result, -99, 99);
    // Both parts in one number, so that the definition above serves.
    const auto paired = [](Array a, const Array& b) {
      for (size_t i = 0; i < a.values.size(); ++i) a.values[i] = {a.values[i].real(), b.values[i].real()};
      return a;
    };
    const Array expected = scattered(x, paired(keys, values), indices, paired(new_keys, new_values),
                                     [](Number a, Number b) { return b.real() > a.real() ? b : a; });
    const Literal result = op.run(Op::scatter, scatter_attrs(x.attrs),
                                  {keys.literal(DType::s32), values.literal(DType::f32), indices.literal(DType::s32),
                                   new_keys.literal(DType::s32), new_values.literal(DType::f32)},
                                  {larger});
    EXPECT_EQ(paired(Array::of(result.elements()[0]), Array::of(result.elements()[1])), expected) << round;
  }
}

TEST(Scatter, RoundsEverySumToTheOperandsType) {
  OneOp op;
  ScatterAttrs attrs;
  attrs.inserted_window_dims = {0};
  attrs.scatter_dims_to_operand_dims = {0};
  attrs.index_vector_dim = 1;
  // In bf16 256 + 1 is 256 again.
  const Literal result = op.run(
      Op::scatter, attrs,
      {Array({1}, 0).literal(DType::bf16), Array({300}, 0).literal(DType::s32), Array({300}, 1).literal(DType::bf16)},
      {op.binary(Op::add, DType::bf16)});
  EXPECT_EQ(Array::of(result).values[0], 256.0);
}

TEST(Scatter, AppliesMoreUpdatesThanOneBatchInOrder) {
  OneOp op;
  Computation* const replace_if_odd = op.parsed(R"(a = s32[] parameter(0)
    b = s32[] parameter(1)
    one = s32[] constant(1)
    bit = s32[] and(b, one)
    zero = s32[] constant(0)
    odd = pred[] compare(bit, zero), direction=NE
    ROOT r = s32[] select(odd, b, a))");
  const int64_t count = 600000;
  Literal indices(Shape(DType::s32, {count}));
  Literal updates(Shape(DType::s32, {count}));
  std::vector<int32_t> expected(1000, 0);
  for (int64_t i = 0; i < count; ++i) {
    const auto target = static_cast<int32_t>(i * 7919 % 1000);
    indices.mutable_values<int32_t>()[static_cast<size_t>(i)] = target;
    updates.mutable_values<int32_t>()[static_cast<size_t>(i)] = static_cast<int32_t>(i / 3);
    if (i / 3 % 2 == 1) expected[static_cast<size_t>(target)] = static_cast<int32_t>(i / 3);
  }
  ScatterAttrs attrs;
  attrs.inserted_window_dims = {0};
  attrs.scatter_dims_to_operand_dims = {0};
  attrs.index_vector_dim = 1;
  const Literal result =
      op.run(Op::scatter, attrs, {Literal(Shape(DType::s32, {1000})), indices, updates}, {replace_if_odd});
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), result.values<int32_t>().begin()));
}

}  // namespace
}  // namespace gshard
