#include "text/verify.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "base/error.h"
#include "text/parse.h"

namespace gshard {
namespace {

// What reading and verifying `text` reports; "" where all is well.
std::string report_of(const std::string& text) {
  try {
    verify(*parse_module(text, "m.hlo"));
  } catch (const Error& error) {
    const auto& p = error.position();
    std::string place;
    if (p && p->line > 0) place = std::to_string(p->line) + ":" + std::to_string(p->column) + ": ";
    return place + error.what();
  }
  return "";
}

std::string report_of_changed(const std::function<void(Module&)>& change) {
  const auto module = parse_module(
      "HloModule m\n"
      "callee { x = f32[4] parameter(0)  ROOT y = f32[4] negate(x) }\n"
      "ENTRY main {\n  a = f32[4] parameter(0)\n  b = f32[4] call(a), to_apply=callee\n  ROOT c = f32[4] add(a, "
      "b)\n}\n",
      "m.hlo");
  change(*module);
  try {
    verify(*module);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Verify, NamesThePlaceTheInstructionAndTheModelLine) {
  EXPECT_EQ(report_of("HloModule m\nENTRY main {\n  a = f32[4] parameter(0)\n"
                      "  ROOT b = f32[5] add(a, a), metadata={source_file=\"model.py\" source_line=42}\n}\n"),
            "4:8: add: the result is declared as f32[5], but must be f32[4] (%b, from model.py:42)");
}

TEST(Verify, RefusesBrokenStructure) {
  EXPECT_EQ(report_of_changed([](Module&) {}), "");
  EXPECT_EQ(report_of_changed([](Module& m) { m.entry()->at(2)->set_name("a"); }),
            "add: the name %a stands twice in %main (%a)");
  EXPECT_EQ(report_of_changed([](Module& m) { m.entry()->at(1)->mutable_operands()[0] = m.entry()->at(2); }),
            "call: operand %c does not stand before it in %main (%b)");
  EXPECT_EQ(report_of_changed([](Module& m) { m.entry()->at(2)->mutable_operands()[0] = m.find("callee")->at(0); }),
            "add: operand %x does not stand before it in %main (%c)");
  EXPECT_EQ(report_of_changed(
                [](Module& m) { m.entry()->at(1)->mutable_control_predecessors().push_back(m.entry()->at(2)); }),
            "call: control predecessor %c does not stand before it in %main (%b)");
  EXPECT_EQ(report_of_changed([](Module& m) { m.entry()->at(1)->mutable_callees()[0] = m.entry(); }),
            "call: the called computation %main does not stand before %main in the module (%b)");
  EXPECT_EQ(report_of_changed([](Module& m) { m.entry()->set_root(nullptr); }), "computation %main has no root");
  EXPECT_EQ(report_of_changed([](Module& m) { m.entry()->set_root(m.find("callee")->root()); }),
            "the root %y of computation %main stands in another computation");
  EXPECT_EQ(report_of_changed([](Module& m) { m.entry()->set_name("callee"); }), "two computations are called %callee");
  EXPECT_EQ(report_of_changed([](Module& m) { m.set_entry(nullptr); }), "the module has no entry computation");
  EXPECT_EQ(report_of_changed([](Module& m) {
              m.entry()->at(0)->set_attributes(ParameterAttrs{1});
              m.entry()->renumber();
            }),
            "computation %main has no parameter 0 of 2");
}

// The entry with one annotated parameter of the given type.
std::string sharding_report(const std::string& type, const std::string& sharding) {
  return report_of("HloModule m\nENTRY main {\n  ROOT a = " + type + " parameter(0), sharding={" + sharding + "}\n}\n");
}

TEST(Verify, ShardingsFitTheirValues) {
  EXPECT_EQ(sharding_report("f32[8,4]", "devices=[2,1]<=[2]"), "");
  EXPECT_EQ(sharding_report("f32[8,4]", "devices=[2,1,4]<=[8] last_tile_dim_replicate"), "");
  EXPECT_EQ(sharding_report("f32[8,4]", "devices=[2,1,2,2]<=[8] last_tile_dims={manual, replicated}"), "");
  EXPECT_EQ(sharding_report("(f32[8],f32[4])", "{replicated}, {devices=[4]<=[4]}"), "");
  EXPECT_EQ(sharding_report("(f32[8],f32[4])", "replicated"), "");
  EXPECT_EQ(sharding_report("f32[8,4]", "devices=[2]<=[2]"),
            "3:8: sharding: devices=[2] tiles 1 dimensions, f32[8,4] has 2 (%a)");
  EXPECT_EQ(sharding_report("f32[8]", "devices=[3]0,1,1"), "3:8: sharding: devices=[3] names the device 1 twice (%a)");
  EXPECT_EQ(sharding_report("(f32[8],f32[4])", "{replicated}"),
            "3:8: sharding: 1 shardings for the 2 arrays of (f32[8], f32[4]) (%a)");
  EXPECT_EQ(sharding_report("(f32[8],f32[4,4])", "{replicated}, {devices=[4]<=[4]}"),
            "3:8: sharding: devices=[4] tiles 1 dimensions, f32[4,4] has 2 (%a)");
}

std::string header_report(const std::string& header) {
  return report_of("HloModule m, " + header +
                   "\nENTRY main {\n  a = f32[4] parameter(0)\n  b = (f32[4], s32[]) parameter(1)\n"
                   "  ROOT t = (f32[4], f32[2]) custom-call(a, b), custom_call_target=\"f\"\n}\n");
}

TEST(Verify, AliasesAndDonorsNameWhatExists) {
  EXPECT_EQ(header_report("input_output_alias={ {0}: (1, {0}, may-alias) }, buffer_donor={ (0, {}) }"), "");
  EXPECT_EQ(header_report("input_output_alias={ {2}: (0, {}, may-alias) }"),
            "input_output_alias: the result (f32[4], f32[2]) has no part {2}");
  EXPECT_EQ(header_report("input_output_alias={ {0}: (2, {}, may-alias) }"),
            "input_output_alias: there is no parameter 2, the entry computation has 2");
  EXPECT_EQ(header_report("input_output_alias={ {0}: (1, {5}, may-alias) }"),
            "input_output_alias: parameter 1 is (f32[4], s32[]), which has no part {5}");
  EXPECT_EQ(header_report("input_output_alias={ {1}: (0, {}, may-alias) }"),
            "input_output_alias: part {1} of the result is f32[2], part {} of parameter 0 is f32[4]");
  EXPECT_EQ(header_report("input_output_alias={ {0}: (0, {}, may-alias), {1}: (0, {}, may-alias) }"),
            "input_output_alias: part {} of parameter 0 stands twice");
  EXPECT_EQ(header_report("input_output_alias={ {0}: (0, {}, may-alias), {0}: (1, {0}, may-alias) }"),
            "input_output_alias: part {0} of the result stands twice");
  EXPECT_EQ(header_report("buffer_donor={ (7, {}) }"),
            "buffer_donor: there is no parameter 7, the entry computation has 2");
}

TEST(Verify, EntryLayoutIsThatOfTheEntry) {
  EXPECT_EQ(header_report("entry_computation_layout={(f32[4]{0}, (f32[4]{0}, s32[]))->(f32[4]{0}, f32[2]{0})}"), "");
  EXPECT_EQ(header_report("entry_computation_layout={(f32[4]{0})->(f32[4]{0}, f32[2]{0})}"),
            "entry_computation_layout has 1 parameters, the entry computation 2");
  EXPECT_EQ(header_report("entry_computation_layout={(f32[5]{0}, (f32[4]{0}, s32[]))->(f32[4]{0}, f32[2]{0})}"),
            "3:3: entry_computation_layout says f32[5] for parameter 0, which is f32[4] (%a)");
  EXPECT_EQ(header_report("entry_computation_layout={(f32[4]{0}, (f32[4]{0}, s32[]))->(f32[4]{0}, f32[3]{0})}"),
            "5:8: entry_computation_layout says (f32[4], f32[3]) for the result, which is (f32[4], f32[2]) (%t)");
}

TEST(Verify, LongChainsNeedNoStack) {
  std::string text = "HloModule m\nENTRY main {\n  x0 = f32[4] parameter(0)\n";
  constexpr int kLength = 50000;
  for (int i = 1; i <= kLength; ++i) {
    text +=
        (i == kLength ? "  ROOT x" : "  x") + std::to_string(i) + " = f32[4] negate(x" + std::to_string(i - 1) + ")\n";
  }
  EXPECT_EQ(report_of(text + "}\n"), "");
}

TEST(Verify, AcceptsRealModules) {
  if (!std::filesystem::exists(GSHARD_HLO_DIR)) GTEST_SKIP() << "no modules at " << GSHARD_HLO_DIR;
  size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(GSHARD_HLO_DIR)) {
    if (entry.path().extension() != ".hlo") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    EXPECT_EQ(report_of(text.str()), "") << entry.path();
    ++count;
  }
  EXPECT_GT(count, 0U);
}

}  // namespace
}  // namespace gshard
