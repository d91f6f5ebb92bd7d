// Reading what numpy wrote (data/, by make_arrays.py), writing what it can read, and refusing what is broken.
#include "runtime/argument_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/small_float.h"
#include "runtime/npy.h"
#include "runtime/zip.h"
#include "text/parse.h"

namespace gshard {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

const std::string kData = std::string(GSHARD_TEST_DIR) + "/runtime/data/";

std::string temporary(const std::string& name) { return testing::TempDir() + name; }

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// A file in memory, which is written anew much faster than one on a disk.
class ScratchFile {
 public:
  ScratchFile() : descriptor_(::memfd_create("scratch", 0)) {}
  ~ScratchFile() { ::close(descriptor_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
  void write(std::string_view bytes) const {
    ASSERT_EQ(::ftruncate(descriptor_, 0), 0);
    ASSERT_EQ(::pwrite(descriptor_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }

 private:
  int descriptor_;
};

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

NumpyArray array_of(const std::string& archive, const std::string& name) {
  const ZipReader zip(archive);
  for (const ZipMember& member : zip.members()) {
    if (member.name == name + ".npy") return parse_npy(zip.read(member));
  }
  throw std::runtime_error("no array " + name);
}

Literal read(const std::string& name, const Shape& shape, const std::string& archive = "stored.npz") {
  return to_literal(array_of(kData + archive, name), shape);
}

std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::program);
    return error.what();
  }
  return "no error";
}

const std::vector<float> kMatrix = {0, 0.25, 0.5, 0.75, 1, 1.25};

class EveryArchive : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Numpy, EveryArchive, testing::Values("stored.npz", "deflated.npz"),
                         [](const auto& info) { return info.param.substr(0, info.param.find('.')); });

TEST_P(EveryArchive, NumpysTypesAreRead) {
  const Shape matrix(DType::f32, {2, 3});
  EXPECT_THAT(read("f32", matrix, GetParam()).values<float>(), ElementsAreArray(kMatrix));
  EXPECT_THAT(read("fortran", matrix, GetParam()).values<float>(), ElementsAreArray(kMatrix));
  EXPECT_THAT(read("big_endian", matrix, GetParam()).values<float>(), ElementsAreArray(kMatrix));
  EXPECT_THAT(read("f64", Shape(DType::f64, {2, 3}), GetParam()).values<double>(), ElementsAreArray(kMatrix));
  EXPECT_THAT(read("s64", Shape(DType::s64, {3}), GetParam()).values<int64_t>(), ElementsAre(1, -2, 3000000000));
  EXPECT_THAT(read("u8", Shape(DType::u8, {2}), GetParam()).values<uint8_t>(), ElementsAre(0, 255));
  EXPECT_THAT(read("pred", Shape(DType::pred, {3}), GetParam()).values<uint8_t>(), ElementsAre(1, 0, 1));
  EXPECT_THAT(read("c64", Shape(DType::c64, {2}), GetParam()).values<std::complex<float>>(),
              ElementsAre(std::complex<float>(1, 2), std::complex<float>(0, -0.5)));
  EXPECT_THAT(read("scalar", Shape(DType::f32), GetParam()).values<float>(), ElementsAre(2.5));
  EXPECT_EQ(read("empty", Shape(DType::f32, {0, 4}), GetParam()).byte_size(), 0);
}

TEST_P(EveryArchive, SmallFloatsAreReadFromTheirCodes) {
  for (const char* name : {"bf16", "bf16_codes"}) {
    const Literal value = read(name, Shape(DType::bf16, {2, 3}), GetParam());
    for (size_t i = 0; i < 6; ++i) EXPECT_EQ(static_cast<float>(value.values<BF16>()[i]), kMatrix[i]) << name;
  }
  const Literal value = read("f8", Shape(DType::f8e4m3fn, {2, 3}), GetParam());
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(static_cast<float>(value.values<F8E4M3FN>()[i]), kMatrix[i]);
  EXPECT_THAT(read("bf16", Shape(DType::f64, {2, 3}), GetParam()).values<double>(), ElementsAreArray(kMatrix));
}

TEST(Npy, OtherTypesAreTakenWhereEveryValueIsExact) {
  EXPECT_THAT(read("f32", Shape(DType::f64, {2, 3})).values<double>(), ElementsAreArray(kMatrix));
  EXPECT_THAT(read("f64", Shape(DType::f32, {2, 3})).values<float>(), ElementsAreArray(kMatrix));
  EXPECT_THAT(read("s32", Shape(DType::s8, {3})).values<int8_t>(), ElementsAre(1, -2, 3));
  const Literal bf16 = read("f32", Shape(DType::bf16, {2, 3}));
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(static_cast<float>(bf16.values<BF16>()[i]), kMatrix[i]);
  EXPECT_THAT(refusal([] { read("s64", Shape(DType::s32, {3})); }),
              HasSubstr("it is int64[3], the parameter is s32[3], which cannot hold its element 2 (3000000000)"));
  EXPECT_THAT(refusal([] { read("s32", Shape(DType::u32, {3})); }), HasSubstr("element 1 (-2)"));
  EXPECT_THAT(refusal([] { read("f32", Shape(DType::f4e2m1fn, {2, 3})); }), HasSubstr("element 1 (0.25)"));
}

TEST(Npy, WrongShapesAndClassesAreRefusedWithBothShapes) {
  EXPECT_EQ(refusal([] { read("f32", Shape(DType::f32, {3, 2})); }), "it is float32[2,3], the parameter is f32[3,2]");
  EXPECT_EQ(refusal([] { read("f32", Shape(DType::s32, {2, 3})); }), "it is float32[2,3], the parameter is s32[2,3]");
  EXPECT_EQ(refusal([] { read("s32", Shape(DType::f32, {3})); }), "it is int32[3], the parameter is f32[3]");
  EXPECT_EQ(refusal([] { read("f8", Shape(DType::f32, {2, 3})); }), "it is V1[2,3], the parameter is f32[2,3]");
  EXPECT_THAT(refusal([] { read("text", Shape(DType::f32, {2}), "odd.npz"); }), HasSubstr("'<U1'"));
  EXPECT_THAT(refusal([] { read("records", Shape(DType::f32, {2}), "odd.npz"); }), HasSubstr("records"));
}

template <class T>
Literal literal_of(const Shape& shape, std::initializer_list<T> values) {
  Literal literal(shape);
  std::copy(values.begin(), values.end(), literal.mutable_values<T>().begin());
  return literal;
}

TEST(Npz, WhatIsWrittenIsReadBack) {
  const Literal x = literal_of<float>(Shape(DType::f32, {2, 2}), {1, -2, INFINITY, 4});
  const Literal y = literal_of<BF16>(Shape(DType::bf16, {3}), {BF16(1.5F), BF16(-0.0F), BF16(NAN)});
  const Literal z = literal_of<int8_t>(Shape(DType::s4, {3}), {-8, 7, 0});
  const Literal scalar = literal_of<uint8_t>(Shape(DType::pred), {1});
  const std::string path = temporary("round_trip.npz");
  ResultWriter(path).write(Literal::tuple({x, Literal::tuple({y, z, Literal(Shape::token())}), scalar}));
  EXPECT_EQ(to_literal(array_of(path, "result.0"), x.shape()), x);
  EXPECT_EQ(to_literal(array_of(path, "result.1.0"), y.shape()), y);
  EXPECT_EQ(to_literal(array_of(path, "result.1.1"), z.shape()), z);
  EXPECT_EQ(to_literal(array_of(path, "result.2"), scalar.shape()), scalar);
  EXPECT_EQ(ZipReader(path).members().size(), 4);
  EXPECT_EQ(array_of(path, "result.1.0").to_string(), "float32[3]");
  EXPECT_EQ(array_of(path, "result.1.1").to_string(), "int8[3]");
}

TEST(Npz, TheHeaderIsAlignedAsNumpyPromises) {
  for (const Dims& dims : {Dims{}, Dims{7}, Dims{1, 2, 3}, Dims{1000000, 1000000, 1000000, 1000000, 1000000}}) {
    const std::string header = npy_header(Shape(DType::f32, dims));
    EXPECT_EQ(header.size() % 64, 0);
    EXPECT_EQ(header.back(), '\n');
  }
  EXPECT_THAT(npy_header(Shape(DType::f32, {7})),
              HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': (7,), }"));
  EXPECT_THAT(npy_header(Shape(DType::pred)), HasSubstr("{'descr': '|b1', 'fortran_order': False, 'shape': (), }"));
}

// ---- arguments ----------------------------------------------------------------------------------------------------

constexpr const char* kThreeParameters = R"(HloModule m
ENTRY main {
  x = f32[2,3] parameter(0)
  pair = (s32[3], (bf16[2,3], token[])) parameter(1)
  ROOT y = f32[2,3] negate(x)
}
)";

std::string archive_of(const std::string& name, const std::vector<std::pair<std::string, Literal>>& arrays) {
  const std::string path = temporary(name);
  ZipWriter zip(path);
  for (const auto& [key, value] : arrays) {
    const std::string header = npy_header(value.shape());
    const std::span<const std::byte> parts[] = {std::as_bytes(std::span(header)),
                                                {value.bytes(), static_cast<size_t>(value.byte_size())}};
    zip.add(key + ".npy", parts);
  }
  zip.finish();
  return path;
}

const Literal kX = literal_of<float>(Shape(DType::f32, {2, 3}), {1, 2, 3, 4, 5, 6});
const Literal kIds = literal_of<int32_t>(Shape(DType::s32, {3}), {7, 8, 9});

TEST(ReadArguments, ParametersAreFoundByNameAndNumber) {
  const auto module = parse_module(kThreeParameters);
  for (const auto& [first, second, third] :
       {std::tuple("x", "pair.0", "pair.1.0"), std::tuple("arg0", "arg1.0", "1.1.0"),
        std::tuple("0", "1.0", "arr_1.1.0"), std::tuple("arr_0", "arr_1.0", "arg1.1.0")}) {
    const std::string path = archive_of("named.npz", {{first, kX}, {second, kIds}, {third, kX}});
    const ReadArguments read = read_arguments(path, *module, {});
    ASSERT_EQ(read.values.size(), 2);
    EXPECT_EQ(read.values[0], kX);
    EXPECT_EQ(read.values[1].elements()[0], kIds);
    EXPECT_EQ(static_cast<float>(read.values[1].elements()[1].elements()[0].values<BF16>()[5]), 6);
    EXPECT_TRUE(read.unused.empty());
  }
}

TEST(ReadArguments, MissingArraysAreNamedOrReplaced) {
  const auto module = parse_module(kThreeParameters);
  const std::string path = archive_of("missing.npz", {{"x", kX}, {"pair.0", kIds}, {"z", kX}});
  const std::string message = refusal([&] { read_arguments(path, *module, {}); });
  EXPECT_THAT(message, HasSubstr("no array for parameter pair.1.0 of shape bf16[2,3]: none is called 'pair.1.0', "
                                 "'arg1.1.0', '1.1.0' or 'arr_1.1.0'; there are pair.0, x, z"));
  std::vector<Literal> defaults;
  for (const Instruction* parameter : module->entry()->parameters()) defaults.emplace_back(parameter->shape());
  const ReadArguments read = read_arguments(path, *module, defaults);
  EXPECT_EQ(read.values[0], kX);
  EXPECT_EQ(read.values[1].elements()[1], defaults[1].elements()[1]);
  EXPECT_THAT(read.unused, ElementsAre("z"));
}

TEST(ReadArguments, AnArrayOfTheWrongShapeIsNamedWithItsParameter) {
  const auto module = parse_module(kThreeParameters);
  const std::string path = archive_of("wrong.npz", {{"arg0", kIds}});
  EXPECT_EQ(refusal([&] { read_arguments(path, *module, {}); }),
            path + ": array 'arg0' for parameter x: it is int32[3], the parameter is f32[2,3]");
}

TEST(ReadArguments, ASingleArrayFileIsTheFirstParameter) {
  const auto module = parse_module("HloModule m\nENTRY main {\n  ROOT v = f32[2] parameter(0)\n}\n");
  EXPECT_THAT(read_arguments(kData + "vector.npy", *module, {}).values[0].values<float>(), ElementsAre(1.5, 2.5));
}

// ---- hostile files ------------------------------------------------------------------------------------------------

TEST(HostileArchive, NoArchiveIsRefused) {
  write_file(temporary("not.npz"), "HloModule m");
  EXPECT_THAT(refusal([] { ZipReader zip(temporary("not.npz")); }), HasSubstr("not a zip archive"));
  write_file(temporary("none.npz"), "");
  EXPECT_THAT(refusal([] { ZipReader zip(temporary("none.npz")); }), HasSubstr("not a zip archive"));
  EXPECT_THAT(refusal([] { ZipReader zip(temporary("absent.npz")); }), HasSubstr("No such file"));
  EXPECT_THAT(refusal([] { ZipReader zip(testing::TempDir()); }), HasSubstr("directory"));
}

// Reads everything in an archive; what it throws must be an Error(program).
void read_everything(const std::string& path) {
  try {
    const ZipReader zip(path);
    for (const ZipMember& member : zip.members()) {
      const NumpyArray array = parse_npy(zip.read(member));
      to_literal(array, Shape(DType::f32, array.dims));
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::program);
  }
}

TEST(HostileArchive, TruncatedArchivesAreRefused) {
  const ScratchFile file;
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string whole = read_file(kData + name);
    for (size_t size = 0; size < whole.size(); size += 3) {
      file.write(std::string_view(whole).substr(0, size));
      EXPECT_THAT(refusal([&] { ZipReader zip(file.path()); }), HasSubstr("zip archive"));
    }
  }
}

