// Products with one-hot arrays on the CPU backend: no products, and the same numbers.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "autodiff/gradient.h"
#include "backend/cpu/executable.h"
#include "equals_evaluator.h"
#include "eval/arguments.h"
#include "model/moe.h"
#include "runtime/prepare.h"
#include "text/parse.h"

namespace gshard {
namespace {

int count_products(const Module& module) {
  int count = 0;
  for (const cpu::StepReport& step : cpu::Executable::compile(module)->steps()) {
    count += step.text.starts_with("matmul") ? 1 : 0;
  }
  return count;
}

// Two terms [G,S,E,C] of random experts and slots: some meet at one place, some lie outside.
std::unique_ptr<Module> routed(const std::string& type, const std::string& product) {
  std::string text = R"(HloModule m
add { a = f32[] parameter(0)  b = f32[] parameter(1)  ROOT s = f32[] add(a, b) }
ENTRY e {
  expert0 = s32[2,12] parameter(0)
  slot0 = s32[2,12] parameter(1)
  weight0 = f32[2,12] parameter(2)
  expert1 = s32[2,12] parameter(3)
  slot1 = s32[2,12] parameter(4)
  weight1 = f32[2,12] parameter(5)
  x = TYPE[2,12,16] parameter(6)
  y = TYPE[3,2,6,16] parameter(7)
  experts = s32[2,12,3] iota(), iota_dimension=2
  slots = s32[2,12,6] iota(), iota_dimension=2
  zero = f32[] constant(0)
  zeros = f32[2,12,3,6] broadcast(zero), dimensions={}
)";
  for (const int k : {0, 1}) {
    text += fmt::format(R"(  be{0} = s32[2,12,3] broadcast(expert{0}), dimensions={{0,1}}
  pe{0} = pred[2,12,3] compare(experts, be{0}), direction=EQ
  he{0} = f32[2,12,3] convert(pe{0})
  w{0} = f32[2,12,3] broadcast(weight{0}), dimensions={{0,1}}
  m{0} = f32[2,12,3] multiply(he{0}, w{0})
  bs{0} = s32[2,12,6] broadcast(slot{0}), dimensions={{0,1}}
  ps{0} = pred[2,12,6] compare(bs{0}, slots), direction=EQ
  hs{0} = f32[2,12,6] convert(ps{0})
  bm{0} = f32[2,12,3,6] broadcast(m{0}), dimensions={{0,1,2}}
  bh{0} = f32[2,12,3,6] broadcast(hs{0}), dimensions={{0,1,3}}
  t{0} = f32[2,12,3,6] multiply(bm{0}, bh{0})
)",
                        k);
  }
  text += R"(  sum = f32[2,12,3,6] add(t0, t1)
  combine = TYPE[2,12,3,6] convert(sum)
  positive = pred[2,12,3,6] compare(sum, zeros), direction=GT
  mask = TYPE[2,12,3,6] convert(positive)
  yt = TYPE[2,3,6,16] transpose(y), dimensions={1,0,2,3}
)" + product +
          "}\n";
  for (size_t at; (at = text.find("TYPE")) != std::string::npos;) text.replace(at, 4, type);
  return parse_module(text);
}

struct Case {
  const char* name;
  const char* product;
  double slack = 1;  // of a product that the evaluator rounds to bf16 before it is looked at
};

