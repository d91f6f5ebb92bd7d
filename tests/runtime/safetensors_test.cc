// The format by hand: what a file of it looks like, byte by byte, what is read from it, and what is refused.
#include "runtime/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/small_float.h"
#include "runtime/argument_file.h"
#include "runtime/array_archive.h"
#include "scratch_folder.h"
#include "text/parse.h"

namespace gshard {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A file of this header and this many bytes behind it: 0, 1, 2, ...
std::string file_of(const std::string& header, size_t bytes) {
  std::string file(8, '\0');
  for (size_t i = 0; i < 8; ++i) file[i] = static_cast<char>(header.size() >> (8 * i));
  file += header;
  for (size_t i = 0; i < bytes; ++i) file += static_cast<char>(i);
  return file;
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::program);
    return error.what();
  }
  return "no error";
}

std::string refusal_of(const std::string& bytes) {
  const ScratchFolder folder;
  const std::string path = folder.write("x.safetensors", bytes);
  std::string message = message_of([&] { SafetensorsFile file(path); });
  if (message.starts_with(path + ": ")) message.erase(0, path.size() + 2);
  return message;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

template <class T>
Literal literal_of(DType type, std::vector<T> values) {
  Literal literal(Shape(type, {static_cast<int64_t>(values.size())}));
  std::ranges::copy(values, literal.mutable_values<T>().begin());
  return literal;
}

// ---- reading ----------------------------------------------------------------------------------------------------

TEST(Safetensors, ReadsArraysAndMetadataOfAFileWrittenByHand) {
  const ScratchFolder folder;
  const std::string header = "{\"__metadata__\":{\"format\":\"pt\"}," + entry("b", "U8", "[2,1]", "[4,6]") + "," +
                             entry("a", "I16", "[2]", "[0,4]") + "," + entry("none", "F32", "[0,5]", "[6,6]") + "," +
                             entry("one", "BOOL", "[]", "[6,7]") + "}   ";
  const SafetensorsFile file(folder.write("x.safetensors", file_of(header, 7)));
  EXPECT_THAT(file.metadata(), ElementsAre(testing::Pair("format", "pt")));
  EXPECT_EQ(file.arrays().size(), 4);
  EXPECT_EQ(file.arrays().at("b").to_string(), "U8[2,1]");
  EXPECT_THAT(file.read("a").values<int16_t>(), ElementsAre(0x0100, 0x0302));
  EXPECT_EQ(file.read("b").shape(), Shape(DType::u8, {2, 1}));
  EXPECT_THAT(file.read("b").values<uint8_t>(), ElementsAre(4, 5));
  EXPECT_EQ(file.read("none").shape(), Shape(DType::f32, {0, 5}));
  EXPECT_THAT(file.read("one").values<uint8_t>(), ElementsAre(1)) << "6, which is true";
}

TEST(Safetensors, TypesWithoutACounterpartAreRefusedWhenTheyAreRead) {
  const ScratchFolder folder;
  const std::string header =
      "{" + entry("odd", "F6_E2M3", "[4]", "[0,3]") + "," + entry("b", "U8", "[1]", "[3,4]") + "}";
  const std::string path = folder.write("x.safetensors", file_of(header, 4));
  const SafetensorsFile file(path);
  EXPECT_THAT(file.read("b").values<uint8_t>(), ElementsAre(3));
  EXPECT_EQ(message_of([&] { file.read("odd"); }), path + ": 'odd': F6_E2M3[4] is a type that nothing here has");
}

// ---- writing ----------------------------------------------------------------------------------------------------

TEST(Safetensors, WritesAlignedArraysBehindAHeaderOfMultiplesOfEight) {
  const ScratchFolder folder;
  const std::string path = folder.path("x.safetensors");
  const std::vector<Literal> values = {literal_of<uint8_t>(DType::u8, {7}), literal_of<float>(DType::f32, {1})};
  ArrayWriter(path).write({{"small", values[0].shape()}, {"wide", values[1].shape()}},
                          [&](size_t i) { return values[i]; }, {{"step", "3"}});
  std::string header = "{\"__metadata__\":{\"step\":\"3\"}," + entry("wide", "F32", "[1]", "[0,4]") + "," +
                       entry("small", "U8", "[1]", "[4,5]") + "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(folder.read("x.safetensors"), file_of(header, 0) + std::string("\x00\x00\x80\x3f\x07", 5));
}

TEST(Safetensors, WhatIsWrittenIsReadBackInItsTypeOrTheNextThatHoldsIt) {
  const ScratchFolder folder;
  const std::string path = folder.path("x.safetensors");
  const std::vector<Literal> values = {
      literal_of<BF16>(DType::bf16, {BF16(1.5F), BF16(-0.0F)}), literal_of<int8_t>(DType::s4, {-8, 7}),
      literal_of<F8E4M3>(DType::f8e4m3, {F8E4M3(0.5F)}),        literal_of<double>(DType::f64, {1e-300}),
      literal_of<std::complex<float>>(DType::c64, {{1, -2}}),   literal_of<uint8_t>(DType::pred, {1, 0})};
  std::vector<ArrayEntry> entries;
  for (const Literal& value : values) entries.push_back({"x" + std::to_string(entries.size()), value.shape()});
  ArrayWriter(path).write(entries, [&](size_t i) { return values[i]; });
  const auto archive = ArrayArchive::open(path);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(archive->read(entries[i].name, entries[i].shape), values[i]) << entries[i].name;
  }
  const SafetensorsFile file(path);
  EXPECT_EQ(file.arrays().at("x0").to_string(), "BF16[2]");
  EXPECT_EQ(file.arrays().at("x1").to_string(), "I8[2]");
  EXPECT_EQ(file.arrays().at("x2").to_string(), "F32[1]");
}

