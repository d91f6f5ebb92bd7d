// Ops whose cut dimension is an affine image of a loop, or matches only as a linear index: each device fetches from its
// neighbours what its part of the result is made of.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "count_ops.h"
#include "eval/arguments.h"
#include "eval/simulate.h"
#include "shard/against_the_whole.h"
#include "shard/remap.h"
#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

// What programs call.
constexpr const char* kComputations = R"(
sum { a = f32[] parameter(0) b = f32[] parameter(1) ROOT c = f32[] add(a, b) }
product { a = f32[] parameter(0) b = f32[] parameter(1) ROOT c = f32[] multiply(a, b) }
largest { a = f32[] parameter(0) b = f32[] parameter(1) ROOT c = f32[] maximum(a, b) }
at_least { a = f32[] parameter(0) b = f32[] parameter(1) ROOT c = pred[] compare(a, b), direction=GE }
later { a = f32[] parameter(0) b = f32[] parameter(1) ROOT c = f32[] add(b, b) }
both {
  a = f32[] parameter(0) i = f32[] parameter(1) b = f32[] parameter(2) j = f32[] parameter(3)
  x = f32[] add(a, b) y = f32[] maximum(i, j) ROOT r = (f32[], f32[]) tuple(x, y)
}
)";

std::unique_ptr<Module> program(int64_t devices, const std::string& body) {
  auto module = parse_module(
      fmt::format("HloModule m, num_partitions={}\n{}\nENTRY e {{\n{}\n}}\n", devices, kComputations, body));
  verify(*module);
  return module;
}

// Cut along one dimension by all devices.
std::string cut(size_t rank, size_t dim, int64_t devices) {
  std::string tiles;
  for (size_t d = 0; d < rank; ++d) tiles += fmt::format("{}{}", d > 0 ? "," : "", d == dim ? devices : 1);
  return fmt::format("sharding={{devices=[{}]<=[{}]}}", tiles, devices);
}

void expect_same(const Module& module) {
  const Verdict verdict = against_the_whole(module, random_arguments(module, 7, {Signs::both}), Numbers::widened);
  ASSERT_EQ(verdict.kind, Verdict::Kind::same) << verdict.text;
}

struct Collectives {
  size_t permutes;
  size_t gathers;
  bool operator==(const Collectives&) const = default;
};
void PrintTo(const Collectives& c, std::ostream* out) {
  *out << c.permutes << " permutes, " << c.gathers << " gathers";
}

Collectives collectives_of(const Module& module) {
  const Partitioned local = partition(module);
  return {count(*local.module, Op::collective_permute), count(*local.module, Op::all_gather)};
}

// One op over f32[n] cut along its only dimension; `text` names %x.
std::string line(int64_t n, int64_t out, int64_t devices, const std::string& text) {
  return fmt::format(
      "x = f32[{}] parameter(0), {}\n fill = f32[] parameter(1)\n zero = f32[] constant(0)\n one = f32[] constant(1)\n"
      " low = f32[] constant(-inf)\n ROOT y = f32[{}] {}, {}",
      n, cut(1, 0, devices), out, text, cut(1, 0, devices));
}

// ---- every op, sizes that divide and sizes that do not, parts that are empty --------------------------------------

class Devices : public testing::TestWithParam<int64_t> {};

