// The freedoms of the notation: each text reads as what the canonical one says.
#include <gtest/gtest.h>

#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

std::string canonical(const std::string& text) { return print(*parse_module(text)); }

const std::string kCanonical = R"(HloModule m, entry_computation_layout={(f32[4]{0}, f32[4]{0})->f32[4]{0}}

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %c = f32[] add(%a, %b)
}

ENTRY %main (x: f32[4], y: f32[4]) -> f32[4] {
  %x = f32[4]{0} parameter(0)
  %y = f32[4]{0} parameter(1)
  %all = f32[4]{0} all-reduce(%x), replica_groups={{0,1},{2,3}}, to_apply=%add
  ROOT %z = f32[4]{0} add(%all, %y)
}

)";

TEST(Notation, TheCanonicalTextStays) { EXPECT_EQ(canonical(kCanonical), kCanonical); }

TEST(Notation, PercentSignsSignaturesAndLayoutsMayBeLeftOut) {
  EXPECT_EQ(canonical(R"(HloModule m
add {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}
ENTRY main {
  x = f32[4] parameter(0)
  y = f32[4] parameter(1)
  all = f32[4] all-reduce(x), replica_groups={{0,1},{2,3}}, to_apply=add
  ROOT z = f32[4] add(all, y)
})"),
            kCanonical);
}

TEST(Notation, TypesOfResultsMayBeLeftOutAndThoseOfOperandsWritten) {
  EXPECT_EQ(canonical(R"(HloModule m
add {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = add(f32[] a, f32[] %b)
}
ENTRY main {
  x = f32[4] parameter(0)
  y = f32[4] parameter(1)
  all = all-reduce(f32[4]{0} x), replica_groups={{0,1},{2,3}}, to_apply=add
  ROOT z = add(f32[4] %all, y)
})"),
            kCanonical);
}

TEST(Notation, WhiteSpaceAndCommentsStandAnywhere) {
  std::string spread;
  for (const char c : kCanonical) {
    const bool is_mark = std::string_view("(){}[]=,:").find(c) != std::string_view::npos;
    spread += is_mark ? std::string("\n /*;*/ ") + c + "\t// to the end\n" : std::string(1, c);
  }
  EXPECT_EQ(canonical(spread), kCanonical);
  EXPECT_EQ(canonical("HloModule m ENTRY e{x=f32[4]parameter(0)ROOT y=f32[4]negate(x)}"),
            canonical("HloModule m\nENTRY e {\n  x = f32[4] parameter(0)\n  ROOT y = f32[4] negate(x)\n}\n"));
}

TEST(Notation, TheLastInstructionIsTheRootAndTheLastComputationTheEntry) {
  const auto module =
      parse_module("f {\n  x = f32[] parameter(0)\n}\ng {\n  x = f32[] parameter(0)\n  y = negate(x)\n}\n");
  EXPECT_EQ(module->entry()->name(), "g");
  EXPECT_EQ(module->entry()->root()->name(), "y");
}

TEST(Notation, ComputationsMayStandAfterTheirCallers) {
  const auto module = parse_module(R"(HloModule m
ENTRY main {
  x = f32[] parameter(0)
  ROOT y = f32[] call(x), to_apply=f
}
f {
  x = f32[] parameter(0)
  ROOT y = f32[] call(x), to_apply=g
}
g {
  x = f32[] parameter(0)
  ROOT y = negate(x)
})");
  std::vector<std::string> names;
  for (const auto& computation : module->computations()) names.push_back(computation->name());
  EXPECT_EQ(names, (std::vector<std::string>{"g", "f", "main"}));
}

TEST(Notation, ComputationsAndOperationsMayStandInPlace) {
  EXPECT_EQ(canonical(R"(HloModule m
ENTRY main {
  x = f32[4] parameter(0)
  ROOT y = f32[] reduce(multiply(x, x), f32[] constant(0)), dimensions={0}, to_apply={
    a = f32[] parameter(0)
    b = f32[] parameter(1)
    ROOT c = add(a, b)
  }
})"),
            R"(HloModule m, entry_computation_layout={(f32[4]{0})->f32[]}

%_ (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %c = f32[] add(%a, %b)
}

ENTRY %main (x: f32[4]) -> f32[] {
  %x = f32[4]{0} parameter(0)
  %multiply.anon = f32[4]{0} multiply(%x, %x)
  %constant.anon = f32[] constant(0)
  ROOT %y = f32[] reduce(%multiply.anon, %constant.anon), dimensions={0}, to_apply=%_
}

)");
}

