#include "tools/arguments.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "eval/arguments.h"
#include "eval/evaluator.h"
#include "runtime/memory.h"
#include "runtime/argument_file.h"
#include "tools/table.h"
#include "tools/usage.h"
#include "transform/widen_floats.h"

namespace gshard {
namespace {

// Arguments that do not fit are better refused before the first of them is made.
void check_fits(const Module& module, int64_t limit) {
  std::vector<Shape> shapes;
  for (const Instruction* parameter : module.entry()->parameters()) shapes.push_back(parameter->shape());
  const int64_t bytes = Shape::tuple(std::move(shapes)).byte_size();
  if (bytes <= limit) return;
  throw Error::memory(
      fmt::format("the parameters take {}, of {} that may be used on this machine; 'gshard stats' needs no memory",
                  human_bytes(bytes), human_bytes(limit)));
}

}  // namespace

void add_argument_options(CLI::App& app, GivenArguments& options) {
  app.add_option("--args", options.args, "Read the arguments from a .npz, .npy or .safetensors file")->type_name("DATA.npz");
  add_count_option(app, "--seed", options.seed,
                   "Make up the arguments from this seed (default 0);\nwith --args, those that the file lacks");
  app.add_flag("--signed", options.signs, "Random floats of both signs");
  app.add_flag("--make-up-constants", options.make_up_constants,
               "Give random values to constants that the text left out ('{...}')");
}

std::vector<Literal> make_arguments(const Module& module, const Module& evaluated, const GivenArguments& options,
                                    const CLI::App& app) {
  check_fits(evaluated, memory_limit());
  std::vector<Literal> random;
  if (options.args.empty() || app.count("--seed") > 0) {
    random = random_arguments(module, options.seed, {options.signs ? Signs::both : Signs::positive});
    for (size_t i = 0; i < random.size(); ++i) {
      random[i] = convert_leaves(random[i], evaluated.entry()->parameter(i)->shape());
    }
  }
  if (options.args.empty()) return random;
  ReadArguments read = read_arguments(options.args, evaluated, std::move(random));
  for (const std::string& name : read.unused) spdlog::warn("{}: array '{}' is no parameter", options.args, name);
  return std::move(read.values);
}

EvaluateOptions evaluation_with(const GivenArguments& options) {
  EvaluateOptions evaluation;
  evaluation.make_up_constants = options.make_up_constants;
  evaluation.seed = options.seed;
  evaluation.memory_limit = memory_limit();
  return evaluation;
}

void check_constants(const Module& module, const GivenArguments& options) {
  if (options.make_up_constants) return;
  for (const auto& computation : module.computations()) {
    for (const auto& x : computation->instructions()) {
      if (x->op() != Op::constant || !x->attrs<ConstantAttrs>().value.is_elided()) continue;
      throw evaluation_error(*x, "has no values in the text; --make-up-constants gives it some");
    }
  }
}

}  // namespace gshard