TEST(HostileArchive, ChangedBytesNeverDoMoreThanAnError) {
  const ScratchFile file;
  for (const char* name : {"stored.npz", "deflated.npz"}) {
    const std::string whole = read_file(kData + name);
    for (size_t at = 0; at < whole.size(); at += 3) {
      for (const char value : {'\x00', '\x7f', '\xff'}) {
        std::string changed = whole;
        changed[at] = value;
        file.write(changed);
        read_everything(file.path());
      }
    }
  }
}

TEST(HostileArchive, AnInflatedSizeThatCannotBeIsRefused) {
  // The size stands in the directory at 24 bytes after each entry's start.
  std::string bytes = read_file(kData + "deflated.npz");
  const size_t entry = bytes.rfind("PK\x01\x02");
  ASSERT_NE(entry, std::string::npos);
  std::memcpy(bytes.data() + entry + 24, "\xfe\xff\xff\xff", 4);
  write_file(temporary("claims.npz"), bytes);
  const ZipReader zip(temporary("claims.npz"));
  EXPECT_THAT(refusal([&] { zip.read(zip.members().back()); }), HasSubstr("claims 4294967294 bytes"));
}

std::vector<std::byte> npy_bytes(const std::string& dictionary, size_t payload) {
  std::string text = "\x93NUMPY";
  text += {'\x01', '\x00', static_cast<char>(dictionary.size()), '\x00'};
  text += dictionary + std::string(payload, '\0');
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

TEST(HostileArray, BadHeadersAreRefused) {
  const auto message = [](const std::string& dictionary, size_t payload = 8) {
    return refusal([&] { parse_npy(npy_bytes(dictionary, payload)); });
  };
  EXPECT_EQ(message("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"), "no error");
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"),
              HasSubstr("float32[3] takes 12 bytes, the file holds 8"));
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 8), }"),
              HasSubstr("takes"));
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': True, 'shape': (9223372036854775807, 8, 0), }", 0),
              "no error");
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }"), HasSubstr("shape"));
  EXPECT_THAT(message("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }"), HasSubstr("True or False"));
  EXPECT_THAT(message("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }"), HasSubstr("'|O'"));
  EXPECT_THAT(message("{'descr': '<f400000000000000000000', 'fortran_order': False, 'shape': (2,), }"),
              HasSubstr("type"));
  EXPECT_THAT(message("{'descr': '<f4', 'shape': (2"), HasSubstr("shape"));
  EXPECT_THAT(message("{'descr"), HasSubstr("string"));
  EXPECT_THAT(message(""), HasSubstr("expected '{'"));
  EXPECT_THAT(refusal([] { parse_npy({}); }), HasSubstr("it is no .npy array"));
  EXPECT_THAT(refusal([] { parse_npy(npy_bytes("", 0)); }), HasSubstr("expected"));
}

TEST(ZipWriter, AFileThatIsNotFinishedLeavesWhatWasThere) {
  const std::string path = temporary("unfinished.npz");
  write_file(path, "before");
  { ZipWriter zip(path); }
  EXPECT_EQ(read_file(path), "before");
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
  ZipWriter zip(path);
  zip.finish();
  EXPECT_TRUE(ZipReader(path).members().empty());
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST(ZipWriter, PathsThatCannotBeWrittenAreNamed) {
  EXPECT_THAT(refusal([] { ZipWriter zip("/nowhere/x.npz"); }), HasSubstr("/nowhere/x.npz: cannot create it"));
  EXPECT_THAT(refusal([] { ZipWriter zip(testing::TempDir()); }), HasSubstr("it is a directory"));
  ZipWriter("/dev/null").finish();
}

}  // namespace
}  // namespace gshard