TEST(Notation, ALoneInstructionImpliesItsParameters) {
  EXPECT_EQ(canonical("%y = f32[4] add(f32[4] %a, f32[4] %b)"),
            R"(HloModule module, entry_computation_layout={(f32[4]{0}, f32[4]{0})->f32[4]{0}}

ENTRY %main (a: f32[4], b: f32[4]) -> f32[4] {
  %a = f32[4]{0} parameter(0)
  %b = f32[4]{0} parameter(1)
  ROOT %y = f32[4]{0} add(%a, %b)
}

)");
}

TEST(Notation, AsyncOperationsMayBeWrittenLong) {
  const auto shorter = canonical(R"(HloModule m
ENTRY main {
  x = f32[4] parameter(0)
  s = ((f32[4]), f32[4], u32[]) negate-start(x)
  u = ((f32[4]), f32[4], u32[]) negate-update(s)
  ROOT d = f32[4] negate-done(u)
})");
  const auto longer = canonical(R"(HloModule m
async {
  p = f32[4] parameter(0)
  ROOT n = negate(p)
}
ENTRY main {
  x = f32[4] parameter(0)
  s = ((f32[4]), f32[4], u32[]) async-start(x), calls=async
  u = ((f32[4]), f32[4], u32[]) async-update(s), calls=async
  ROOT d = f32[4] async-done(u), calls=async
})");
  EXPECT_EQ(shorter, longer);
}

TEST(Notation, LiteralsMayBeLeftOutOfThePrint) {
  const auto module =
      parse_module("HloModule m\nENTRY e {\n  ROOT c = s32[11] constant({1,2,3,4,5,6,7,8,9,10,11})\n}\n");
  EXPECT_EQ(print(*module->entry()->root(), {.large_constants = false}), "%c = s32[11]{0} constant({...})");
  EXPECT_EQ(print(*module->entry()->root()), "%c = s32[11]{0} constant({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})");
}

TEST(Notation, ElidedConstantsStayElided) {
  const auto module =
      parse_module("HloModule m\nENTRY e {\n  ROOT c = f32[1000000000,1000000000] constant({...})\n}\n");
  EXPECT_TRUE(module->entry()->root()->attrs<ConstantAttrs>().value.is_elided());
  EXPECT_EQ(print(*module->entry()->root()), "%c = f32[1000000000,1000000000]{1,0} constant({...})");
}

TEST(Notation, MetadataMayBeLeftOutOfThePrint) {
  const auto module =
      parse_module("HloModule m\nENTRY e {\n  ROOT x = f32[] parameter(0), metadata={op_name=\"a\"}\n}\n");
  EXPECT_EQ(print(*module->entry()->root(), {.metadata = false}), "%x = f32[] parameter(0)");
}

TEST(Notation, InstructionsRememberTheirLines) {
  const auto module = parse_module("HloModule m\n\nENTRY e {\n  x = f32[] parameter(0)\n   ROOT %y = negate(x)\n}\n");
  EXPECT_EQ(module->entry()->root()->text_line(), 5);
  EXPECT_EQ(module->entry()->root()->text_column(), 9);
}

TEST(Notation, EqualNotesAndAttributesAreHeldOnce) {
  const auto module = parse_module(R"(ENTRY e {
  x = f32[4] parameter(0), sharding={devices=[4]<=[4]}
  y = reverse(x), dimensions={0}, sharding={devices=[4]<=[4]}
  ROOT z = reverse(y), dimensions={0}, sharding={devices=[4]<=[4]}
})");
  const Computation& entry = *module->entry();
  EXPECT_EQ(entry.at(1)->shared_attributes(), entry.at(2)->shared_attributes());
  EXPECT_EQ(entry.at(0)->notes().sharding, entry.at(2)->notes().sharding);
}

// ---- single shapes, shardings and values ----------------------------------------------------------------------------

