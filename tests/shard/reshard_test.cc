#include "shard/reshard.h"

#include <gtest/gtest.h>

#include "eval/simulate.h"
#include "shard/boundary.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

// Every way to deal the digits of a mesh out to the dimensions, in every order, or to none of them.
void deal_digits(const Mesh& mesh, size_t rank, DigitSet left, Sharding now, std::vector<Sharding>& all) {
  all.push_back(now);
  for (size_t digit = 0; digit < mesh.digits().size(); ++digit) {
    const auto d = static_cast<Digit>(digit);
    if ((left & digit_bit(d)) == 0) continue;
    for (size_t dim = 0; dim < rank; ++dim) {
      Sharding next = now;
      next.dims[dim].push_back(d);
      // Dimensions are filled from the last that has digits on, so that each sharding comes up once.
      bool later = false;
      for (size_t e = dim + 1; e < rank; ++e) later = later || !now.dims[e].empty();
      if (!later) deal_digits(mesh, rank, left & ~digit_bit(d), next, all);
    }
  }
}

std::vector<Sharding> all_shardings(const Mesh& mesh, size_t rank) {
  std::vector<Sharding> all;
  deal_digits(mesh, rank, mesh.all_digits(), Sharding::replicated(rank), all);
  return all;
}

Literal counting(const Shape& shape) {
  Literal literal{shape};
  int32_t next = 1;
  for (int32_t& value : literal.mutable_values<int32_t>()) value = next++;
  return literal;
}

std::unique_ptr<Module> resharding_module(const Shape& shape, const Sharding& from, const Sharding& to,
                                          const Mesh& mesh) {
  auto module = std::make_unique<Module>("reshard");
  module->mutable_header().num_partitions = mesh.device_count();
  Computation* entry = module->add_computation("main");
  module->set_entry(entry);
  LocalModule program(*module, mesh);
  Emitter emitter(*entry, program);
  const Shape local(shape.type(), shard_sizes(shape.dims(), from, mesh));
  Instruction* value = entry->add(Op::parameter, local, {}, ParameterAttrs{0});
  entry->set_root(emit(reshard_steps(shape.dims(), from, to, mesh), value, emitter));
  module->sort_and_prune_computations();
  return module;
}

void expect_same_value(const Shape& shape, const Sharding& from, const Sharding& to, const Mesh& mesh) {
  const auto module = resharding_module(shape, from, to, mesh);
  verify(*module);
  const Literal whole = counting(shape);
  std::vector<std::vector<Literal>> arguments;
  for (const Literal& shard : scatter(whole, from, mesh)) arguments.push_back({shard});
  const std::vector<Literal> results = simulate(*module, arguments);
  EXPECT_EQ(gather(results, shape, to, mesh), whole)
      << from.to_string(mesh) << " -> " << to.to_string(mesh) << " of " << shape.to_string() << "\n"
      << print(*module);
}

TEST(Reshard, EveryPairOfShardingsKeepsTheValue) {
  struct Case {
    Mesh mesh;
    Dims sizes;
  };
  const Case cases[] = {
      {Mesh({{"a", 2}}), {9, 5, 4}},
      {Mesh({{"a", 2}, {"b", 3}}), {12, 6}},
      {Mesh({{"a", 2}, {"b", 3}}), {7, 5}},
      {Mesh({{"a", 2}, {"b", 4}}), {16, 8}},
      {Mesh({{"a", 2}, {"b", 4}}), {9, 10}},
      {Mesh({{"a", 4}, {"b", 3}}), {5, 13}},
      {Mesh({{"a", 2}, {"b", 2}, {"c", 2}}, {5, 0, 3, 6, 1, 7, 2, 4}), {17, 6}},
  };
  for (const Case& c : cases) {
    const std::vector<Sharding> all = all_shardings(c.mesh, c.sizes.size());
    // All pairs on small meshes; on large ones every sharding meets a few others.
    const size_t step = all.size() > 20 ? all.size() / 7 : 1;
    for (size_t from = 0; from < all.size(); ++from) {
      for (size_t to = from % step; to < all.size(); to += step) {
        expect_same_value(Shape(DType::s32, c.sizes), all[from], all[to], c.mesh);
        if (HasFailure()) return;
      }
    }
  }
}