const Case kCases[] = {
    {"rows added up",
     "  ROOT r = TYPE[2,3,6,16] dot(mask, x), lhs_batch_dims={0}, lhs_contracting_dims={1}, rhs_batch_dims={0}, "
     "rhs_contracting_dims={1}\n"},
    {"rows added up by weight, in another order",
     "  d = TYPE[2,3,6,16] dot(combine, x), lhs_batch_dims={0}, lhs_contracting_dims={1}, rhs_batch_dims={0}, "
     "rhs_contracting_dims={1}\n  ROOT r = TYPE[3,2,6,16] transpose(d), dimensions={1,0,2,3}\n"},
    {"rows gathered",
     "  ROOT r = TYPE[2,12,16] dot(mask, yt), lhs_batch_dims={0}, lhs_contracting_dims={2,3}, rhs_batch_dims={0}, "
     "rhs_contracting_dims={1,2}\n"},
    {"rows gathered by weight",
     "  ROOT r = TYPE[2,12,16] dot(combine, yt), lhs_batch_dims={0}, lhs_contracting_dims={2,3}, rhs_batch_dims={0}, "
     "rhs_contracting_dims={1,2}\n"},
    {"numbers that are looked at",
     "  d = TYPE[2,12,3,6] dot(x, yt), lhs_batch_dims={0}, lhs_contracting_dims={2}, rhs_batch_dims={0}, "
     "rhs_contracting_dims={3}\n  wide = f32[2,12,3,6] convert(d)\n  p = f32[2,12,3,6] multiply(wide, bh1)\n"
     "  s = f32[2,12,3] reduce(p, zero), dimensions={3}, to_apply=add\n  q = f32[2,12,3] multiply(s, m1)\n"
     "  ROOT r = f32[2,12] reduce(q, zero), dimensions={2}, to_apply=add\n",
     1000},
};

TEST(OneHotProducts, EqualTheEvaluator) {
  for (const Case& c : kCases) {
    for (const std::string type : {"f32", "bf16"}) {
      SCOPED_TRACE(fmt::format("{} {}", c.name, type));
      const auto module = routed(type, c.product);
      const double slack = type == "bf16" ? c.slack : 1;
      EXPECT_EQ(count_products(*module), 0);
      for (const uint64_t seed : {1, 2, 3}) {
        EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, seed, {Signs::both}), slack), "");
      }
    }
  }
}

TEST(OneHotProducts, OfFewPlacesStayProducts) {
  const auto module = parse_module(R"(HloModule m
ENTRY e {
  i = s32[8] parameter(0)
  x = f32[8,16] parameter(1)
  b = s32[8,4] broadcast(i), dimensions={0}
  n = s32[8,4] iota(), iota_dimension=1
  p = pred[8,4] compare(n, b), direction=EQ
  h = f32[8,4] convert(p)
  ROOT r = f32[4,16] dot(h, x), lhs_contracting_dims={0}, rhs_contracting_dims={0}
})");
  EXPECT_EQ(count_products(*module), 1);
}

// The layer and all its gradients: what is left are the gate's and the experts' products.
TEST(OneHotProducts, AMixtureOfExpertsHasNone) {
  Model model("moe", {.numerics = Numerics::single(), .seed = 3});
  const Tensor x = model.input("x", Shape(DType::f32, {2, 16, 8}));
  const MoeOptions options{.gating = {.experts = 4}, .hidden = 12, .group_size = 16};
  const Tensor y = moe(model.scope() / "moe", x, {}, options);
  std::vector<Value> variables = {x};
  for (const Parameter& weight : model.weights()) variables.push_back(weight.value);
  std::vector<NamedTensor> results = {{"y", y}};
  const std::vector<Value> gradients = gradient(sum(y * y), variables);
  for (size_t i = 0; i < gradients.size(); ++i) results.push_back({fmt::format("gradient_{}", i), gradients[i]});
  const ModelProgram program = std::move(model).finish(results);
  const auto module = prepare(*program.module);
  EXPECT_EQ(count_products(*module), 3 * 3);
  EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1, {Signs::both}), 10), "");
}

// ---- arrays that only look like choices
// ------------------------------------------------------------------------------

void expect_equal(const std::string& text) {
  const auto module = parse_module(text);
  EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1)), "");
}

