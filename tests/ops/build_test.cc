#include "ops/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "ops/reducer.h"
#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

const Shape kMatrix(DType::f32, {4, 6});

// Builds one entry computation, verifies it, and reads its text again.
std::unique_ptr<Module> built(const std::vector<Shape>& parameters, const Body& body) {
  auto module = std::make_unique<Module>("built");
  define_entry(*module, "main", parameters, body);
  verify(*module);
  EXPECT_EQ(print(*parse_module(print(*module))), print(*module));
  return module;
}

const Instruction& root_of(const Module& module) { return *module.entry()->root(); }

TEST(Build, AppendsInstructionsWithInferredTypes) {
  const auto module = built({kMatrix}, [](Computation&, Values x) { return transpose(tanh(x[0]), {1, 0}); });
  EXPECT_EQ(root_of(*module).op(), Op::transpose);
  EXPECT_EQ(root_of(*module).shape(), Shape(DType::f32, {6, 4}));
  EXPECT_EQ(module->entry()->size(), 3U);
}

TEST(Build, RemembersTheLineOfTheModel) {
  int line = 0;
  const auto module = built({kMatrix}, [&](Computation&, Values x) {
    line = __LINE__ + 1;
    return negate(x[0]);
  });
  EXPECT_THAT(model_source_of(root_of(*module)), EndsWith("build_test.cc:" + std::to_string(line)));
}

TEST(Build, ErrorsPointToTheModel) {
  Module module("m");
  int line = 0;
  try {
    define(module, "f", {kMatrix, Shape(DType::f32, {4})}, [&](Computation&, Values x) {
      line = __LINE__ + 1;
      return add(x[0], x[1]);
    });
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "add: operand 0 is f32[4,6], operand 1 is f32[4]: sizes must be equal");
    ASSERT_TRUE(error.position().has_value());
    EXPECT_EQ(error.position()->line, line);
    EXPECT_THAT(error.position()->file, EndsWith("build_test.cc"));
  }
  // The instruction that did not fit is gone.
  EXPECT_EQ(module.find("f")->size(), 2U);
}

TEST(Build, NumbersTakeTheTypeAndSizesOfTheOtherOperand) {
  const auto module = built({Shape(DType::bf16, {3})}, [](Computation&, Values x) {
    const Value flags = compare(2, x[0], Direction::LT);
    return select(flags, clamp(0, x[0], 1), -1);
  });
  EXPECT_EQ(root_of(*module).shape(), Shape(DType::bf16, {3}));
  Module other("m");
  EXPECT_THROW(define(other, "f", {}, [](Computation&, Values) { return add(1, 2); }), Error);
}