TEST_P(Devices, SlicesOfAnyStartAndStride) {
  for (const int64_t n : {1, 3, 12, 13, 40}) {
    for (int64_t start = 0; start<n; start += n> 13 ? 7 : 1) {
      for (const int64_t stride : {1, 2, 3, 5}) {
        for (const int64_t end : {n, start + (n - start + 1) / 2}) {
          const int64_t out = (end - start + stride - 1) / stride;
          expect_same(*program(
              GetParam(), line(n, out, GetParam(), fmt::format("slice(x), slice={{[{}:{}:{}]}}", start, end, stride))));
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST_P(Devices, PadsOutsideInsideAndNegative) {
  for (const int64_t n : {1, 3, 12, 13}) {
    for (const int64_t low : {-2, 0, 1, 5, 30}) {
      for (const int64_t high : {-1, 0, 4}) {
        for (const int64_t interior : {0, 1, 2}) {
          const int64_t out = n + low + high + (n - 1) * interior;
          if (out < 1) continue;
          expect_same(*program(GetParam(), line(n, out, GetParam(),
                                                fmt::format("pad(x, fill), padding={}_{}_{}", low, high, interior))));
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST_P(Devices, ReversesAndConcatenations) {
  for (const int64_t n : {1, 2, 5, 12, 13, 16}) {
    const auto join = [&](const std::string& text, int64_t out) {
      expect_same(*program(GetParam(), line(n, out, GetParam(), text)));
    };
    join("reverse(x), dimensions={0}", n);
    join("concatenate(x, x), dimensions={0}", 2 * n);
    join("concatenate(x, x, x), dimensions={0}", 3 * n);
    expect_same(*program(
        GetParam(), fmt::format("x = f32[{}] parameter(0), {}\n z = f32[7] parameter(1), {}\n o = f32[1] parameter(2)\n"
                                " ROOT y = f32[{}] concatenate(z, x, o, z), dimensions={{0}}, {}",
                                n, cut(1, 0, GetParam()), cut(1, 0, GetParam()), n + 15, cut(1, 0, GetParam()))));
    if (HasFatalFailure()) return;
  }
}

TEST_P(Devices, WindowsWithStridesDilationsAndPadding) {
  for (const int64_t n : {6, 12, 13}) {
    for (const char* window :
         {"size=3", "size=3 pad=1_1", "size=2 stride=2", "size=3 stride=2 pad=0_1", "size=3 rhs_dilate=2",
          "size=3 lhs_dilate=2", "size=3 stride=2 pad=2_-1 lhs_dilate=3 rhs_dilate=2",
          "size=2 stride=3 pad=5_4 lhs_dilate=2", "size=1 stride=2"}) {
      for (const char* reducer : {"zero), window={{{}}}, to_apply=sum", "low), window={{{}}}, to_apply=largest",
                                  "fill), window={{{}}}, to_apply=sum", "one), window={{{}}}, to_apply=product",
                                  "fill), window={{{}}}, to_apply=later"}) {
        const std::string text = fmt::format("reduce-window(x, {}", fmt::format(fmt::runtime(reducer), window));
        // The size of the result is what the op infers: a first reading finds it.
        for (int64_t out = 1; out < 40; ++out) {
          std::unique_ptr<Module> module;
          try {
            module = program(GetParam(), line(n, out, GetParam(), text));
          } catch (const Error&) {
            continue;
          }
          expect_same(*module);
          if (HasFatalFailure()) return;
          break;
        }
      }
    }
  }
}

TEST_P(Devices, ReshapesThatMatchOnlyAsLinearIndices) {
  struct Case {
    Dims from;
    Dims to;
  };
  const Case cases[] = {{{5, 3}, {3, 5}},       {{5, 12}, {12, 5}}, {{15, 2}, {30}},        {{30}, {15, 2}},
                        {{7, 1, 3}, {1, 21}},   {{6, 10}, {4, 15}}, {{4, 9, 5}, {6, 6, 5}}, {{1, 14}, {2, 7, 1}},
                        {{2, 3, 7}, {7, 3, 2}}, {{3}, {3, 1}}};
  for (const Case& c : cases) {
    const auto text_of = [](const Dims& dims) { return Shape(DType::f32, dims).to_string(); };
    for (size_t from = 0; from < c.from.size(); ++from) {
      for (size_t to = 0; to < c.to.size(); ++to) {
        expect_same(*program(GetParam(), fmt::format("x = {} parameter(0), {}\n ROOT y = {} reshape(x), {}",
                                                     text_of(c.from), cut(c.from.size(), from, GetParam()),
                                                     text_of(c.to), cut(c.to.size(), to, GetParam()))));
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(Devices, CumulativeReductionsFromEitherEnd) {
  for (const int64_t n : {2, 5, 12, 13, 33}) {
    const std::string forward = fmt::format("window={{size={} pad={}_0}}, to_apply=", n, n - 1);
    const std::string backward = fmt::format("window={{size={} pad=0_{}}}, to_apply=", n + 2, n + 1);
    for (const std::string& window : {forward, backward}) {
      for (const char* start : {"zero), ", "fill), "}) {
        for (const char* reducer : {"sum", "largest", "later"}) {
          expect_same(*program(GetParam(), line(n, n, GetParam(), "reduce-window(x, " + (start + window) + reducer)));
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST_P(Devices, GradientsOfPooling) {
  for (const int64_t n : {6, 12, 13}) {
    for (const auto& [window, pooled] :
         std::vector<std::pair<std::string, int64_t>>{{"size=2 stride=2", (n - 2) / 2 + 1},
                                                      {"size=3", n - 2},
                                                      {"size=3 pad=1_1", n},
                                                      {"size=3 stride=2 pad=1_2", n / 2 + 1},
                                                      {"size=2 stride=3", (n - 2) / 3 + 1},
                                                      {"size=4 stride=3 pad=-1_0", (n - 5) / 3 + 1}}) {
      for (const char* combine : {"sum", "largest"}) {
        expect_same(*program(
            GetParam(),
            fmt::format(
                "x = f32[{}] parameter(0), {}\n g = f32[{}] parameter(1), {}\n fill = f32[] parameter(2)\n ROOT y "
                "= f32[{}] select-and-scatter(x, g, fill), window={{{}}}, select=at_least, scatter={}, {}",
                n, cut(1, 0, GetParam()), pooled, cut(1, 0, GetParam()), n, window, combine, cut(1, 0, GetParam()))));
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(Devices, GradientsOfFilters) {
  for (const int64_t n : {9, 12, 13}) {
    for (const auto& [window, out] : std::vector<std::pair<std::string, int64_t>>{
             {fmt::format("size={} pad=1_1", n), 3},
             {fmt::format("size={}", n - 2), 3},
             {fmt::format("size={} pad=1_1 rhs_dilate=2", (n + 1) / 2), n + 2 - 2 * ((n + 1) / 2 - 1)},
             {fmt::format("size={} stride=2", n - 4), 3}}) {
      expect_same(*program(
          GetParam(),
          fmt::format("x = f32[4,{},3] parameter(0), {}\n g = f32[4,{},5] parameter(1), {}\n ROOT y = f32[3,{},5] "
                      "convolution(x, g), window={{{}}}, dim_labels=f0b_i0o->b0f",
                      n, cut(3, 1, GetParam()), window.substr(5, window.find(' ') - 5), cut(3, 1, GetParam()), out,
                      window)));
      if (HasFatalFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Halo, Devices, testing::Values(2, 3, 4, 8));

// ---- what is sent -------------------------------------------------------------------------------------------------

// GShard, 3.3: a convolution over a cut spatial dimension exchanges halos with both neighbours.
TEST(Halo, AConvolutionFetchesOneRowFromEachNeighbour) {
  const auto module = program(4, R"(
  x = f32[2,16,8,3] parameter(0), sharding={devices=[1,4,1,1]<=[4]}
  k = f32[3,3,3,5] parameter(1), sharding={replicated}
  ROOT y = f32[2,16,8,5] convolution(x, k), window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f
)");
  const Partitioned local = partition(*module);
  for (const auto& instruction : local.module->entry()->instructions()) {
    if (instruction->op() != Op::collective_permute) continue;
    EXPECT_EQ(instruction->shape().dims(), (Dims{2, 1, 8, 3}));
  }
  EXPECT_EQ(collectives_of(*module), (Collectives{2, 0})) << print(*local.module);
  expect_same(*module);
}

TEST(Halo, NothingIsGatheredWhereNeighboursAreEnough) {
  const auto sent = [](int64_t n, int64_t out, const std::string& text) {
    const auto module = program(4, line(n, out, 4, text));
    expect_same(*module);
    return collectives_of(*module);
  };
  EXPECT_EQ(sent(16, 15, "slice(x), slice={[1:16]}"), (Collectives{1, 0}));
  EXPECT_EQ(sent(16, 8, "slice(x), slice={[0:16:2]}"), (Collectives{0, 0}));
  EXPECT_EQ(sent(16, 32, "pad(x, fill), padding=2_-1_1"), (Collectives{1, 0}));
  EXPECT_EQ(sent(16, 32, "pad(x, fill), padding=0_1_1"), (Collectives{0, 0}));
  EXPECT_EQ(sent(16, 16, "reverse(x), dimensions={0}"), (Collectives{1, 0}));
  EXPECT_EQ(sent(13, 13, "reverse(x), dimensions={0}"), (Collectives{2, 0}));
  EXPECT_EQ(sent(16, 8, "reduce-window(x, low), window={size=2 stride=2}, to_apply=largest"), (Collectives{0, 0}));
  EXPECT_EQ(sent(64, 64, "reduce-window(x, zero), window={size=64 pad=63_0}, to_apply=sum"), (Collectives{0, 1}));
  EXPECT_EQ(sent(16, 14, "reduce-window(x, zero), window={size=3}, to_apply=sum"), (Collectives{1, 0}));
}

// Image and gradient lie alike: each device adds up its rows, and the small result is reduced.
TEST(Halo, AFilterGradientIsReduced) {
  const auto module = program(4, R"(
  x = f32[16,64,8,3] parameter(0), sharding={devices=[1,4,1,1]<=[4]}
  g = f32[16,64,8,5] parameter(1), sharding={devices=[1,4,1,1]<=[4]}
  ROOT y = f32[3,3,3,5] convolution(x, g), window={size=64x8 pad=1_1x1_1}, dim_labels=f01b_i01o->b01f
)");
  EXPECT_EQ(collectives_of(*module), (Collectives{2, 0}));
  const Partitioned local = partition(*module);
  EXPECT_EQ(count(*local.module, Op::all_reduce), 1u);
  EXPECT_EQ(count(*local.module, Op::reduce_scatter), 0u) << print(*local.module);
  EXPECT_EQ(local.results[0].sharding.cut(), 0u);  // as the filter
  expect_same(*module);
}

TEST(Halo, APoolingGradientFetchesOnlyTheEdges) {
  const auto module = program(4, R"(
  x = f32[2,64,3] parameter(0), sharding={devices=[1,4,1]<=[4]}
  g = f32[2,64,3] parameter(1), sharding={devices=[1,4,1]<=[4]}
  zero = f32[] constant(0)
  ROOT y = f32[2,64,3] select-and-scatter(x, g, zero), window={size=1x3x1 pad=0_0x1_1x0_0}, select=at_least, scatter=sum, sharding={devices=[1,4,1]<=[4]}
)");
  EXPECT_EQ(collectives_of(*module), (Collectives{4, 0}));
  expect_same(*module);
}

TEST(Halo, AReshapeOfEqualPartsSendsNothing) {
  const auto module = program(4, R"(
  x = f32[15,2] parameter(0), sharding={devices=[4,1]<=[4]}
  ROOT y = f32[30] reshape(x), sharding={devices=[4]<=[4]}
)");
  EXPECT_EQ(collectives_of(*module), (Collectives{0, 0}));
  expect_same(*module);
}

// Two spatial dimensions at once, in a numbering of the devices of their own: corners come through both exchanges.
TEST(Halo, CornersAreExchangedToo) {
  for (const char* devices : {"[1,2,4,1]<=[8]", "[1,4,2,1]<=[2,4]T(1,0)", "[1,2,3,1]0,2,4,1,3,5"}) {
    const int64_t count = std::string(devices).find("<=") == std::string::npos ? 6 : 8;
    for (const char* window : {"size=3x3 pad=1_1x1_1", "size=3x3 stride=2x1 pad=1_1x0_2 rhs_dilate=1x2"}) {
      const std::string result = std::string(window).find("stride") == std::string::npos ? "2,13,10,5" : "2,7,8,5";
      expect_same(*program(
          count,
          fmt::format(
              "x = f32[2,13,10,3] parameter(0), sharding={{devices={}}}\n k = f32[3,3,3,5] parameter(1)\n"
              " ROOT y = f32[{}] convolution(x, k), window={{{}}}, dim_labels=b01f_01io->b01f, sharding={{devices={}}}",
              devices, result, window, devices)));
    }
  }
}

// ---- the remap itself ---------------------------------------------------------------------------------------------

// Any intervals, whether lines or not, on any digits: what is wanted is what comes, and the rest is filled.
TEST(Remap, BringsAnyIntervals) {
  const Mesh mesh({{"a", 2}, {"b", 3}, {"c", 2}}, {3, 1, 0, 2, 4, 5, 11, 10, 9, 7, 8, 6});
  const Digits all_digits[] = {{1}, {2, 0}, {0, 1}, {1, 0, 2}};
  uint64_t random = 1;
  const auto next = [&](int64_t bound) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int64_t>(random >> 33) % bound;
  };
  for (int trial = 0; trial < 300; ++trial) {
    Remap remap;
    remap.dim = static_cast<size_t>(next(2));
    remap.digits = all_digits[next(4)];
    const int64_t parts = mesh.size_of(remap.digits);
    remap.size = next(20);
    remap.shard = (remap.size + parts - 1) / parts + next(2);
    remap.length = 1 + next(8);
    const int64_t step = next(2 * remap.length + 1) - remap.length;
    const int64_t start = next(remap.size + 5) - 5;
    for (int64_t i = 0; i < parts; ++i) {
      remap.wanted.push_back({start + i * step + (trial % 3 == 0 ? next(4) : 0), next(remap.length + 1)});
    }

    Module module("remap");
    module.mutable_header().num_partitions = mesh.device_count();
    Computation* entry = module.add_computation("main");
    module.set_entry(entry);
    LocalModule local(module, mesh);
    Emitter emitter(*entry, local);
    Dims dims = {2, 2};
    dims[remap.dim] = remap.shard;
    Instruction* value = entry->add(Op::parameter, Shape(DType::s32, dims), {}, ParameterAttrs{0});
    Instruction* fill = emitter.scalar_s32(-1);
    entry->set_root(emit(remap, value, fill, emitter));
    module.sort_and_prune_computations();
    verify(module);

    // Element e of the dimension is e + 1 everywhere; beyond its end there is poison.
    std::vector<std::vector<Literal>> arguments;
    std::vector<int64_t> index_of;
    for (int64_t device = 0; device < mesh.device_count(); ++device) {
      int64_t position = 0;
      while (mesh.device_order()[static_cast<size_t>(position)] != device) ++position;
      int64_t index = 0;
      for (const Digit d : remap.digits)
        index = index * mesh.digits()[d].size + position / mesh.digits()[d].stride % mesh.digits()[d].size;
      index_of.push_back(index);
      Literal shard{Shape(DType::s32, dims)};
      for (int64_t e = 0; e < shard.shape().element_count(); ++e) {
        const int64_t global = index * remap.shard + (remap.dim == 0 ? e / 2 : e % remap.shard);
        shard.mutable_values<int32_t>()[static_cast<size_t>(e)] =
            static_cast<int32_t>(global < remap.size ? global + 1 : -77);
      }
      arguments.push_back({shard});
    }
    const std::vector<Literal> results = simulate(module, arguments);
    for (size_t device = 0; device < results.size(); ++device) {
      const Interval& wanted = remap.wanted[static_cast<size_t>(index_of[device])];
      const auto values = results[device].values<int32_t>();
      for (int64_t e = 0; e < static_cast<int64_t>(values.size()); ++e) {
        const int64_t at = remap.dim == 0 ? e / 2 : e % remap.length;
        const int64_t global = wanted.start + at;
        if (at >= wanted.size) continue;
        const bool real = global >= 0 && global < remap.size;
        ASSERT_EQ(values[static_cast<size_t>(e)], real ? global + 1 : -1)
            << "trial " << trial << ", device " << device << ", element " << e << "\n"
            << print(module);
      }
    }
  }
}

// Of eight parts of two each wants four more elements on either side: two permutes from each side, or everything.
TEST(Traffic, IsCountedInMessages) {
  const Mesh mesh({{"x", 8}});
  Remap remap{0, mesh.digits_of_axis(0), 16, 2, 10, {}};
  for (int64_t part = 0; part < 8; ++part) remap.wanted.push_back({2 * part - 4, 10});
  EXPECT_EQ(traffic_of(remap).messages, 4);
  EXPECT_EQ(traffic_of(remap).elements, 8);
  for (Interval& wanted : remap.wanted) wanted = {0, 16};
  EXPECT_EQ(traffic_of(remap).messages, 3) << "a gather doubles what everybody has";
  EXPECT_EQ(traffic_of(remap).elements, 14);
}

TEST(Traffic, CostsALatencyForEachMessageOnItsOwnAxis) {
  const auto module = program(8, line(16, 16, 8, "reduce-window(x, zero), window={size=9 pad=4_4}, to_apply=sum"));
  const auto permutes_with = [&](Link along_x, Link elsewhere) {
    PartitionOptions options;
    options.machine.link = elsewhere;
    options.machine.axes["x"] = along_x;
    return count(*partition(*module, options).module, Op::collective_permute);
  };
  const Link prompt{1e9, 0};
  const Link late{1e9, 1};
  EXPECT_EQ(permutes_with(prompt, late), 4u);
  EXPECT_EQ(permutes_with(late, prompt), 0u);
}

}  // namespace
}  // namespace gshard