TEST(Safetensors, NamesThatStandTwiceAndTypesThatNothingHoldsAreNotWritten) {
  const ScratchFolder folder;
  const std::string path = folder.path("x.safetensors");
  const auto write = [&](const std::vector<ArrayEntry>& entries) {
    return message_of([&] { ArrayWriter(path).write(entries, [&](size_t i) { return Literal(entries[i].shape); }); });
  };
  EXPECT_EQ(write({{"x", Shape(DType::c128, {1})}}), path + ": safetensors have no type for 'x', c128; write a .npz");
  EXPECT_EQ(write({{"x", Shape(DType::f32)}, {"x", Shape(DType::s8)}}), path + ": no two arrays may be called 'x'");
  EXPECT_EQ(write({{"__metadata__", Shape(DType::f32)}}), path + ": no two arrays may be called '__metadata__'");
  EXPECT_FALSE(std::filesystem::exists(path));
}

// ---- programs ---------------------------------------------------------------------------------------------------

TEST(Safetensors, ArgumentsAndResultsOfPrograms) {
  const ScratchFolder folder;
  const auto module = parse_module(
      "HloModule m\nENTRY main {\n  x = bf16[2] parameter(0)\n  y = s32[1] parameter(1)\n  ROOT t = (bf16[2], s32[1]) "
      "tuple(x, y)\n}\n");
  const Literal x = literal_of<BF16>(DType::bf16, {BF16(1.5F), BF16(-2.0F)});
  const Literal y = literal_of<int32_t>(DType::s32, {5});
  const std::string path = folder.path("x.safetensors");
  ResultWriter(path).write(Literal::tuple({x, y}));
  EXPECT_EQ(SafetensorsFile(path).arrays().at("result.0").to_string(), "BF16[2]");
  ArrayWriter(path).write({{"x", x.shape()}, {"arg1", y.shape()}}, [&](size_t i) { return i == 0 ? x : y; });
  const ReadArguments read = read_arguments(path, *module, {});
  EXPECT_THAT(read.values, ElementsAre(x, y));
  ArrayWriter(path).write({{"x", y.shape()}, {"arg1", y.shape()}}, [&](size_t) { return y; });
  EXPECT_EQ(message_of([&] { read_arguments(path, *module, {}); }),
            path + ": array 'x' for parameter x: it is I32[1], the parameter is bf16[2]");
}

// ---- hostile files ------------------------------------------------------------------------------------------------

TEST(HostileSafetensors, SizesThatCannotBeAreRefused) {
  EXPECT_EQ(refusal_of(""), "it has 0 bytes, too few for a safetensors file");
  EXPECT_EQ(refusal_of("HloModule m {}"),
            "it claims a header of 7815263157574659144 bytes, of 100000000 at most: it is no safetensors file");
  EXPECT_EQ(refusal_of(std::string("\xff\x00\x00\x00\x00\x00\x00\x00{}", 10)),
            "it claims a header of 255 bytes and has 10 in all: it is cut off");
}

TEST(HostileSafetensors, HeadersThatAreNoneAreRefused) {
  EXPECT_THAT(refusal_of(file_of("", 0)), HasSubstr("its header is no JSON"));
  EXPECT_THAT(refusal_of(file_of("{\"a\":", 0)), HasSubstr("its header is no JSON"));
  EXPECT_THAT(refusal_of(file_of("{\"\xff\":{}}", 0)), HasSubstr("its header is no JSON"));
  EXPECT_EQ(refusal_of(file_of("[]", 0)), "its header is no JSON object");
  EXPECT_EQ(refusal_of(file_of(std::string(1000000, '['), 0)),
            "its header is nested more deeply than the format has it");
  EXPECT_EQ(
      refusal_of(file_of("{" + entry("a", "U8", "[0]", "[0,0]") + "," + entry("a", "U8", "[0]", "[0,0]") + "}", 0)),
      "its header has 'a' twice");
}