// A choice of 8 after one of 16: `inner` makes p [10,8,16] of the products d and of the one-hot array fc of places c,
// and `parameter` is what the outer choice reads.
std::string choice_of_choices(const std::string& dims_of_c, const std::string& inner, int parameter) {
  const std::string along = dims_of_c == "10" ? "0" : "0,1";
  return fmt::format(R"(HloModule m
add {{
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT r = f32[] add(a, b)
}}

ENTRY e {{
  x = f32[10,6] parameter(0)
  y = f32[8,16,6] parameter(1)
  d = f32[10,8,16] dot(x, y), lhs_contracting_dims={{1}}, rhs_contracting_dims={{2}}
  ic = s32[10,8,16] iota(), iota_dimension=2
  c = s32[{0}] parameter(2)
  cb = s32[10,8,16] broadcast(c), dimensions={{{1}}}
  qc = pred[10,8,16] compare(ic, cb), direction=EQ
  fc = f32[10,8,16] convert(qc)
{2}  z = f32[] constant(0)
  s = f32[10,8] reduce(p, z), dimensions={{2}}, to_apply=add
  ie = s32[10,8] iota(), iota_dimension=1
  e1 = s32[10] parameter({3})
  eb = s32[10,8] broadcast(e1), dimensions={{0}}
  qe = pred[10,8] compare(ie, eb), direction=EQ
  fe = f32[10,8] convert(qe)
  t = f32[10,8] multiply(s, fe)
  ROOT r = f32[10] reduce(t, z), dimensions={{1}}, to_apply=add
}}
)",
                     dims_of_c, along, inner, parameter);
}

// Weights of the inner choice vary along what the outer one chooses.
TEST(OneHot, WeightsOfAnInnerChoice) {
  expect_equal(choice_of_choices("10",
                                 "  w = f32[10,8] parameter(3)\n  wb = f32[10,8,16] broadcast(w), dimensions={0,1}\n"
                                 "  m = f32[10,8,16] multiply(fc, wb)\n  p = f32[10,8,16] multiply(d, m)\n",
                                 4));
}

// So do the places.
TEST(OneHot, PlacesOfAnInnerChoice) {
  expect_equal(choice_of_choices("10,8", "  p = f32[10,8,16] multiply(d, fc)\n", 3));
}

// A sum of preds is "or": what is chosen twice counts once.
TEST(OneHot, PredsAddedAreOr) {
  expect_equal(R"(HloModule m

ENTRY e {
  i = s32[8,300] iota(), iota_dimension=1
  s = s32[8] parameter(0)
  t = s32[8] parameter(2)
  sb = s32[8,300] broadcast(s), dimensions={0}
  tb = s32[8,300] broadcast(s), dimensions={0}
  q = pred[8,300] compare(i, sb), direction=EQ
  q2 = pred[8,300] compare(i, tb), direction=EQ
  qq = pred[8,300] add(q, q2)
  f = f32[8,300] convert(qq)
  x = f32[300,16] parameter(1)
  ROOT d = f32[8,16] dot(f, x), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}
)");
}

// A counter of 8 bits meets each number twice along 512 places.
TEST(OneHot, CountersThatWrap) {
  expect_equal(R"(HloModule m

ENTRY e {
  i = u8[8,512] iota(), iota_dimension=1
  s = u8[8] parameter(0)
  sb = u8[8,512] broadcast(s), dimensions={0}
  q = pred[8,512] compare(i, sb), direction=EQ
  f = f32[8,512] convert(q)
  x = f32[512,16] parameter(1)
  ROOT d = f32[8,16] dot(f, x), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}
)");
}

// Weights of bf16 meet others of f32: these are not to be rounded.
TEST(OneHot, WeightsRoundedInBetween) {
  expect_equal(R"(HloModule m

ENTRY e {
  i = s32[8,300] iota(), iota_dimension=1
  s = s32[8] parameter(0)
  sb = s32[8,300] broadcast(s), dimensions={0}
  q = pred[8,300] compare(i, sb), direction=EQ
  f = bf16[8,300] convert(q)
  v = bf16[8] parameter(1)
  vb = bf16[8,300] broadcast(v), dimensions={0}
  g = bf16[8,300] multiply(f, vb)
  h = f32[8,300] convert(g)
  w = f32[8] parameter(2)
  wb = f32[8,300] broadcast(w), dimensions={0}
  m = f32[8,300] multiply(h, wb)
  x = f32[300,16] parameter(3)
  ROOT d = f32[8,16] dot(m, x), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}
)");
}

// Sums in which a label chooses one number of each row.
struct Choice {
  std::string name;
  std::string numbers;  // their type
  std::string label;
  std::string labels;    // 6 of them, some of none of 100 numbers
  std::string function;  // of the numbers and themselves
  int along = 1;         // the dimension that is added up, of [6,100] or [100,6]
};