TEST(Build, RefusesValuesOfOtherComputations) {
  Module module("m");
  Value outside;
  define(module, "f", {kMatrix}, [&](Computation&, Values x) { return outside = x[0]; });
  try {
    define(module, "g", {kMatrix}, [&](Computation&, Values x) { return add(x[0], outside); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("of computation %f, must be of %g"));
  }
  EXPECT_THROW(define(module, "h", {kMatrix}, [&](Computation&, Values) { return outside; }), Error);
  EXPECT_THROW(define(module, "i", {kMatrix}, [&](Computation&, Values) { return negate(Value()); }), Error);
}

TEST(Build, BroadcastsAsNumpyDoes) {
  const auto module = built({Shape(DType::f32, {6}), Shape(DType::f32, {4, 1})}, [](Computation&, Values x) {
    const auto [a, b] = broadcast_together(x[0], x[1]);
    return add(a, b);
  });
  EXPECT_EQ(root_of(*module).shape(), kMatrix);
  // A dimension of size 1 goes away before it is repeated.
  EXPECT_EQ(root_of(*module).operand(1)->operand(0)->op(), Op::reshape);
  Module other("m");
  try {
    define(other, "f", {Shape(DType::f32, {3})}, [](Computation&, Values x) { return broadcast_to(x[0], {2, 4}); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "broadcast: f32[3] cannot be repeated to {2,4}");
  }
}

TEST(Build, MakesReducersOnce) {
  const auto module = built({kMatrix, Shape(DType::s32, {4})}, [](Computation&, Values x) {
    const Value a = reduce(x[0], {0}, Reducer::max);
    const Value b = reduce(a, {0}, Reducer::max);
    return tuple({b, reduce(x[1], {0}, Reducer::max), reduce(x[1], {0}, Reducer::add)});
  });
  EXPECT_EQ(module->computations().size(), 4U);
  EXPECT_EQ(reducer_of(*module->find("maximum_f32")), Reducer::max);
  EXPECT_EQ(reducer_of(*module->find("add_s32")), Reducer::add);
}

TEST(Build, DoesNotTakeAnotherComputationForAReducer) {
  Module module("m");
  const Shape scalar(DType::f32);
  define(module, "add_f32", {scalar, scalar}, [](Computation&, Values x) { return multiply(x[0], x[1]); });
  EXPECT_EQ(reducer_of(reducer_computation(module, Reducer::add, DType::f32)), Reducer::add);
}

TEST(Build, LoopsAndBranches) {
  const auto module = built({Shape(DType::s32), kMatrix}, [](Computation& in, Values x) {
    const Value state = tuple({constant(in, DType::s32, 0), x[1]});
    const Value loop = while_(
        state, [](Computation&, Values s) { return compare(get_tuple_element(s[0], 0), 10, Direction::LT); },
        [](Computation&, Values s) {
          const std::vector<Value> parts = unpack(s[0]);
          return tuple({add(parts[0], 1), multiply(parts[1], 0.5)});
        });
    Module& module = *in.parent();
    Computation& up = define(module, "up", {kMatrix}, [](Computation&, Values v) { return exponential(v[0]); });
    Computation& down = define(module, "down", {kMatrix}, [](Computation&, Values v) { return negate(v[0]); });
    const Value result = get_tuple_element(loop, 1);
    return conditional(x[0], {result, result}, {&up, &down});
  });
  EXPECT_EQ(root_of(*module).shape(), kMatrix);
  // Callees stand before callers, or verify() had refused it.
  EXPECT_EQ(module->computations().back().get(), module->entry());
}

TEST(Build, MovesData) {
  const auto module = built({kMatrix, Shape(DType::s32)}, [](Computation& in, Values x) {
    const Value top = slice_in_dim(x[0], 0, 2, 0);
    const Value padded = pad(top, 0, Padding{{{1, 1, 0}, {0, 0, 0}}});
    const Value both = concatenate({padded, reverse(x[0], {1})}, 0);
    const Value window = dynamic_slice(both, {x[1], x[1]}, {2, 6});
    const Value updated = dynamic_update_slice(both, window, {x[1], x[1]});
    const Value indices = iota(in, Shape(DType::s32, {3}), 0);
    GatherAttrs rows;
    rows.offset_dims = {1};
    rows.collapsed_slice_dims = rows.start_index_map = {0};
    rows.index_vector_dim = 1;
    rows.slice_sizes = {1, 6};
    ScatterAttrs back;
    back.update_window_dims = {1};
    back.inserted_window_dims = back.scatter_dims_to_operand_dims = {0};
    back.index_vector_dim = 1;
    return scatter(updated, indices, gather(updated, indices, rows), back, Reducer::none);
  });
  EXPECT_EQ(root_of(*module).shape(), Shape(DType::f32, {8, 6}));
}

TEST(Build, CollectivesAndTransfers) {
  const auto module = built({kMatrix}, [](Computation& in, Values x) {
    CollectiveAttrs pairs;
    pairs.replica_groups.groups = {{0, 1}};
    pairs.dimensions = {0};
    const Value gathered = all_gather({x[0]}, pairs);
    const Value scattered = reduce_scatter({gathered}, Reducer::add, pairs);
    CollectivePermuteAttrs route;
    route.source_target_pairs = {{{0, 1}}};
    const Value moved = collective_permute_done(collective_permute_start({scattered}, route));
    const Value token = outfeed(moved, after_all(in, {}));
    Computation& twice =
        define(*in.parent(), "twice", {kMatrix}, [](Computation&, Values v) { return add(v[0], v[0]); });
    return tuple({async_done(async_start(twice, {moved})), token});
  });
  EXPECT_EQ(root_of(*module).shape(), Shape::tuple({kMatrix, Shape::token()}));
}

TEST(Build, SortsAndPicksTheLargest) {
  const auto module = built({kMatrix}, [](Computation&, Values x) {
    return tuple({sort(x[0], 1, Direction::GT), topk(x[0], 2), fft(x[0], FftType::RFFT, {6})});
  });
  const Shape top = Shape::tuple({Shape(DType::f32, {4, 2}), Shape(DType::s32, {4, 2})});
  EXPECT_EQ(root_of(*module).shape(), Shape::tuple({kMatrix, top, Shape(DType::c64, {4, 4})}));
}

}  // namespace
}  // namespace gshard