TEST(HostileSafetensors, EntriesThatDoNotHoldAreRefused) {
  const auto of = [](const std::string& text, size_t bytes = 4) {
    return refusal_of(file_of("{" + text + "}", bytes));
  };
  EXPECT_EQ(of(entry("a", "F32", "[1]", "[0,4]")), "no error");
  EXPECT_EQ(of("\"a\":3"), "'a': it is described by no JSON object");
  EXPECT_EQ(of("\"a\":{}"), "'a': it has no 'dtype'");
  EXPECT_EQ(of(R"("a":{"dtype":3})"), "'a': its 'dtype' is no string");
  EXPECT_EQ(of(entry("a", "F32", "3", "[0,4]")), "'a': its 'shape' is no list of sizes");
  EXPECT_EQ(of(entry("a", "F32", "[-1]", "[0,4]")), "'a': -1 is no size");
  EXPECT_EQ(of(entry("a", "F32", "[1.5]", "[0,4]")), "'a': 1.5 is no size");
  EXPECT_EQ(of(entry("a", "F32", "[18446744073709551615]", "[0,4]")), "'a': 18446744073709551615 is no size");
  EXPECT_EQ(of(entry("a", "F32", "[9223372036854775807,9223372036854775807]", "[0,4]")),
            "'a': F32[9223372036854775807,9223372036854775807] takes 9223372036854775807 bytes, its 'data_offsets' are "
            "[0,4]");
  EXPECT_EQ(of(entry("a", "F32", "[1]", "[4,0]")), "'a': its 'data_offsets' are no begin and end");
  EXPECT_EQ(of(entry("a", "F32", "[1]", "[0]")), "'a': its 'data_offsets' are no begin and end");
  EXPECT_EQ(of(entry("a", "F32", "[1]", "[0,1,2]")), "'a': its 'data_offsets' has 3 numbers, of 2 at most");
  EXPECT_EQ(of(entry("a", "F32", "[2]", "[0,4]")), "'a': F32[2] takes 8 bytes, its 'data_offsets' are [0,4]");
  EXPECT_EQ(of(R"("__metadata__":[])", 0), "'__metadata__': it is no JSON object");
  EXPECT_EQ(of(R"("__metadata__":{"a":1})", 0), "'__metadata__': 'a' is no string");
}

TEST(HostileSafetensors, OverlapsAndGapsAreRefused) {
  const auto of = [](const std::string& first, const std::string& second, size_t bytes) {
    return refusal_of(
        file_of("{" + entry("a", "U8", "[2]", first) + "," + entry("b", "U8", "[2]", second) + "}", bytes));
  };
  EXPECT_EQ(of("[0,2]", "[2,4]", 4), "no error");
  EXPECT_EQ(of("[0,2]", "[1,3]", 4), "'b' begins at 1, where 2 was due");
  EXPECT_EQ(of("[0,2]", "[3,5]", 5), "'b' begins at 3, where 2 was due");
  EXPECT_EQ(of("[0,2]", "[2,4]", 5), "its arrays take 4 bytes, and 5 follow its header");
  EXPECT_EQ(of("[0,2]", "[2,4]", 3), "its arrays take 4 bytes, and 3 follow its header");
}

// Every file that differs in one byte, and every beginning, is read or refused, and never more than that.
TEST(HostileSafetensors, ChangedAndCutFilesNeverDoMoreThanAnError) {
  const ScratchFolder folder;
  const std::string path = folder.path("x.safetensors");
  const std::string whole = file_of("{" + entry("a", "F32", "[1,2]", "[0,8]") + "," +
                                        entry("b", "I8", "[3]", "[8,11]") + "," + R"("__metadata__":{"k":"v"}})",
                                    11);
  const auto read_all = [&](const std::string& bytes) {
    folder.write("x.safetensors", bytes);
    try {
      const SafetensorsFile file(path);
      for (const auto& [name, array] : file.arrays()) file.read(name);
      return true;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::program);
      return false;
    }
  };
  ASSERT_TRUE(read_all(whole));
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(read_all(whole.substr(0, size)));
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const char value : {'\x00', '\x30', '\x39', '\x5b', '\x7f', '\xff'}) {
      std::string changed = whole;
      changed[at] = value;
      read_all(changed);
    }
  }
}

}  // namespace
}  // namespace gshard