TEST(Notation, ShapesStandAlone) {
  EXPECT_EQ(print(parse_shape(" ( s32[] , bf16[4, 4]{0,1:T(8,128) (2,1)} , token[]) ")),
            "(s32[], bf16[4,4]{0,1:T(8,128)(2,1)}, token[])");
  EXPECT_EQ(print(parse_shape("f32[2,3]")), "f32[2,3]{1,0}");
  EXPECT_THROW(parse_shape("f32[2,3] 4"), Error);
}

TEST(Notation, ShardingsStandAlone) {
  EXPECT_EQ(print(parse_sharding("{devices=[2,2]<=[2,2]T(0,1)}")), "{devices=[2,2]<=[4]}");
  EXPECT_EQ(print(parse_sharding("{devices=[4]<=[1,2,2]T(2,0,1)}")), "{devices=[4]<=[2,2]T(1,0)}");
  EXPECT_EQ(print(parse_sharding("{devices=[2,2]<=[4] last_tile_dims={replicated}}")),
            "{devices=[2,2]<=[4] last_tile_dim_replicate}");
  EXPECT_THROW(parse_sharding("{replicated} {manual}"), Error);
}

// What is only kept is written in one line, whatever stood between its words.
TEST(Notation, KeptTextIsTidied) {
  EXPECT_EQ(print(parse_sharding("{ mesh[ 'x' = 2,'y'=4 ],\n[ {'x'}, /*;*/ { } ], replicated={ 'y' } }")),
            "{mesh['x'=2,'y'=4], [{'x'}, {}], replicated={'y'}}");
  EXPECT_EQ(print(parse_sharding("{replicated metadata={ op_name = \"a  {\" // }\n source_line=3 } }")),
            "{replicated metadata={op_name=\"a  {\" source_line=3}}");
  const auto module = parse_module(
      "ENTRY e {\n x = f32[] parameter(0)\n"
      " ROOT y = exponential(x), result_accuracy={\n mode = highest /*}*/ }\n}");
  EXPECT_EQ(print(*module->entry()->root()), "%y = f32[] exponential(%x), result_accuracy={mode=highest}");
}

TEST(Notation, ACommaMayStandBeforeTheAxesOfGroups) {
  const auto with_groups = [](const std::string& groups) {
    return canonical("ENTRY e {\n x = f32[2] parameter(0)\n ROOT y = f32[2] collective-broadcast(x), replica_groups=" +
                     groups + "\n}");
  };
  EXPECT_EQ(with_groups("mesh['x'=2,'y'=2], {'x'}"), with_groups("mesh['x'=2,'y'=2] {'x'}"));
}

TEST(Notation, LayoutsLoseWhatSaysNothing) {
  EXPECT_EQ(print(parse_shape("f32[4,8]{0,1:D(D,D)T(2,4)E(0)S(0)}")), "f32[4,8]{0,1:T(2,4)}");
  EXPECT_EQ(print(parse_shape("f32[4,8]{1,0:S(0)}")), "f32[4,8]{1,0}");
}

TEST(Notation, AByteOrderMarkIsNoText) { EXPECT_EQ(canonical("\xef\xbb\xbf" + kCanonical), kCanonical); }

TEST(Notation, NamedShardingsAreTilesToo) {
  const HloSharding sharding = parse_sharding("{mesh['x'=2,'y'=4], [{'y':(2)2, 'x'}, {}], unreduced={'y':(1)2}}");
  EXPECT_EQ(sharding.kind, HloSharding::Kind::tiled);
  EXPECT_EQ(sharding.tiles, parse_sharding("{devices=[4,1,2]<=[4,2]T(1,0) last_tile_dims={unreduced}}").tiles);
  EXPECT_EQ(sharding.subgroups, std::vector{HloSharding::Subgroup::unreduced});
}

TEST(Notation, ValuesStandAlone) {
  const Literal matrix = parse_literal(Shape(DType::f32, {2, 2}), "{{1, -0.5}, {nan, 1e3}}");
  EXPECT_EQ(print(matrix), "{ { 1, -0.5 }, { nan, 1000 } }");
  EXPECT_EQ(print(parse_literal(Shape(DType::pred), "1")), "true");
  EXPECT_THROW(parse_literal(Shape(DType::f32, {2}), "{1, 2"), Error);
}

}  // namespace
}  // namespace gshard