std::ostream& operator<<(std::ostream& out, const Choice& c) { return out << c.name; }

class OneHotChoice : public testing::TestWithParam<Choice> {};

TEST_P(OneHotChoice, IsTheNumber) {
  const Choice& c = GetParam();
  const std::string text = fmt::format(
      R"(HloModule m
sum {{ a = {numbers}[] parameter(0)  b = {numbers}[] parameter(1)  ROOT s = {numbers}[] add(a, b) }}
ENTRY e {{
  x = {numbers}[{sizes}] parameter(0)
  y = {numbers}[{sizes}] {function}
  l = {label}[6] constant({{{labels}}})
  lb = {label}[{sizes}] broadcast(l), dimensions={{{other}}}
  i = {label}[{sizes}] iota(), iota_dimension={along}
  q = pred[{sizes}] compare(i, lb), direction=EQ
  z = {numbers}[] constant(0)
  zb = {numbers}[{sizes}] broadcast(z), dimensions={{}}
  s = {numbers}[{sizes}] select(q, y, zb)
  ROOT r = {numbers}[6] reduce(s, z), dimensions={{{along}}}, to_apply=sum
}}
)",
      fmt::arg("numbers", c.numbers), fmt::arg("sizes", c.along == 1 ? "6,100" : "100,6"), fmt::arg("label", c.label),
      fmt::arg("labels", c.labels), fmt::arg("function", c.function), fmt::arg("along", c.along),
      fmt::arg("other", 1 - c.along));
  expect_equal(text);
  const auto module = parse_module(text);
  // The numbers take 600 operations, as they are counted, and choosing among them and adding up 1,800.
  for (const cpu::StepReport& step : cpu::Executable::compile(*module)->steps()) {
    EXPECT_LT(step.flops, 1000) << step.text;
  }
}

// The logarithms of half of the numbers are NaN, and seldom chosen.
INSTANTIATE_TEST_SUITE_P(
    All, OneHotChoice,
    testing::Values(Choice{"along_rows", "f32", "s32", "0, 99, 100, -1, 50, 3", "add(x, x)"},
                    Choice{"along_columns", "f32", "s32", "0, 99, 100, -1, 50, 3", "add(x, x)", 0},
                    Choice{"beside_nan", "f32", "s32", "0, 99, 100, -1, 50, 3", "log(x)"},
                    Choice{"of_bf16", "bf16", "s32", "0, 99, 100, -1, 50, 3", "add(x, x)"},
                    Choice{"of_integers", "s64", "s32", "0, 99, 100, -1, 50, 3", "add(x, x)"},
                    Choice{"by_bytes", "f32", "s8", "0, 99, 100, -1, 127, -128", "add(x, x)"},
                    Choice{"by_unsigned_bytes", "f32", "u8", "0, 99, 100, 255, 128, 3", "add(x, x)"},
                    Choice{"by_wide_numbers", "f32", "s64", "0, 99, 4294967297, -4294967295, 50, 3", "add(x, x)"}),
    [](const auto& info) { return info.param.name; });

// Rows of f32 that nearly cancel are added up before they are rounded to bf16.
TEST(OneHot, RowsAreRoundedAfterTheirSum) {
  expect_equal(R"(HloModule m

ENTRY e {
  n = s32[2,8] iota(), iota_dimension=1
  s = s32[] parameter(0)
  sb = s32[2,8] broadcast(s), dimensions={}
  q = pred[2,8] compare(n, sb), direction=EQ
  f = f32[2,8] convert(q)
  x = f32[2,3] constant({{1.001, 1.01, 1.1}, {-1, -1, -1}})
  ROOT d = bf16[8,3] dot(f, x), lhs_contracting_dims={0}, rhs_contracting_dims={0}
}
)");
}

TEST(OneHot, TheRoutinesOwnCallIsRefusedInAnInput) {
  const auto module = parse_module(
      "HloModule m\nENTRY e {\n  x = f32[10,6] parameter(0)\n"
      "  ROOT r = f32[4,6] custom-call(x), custom_call_target=\"gshard.sum_rows\"\n}\n");
  EXPECT_THROW(cpu::Executable::compile(*module), Error);
}

}  // namespace
}  // namespace gshard
