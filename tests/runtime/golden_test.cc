// The evaluator against XLA: every case of tests/golden (tests/peers/make_golden.py made them) is read, verified,
// printed, read again and evaluated, and gives the outputs that XLA's CPU client gave.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "eval/evaluate.h"
#include "golden_names.h"
#include "runtime/file.h"
#include "runtime/npy.h"
#include "runtime/argument_file.h"
#include "runtime/zip.h"
#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"
#include "tolerance.h"

namespace gshard {
namespace {

namespace fs = std::filesystem;

// Arrays of an archive by name, with the shape that they should have.
class Archive {
 public:
  explicit Archive(const std::string& path) : zip_(path) {}

  Literal read(const std::string& name, const Shape& shape) const {
    const auto is_it = [&](const ZipMember& member) { return member.name == name + ".npy"; };
    const auto member = std::find_if(zip_.members().begin(), zip_.members().end(), is_it);
    if (member == zip_.members().end()) throw Error::program("no array " + name);
    return to_literal(parse_npy(zip_.read(*member)), shape);
  }

 private:
  ZipReader zip_;
};

std::unique_ptr<Module> parse_and_verify(const std::string& text, const std::string& name) {
  std::unique_ptr<Module> module = parse_module(text, name);
  verify(*module);
  return module;
}

void expect_outputs(const Literal& result, const Archive& archive, const std::string& text) {
  const bool single = !result.shape().is_tuple();
  const size_t count = single ? 1 : result.elements().size();
  for (size_t i = 0; i < count; ++i) {
    const std::string name = single ? "result" : fmt::format("result.{}", i);
    const Literal& actual = single ? result : result.elements()[i];
    const Literal expected = archive.read(name, actual.shape());
    const auto difference = find_difference(actual, expected, Tolerance::of_output(text, i));
    if (difference) ADD_FAILURE() << name << ": " << *difference;
  }
}

void run_case(const fs::path& folder, const std::string& name) {
  const std::string text = read_text(folder / (name + ".hlo"));
  const std::string printed = print(*parse_and_verify(text, name));
  const auto module = parse_and_verify(printed, name + " (printed)");
  EXPECT_EQ(print(*module), printed) << "printing is not stable";

  const std::string arrays = folder / (name + ".npz");
  const std::vector<Literal> arguments = read_arguments(arrays, *module, {}).values;
  expect_outputs(evaluate(*module, arguments), Archive(arrays), text);
}

const fs::path kGolden = fs::path(GSHARD_TEST_DIR) / "golden";

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, EvaluatesAsXlaDoes) {
  const fs::path folder = kGolden / GetParam();
  for (const std::string& name : names_in(folder)) {
    SCOPED_TRACE(GetParam() + "/" + name);
    try {
      run_case(folder, name);
    } catch (const Error& error) {
      ADD_FAILURE() << error.report();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Golden, testing::ValuesIn(names_in(kGolden)),
                         [](const auto& family) { return family.param; });

}  // namespace
}  // namespace gshard
