// Any legal split equals the whole: for every sample of every op, under random annotations.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "eval/arguments.h"
#include "ops/table.h"
#include "runtime/file.h"
#include "runtime/argument_file.h"
#include "shard/against_the_whole.h"
#include "shard/random_annotations.h"
#include "shard/trials.h"
#include "text/parse.h"
#include "text/verify.h"
#include "transform/inline_calls.h"

namespace gshard {
namespace {

namespace fs = std::filesystem;

// Every *.hlo below tests/golden, with the arguments that lie beside it, and of tests/shard/samples, with random ones.
std::vector<std::string> sample_names() {
  const fs::path tests = GSHARD_TEST_DIR;
  std::vector<std::string> names;
  for (const char* folder : {"golden", "shard/samples"}) {
    for (const auto& entry : fs::recursive_directory_iterator(tests / folder)) {
      if (entry.path().extension() == ".hlo") names.push_back(fs::relative(entry.path(), tests).replace_extension());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool has_any(const Module& module, std::initializer_list<Op> ops) {
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (std::find(ops.begin(), ops.end(), instruction->op()) != ops.end()) return true;
    }
  }
  return false;
}

std::unique_ptr<Module> read_sample(const std::string& name) {
  const fs::path path = fs::path(GSHARD_TEST_DIR) / (name + ".hlo");
  auto module = parse_module(read_text(path), path.filename());
  verify(*module);
  // The partitioner is given programs without fusions and asynchronous calls.
  if (has_any(*module, {Op::fusion, Op::async_start})) inline_calls(*module, Fusions::dissolve);
  return module;
}

std::vector<Literal> arguments_of(const std::string& name, const Module& module, uint64_t seed) {
  const std::string arrays = fs::path(GSHARD_TEST_DIR) / (name + ".npz");
  if (fs::exists(arrays)) return read_arguments(arrays, module, {}).values;
  return seed % 2 == 0 ? random_arguments(module, seed, {Signs::both}) : wild_arguments(module, seed);
}

// Collectives have no meaning outside of a manual region, nor have the ends of one without its shardings: a clear
// refusal is right.
bool may_be_refused(const std::string& name) {
  return name.starts_with("golden/collective/") || name == "golden/odd/annotations";
}

class Samples : public testing::TestWithParam<std::string> {};

TEST_P(Samples, AreTheSameHoweverTheyAreCut) {
  const auto module = read_sample(GetParam());
  const uint64_t first = std::hash<std::string>()(GetParam()) % 1000 * 1000;
  for (uint64_t seed = first; seed < first + trials(3); ++seed) {
    const std::vector<Literal> arguments = arguments_of(GetParam(), *module, seed);
    const std::string mesh = annotate_at_random(*module, seed);
    const Verdict verdict = against_the_whole(*module, arguments, seed % 3 == 2 ? Numbers::declared : Numbers::widened);
    if (verdict.kind == Verdict::Kind::refused && may_be_refused(GetParam())) continue;
    ASSERT_EQ(verdict.kind, Verdict::Kind::same) << "seed " << seed << " on " << mesh << ": " << verdict.text;
  }
}

// An op that nobody tries is an op that nobody knows to work.
TEST(SamplesOfOps, HaveAllRowsOfTheTable) {
  // Data from or to elsewhere; dynamic sizes, which the text cannot say; collectives of manual regions.
  static constexpr Op kNone[] = {Op::infeed,
                                 Op::outfeed,
                                 Op::send,
                                 Op::send_done,
                                 Op::recv,
                                 Op::recv_done,
                                 Op::dynamic_reshape,
                                 Op::set_dimension_size,
                                 Op::ragged_all_to_all,
                                 Op::rng_get_and_update_state};
  std::set<Op> seen(std::begin(kNone), std::end(kNone));
  for (const std::string& name : sample_names()) {
    const auto module = parse_module(read_text(fs::path(GSHARD_TEST_DIR) / (name + ".hlo")));
    for (const auto& computation : module->computations()) {
      for (const auto& instruction : computation->instructions()) seen.insert(instruction->op());
    }
  }
  for (size_t op = 0; op < kOpCount; ++op)
    EXPECT_TRUE(seen.contains(static_cast<Op>(op))) << keyword_of(static_cast<Op>(op));
}

INSTANTIATE_TEST_SUITE_P(Shard, Samples, testing::ValuesIn(sample_names()), [](const auto& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '/' || c == '-'; }, '_');
  return name;
});

}  // namespace
}  // namespace gshard