// The sum over the devices of what they hold must come out, in whatever sharding it is wanted.
TEST(Reshard, PartialValuesAreReduced) {
  const Mesh mesh({{"a", 2}, {"b", 2}});
  const Shape shape(DType::s32, {6, 4});
  for (const Sharding& cut : all_shardings(Mesh({{"a", 2}}), 2)) {
    Sharding from = cut;  // over a; partial over b
    from.partial = digit_bit(1);
    from.reducer = Reducer::add;
    for (const Sharding& to : all_shardings(mesh, 2)) {
      const auto module = resharding_module(shape, from, to, mesh);
      verify(*module);
      Sharding held = cut;
      const Literal whole = counting(shape);
      std::vector<std::vector<Literal>> arguments;
      for (const Literal& shard : scatter(whole, held, mesh)) arguments.push_back({shard});
      Literal twice = whole;
      for (int32_t& value : twice.mutable_values<int32_t>()) value *= 2;
      EXPECT_EQ(gather(simulate(*module, arguments), shape, to, mesh), twice)
          << from.to_string(mesh) << " -> " << to.to_string(mesh) << "\n"
          << print(*module);
    }
  }
}

size_t count(const Module& module, Op op) {
  size_t n = 0;
  for (const auto& instruction : module.entry()->instructions()) n += instruction->op() == op ? 1 : 0;
  return n;
}

TEST(Reshard, TakesOneCollectiveWhereOneIsEnough) {
  const Mesh mesh({{"a", 4}});
  const Shape shape(DType::s32, {8, 16});
  Sharding rows = Sharding::replicated(2);
  rows.dims[0] = mesh.digits_of_axis(0);
  Sharding columns = Sharding::replicated(2);
  columns.dims[1] = mesh.digits_of_axis(0);
  Sharding partial = Sharding::replicated(2);
  partial.partial = mesh.all_digits();
  partial.reducer = Reducer::add;

  const auto exchange = resharding_module(shape, rows, columns, mesh);
  EXPECT_EQ(count(*exchange, Op::all_to_all), 1u);
  EXPECT_EQ(count(*exchange, Op::all_gather), 0u);
  const auto scatter = resharding_module(shape, partial, rows, mesh);
  EXPECT_EQ(count(*scatter, Op::reduce_scatter), 1u);
  EXPECT_EQ(count(*scatter, Op::all_reduce), 0u);
}

// Where digits change places, and where parts of one size become parts of another, nothing is gathered.
TEST(Reshard, MovesPartsWithoutGathering) {
  const Mesh mesh({{"a", 2}, {"b", 2}});
  const auto sharding = [](Digits first, Digits second) {
    Sharding result = Sharding::replicated(2);
    result.dims = {std::move(first), std::move(second)};
    return result;
  };
  struct Case {
    Dims sizes;
    Sharding from;
    Sharding to;
    size_t permutes;
  };
  const Case cases[] = {
      {{8, 8}, sharding({0}, {1}), sharding({1}, {0}), 1},  // the digits of two dimensions are exchanged
      {{8, 8}, sharding({0, 1}, {}), sharding({1, 0}, {}), 1}, {{7, 5}, sharding({0}, {}), sharding({1}, {}), 1},
      {{9, 8}, sharding({0, 1}, {}), sharding({0}, {}), 3},  // 3,3,3,0 -> 5,4
      {{9, 8}, sharding({0}, {}), sharding({0, 1}, {}), 1},
  };
  for (const Case& c : cases) {
    const Shape shape(DType::s32, c.sizes);
    const auto module = resharding_module(shape, c.from, c.to, mesh);
    EXPECT_EQ(count(*module, Op::collective_permute), c.permutes) << print(*module);
    EXPECT_EQ(count(*module, Op::all_gather), 0u) << print(*module);
    expect_same_value(shape, c.from, c.to, mesh);
  }
}

// Parts of other sizes, held by other devices: an all-to-all between the dimensions, then one permutation.
TEST(Reshard, CutsDimensionsByEachOthersAxesWithoutGathering) {
  const Mesh mesh({{"a", 4}, {"b", 2}});
  const Shape shape(DType::s32, {16, 8});
  Sharding from = Sharding::replicated(2);
  from.dims = {{0, 1}, {2}};
  for (const auto& dims : {SmallVector<Digits, 4>{{2}, {0, 1}}, SmallVector<Digits, 4>{{0}, {1, 2}}}) {
    Sharding to = Sharding::replicated(2);
    to.dims = dims;
    const auto module = resharding_module(shape, from, to, mesh);
    EXPECT_EQ(count(*module, Op::all_to_all), 1u) << print(*module);
    EXPECT_EQ(count(*module, Op::collective_permute), 1u) << print(*module);
    EXPECT_EQ(count(*module, Op::all_gather), 0u) << print(*module);
    expect_same_value(shape, from, to, mesh);
  }
}

}  // namespace
}  // namespace gshard
